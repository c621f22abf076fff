"""The accumulating discount, and the programme that it belongs to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_earning import BASE, cancelled, publish

from loyalty.app import SERVICE
from loyalty.discounts.rules import Step, discount_of, is_rising
from loyalty.programmes.the_programme import PROGRAMME_ID
from shared.contracts.customers import CustomerMerged
from shared.testing.bus import deliver

SCALE = {"window_days": 30, "steps": [{"from_minor": 1_000, "percent_bp": 300}, {"from_minor": 5_000, "percent_bp": 500}]}
PATH = f"/v1/programmes/{PROGRAMME_ID}"
scales = st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10**4)), min_size=1, max_size=6).map(
    lambda pairs: [Step(*pair) for pair in zip(sorted({a for a, _ in pairs}), sorted({b for _, b in pairs}), strict=False)]
)


async def set_scale(client, scale=SCALE) -> None:
    etag = (await client.get(PATH)).headers["etag"]
    answer = await client.patch(PATH, json={"discount": scale}, headers={"if-match": etag})
    assert answer.status_code == 200, answer.text


async def discount(client, day: int, customer="cus_1") -> tuple[int, int, int | None]:
    told = (await client.get(f"/v1/members/{customer}/discount", params={"as_of": f"2026-01-{day:02}T12:00:00Z"})).json()
    return told["bought_minor"], told["percent_bp"], told["missing_minor"]


@given(scales, st.integers(0, 10**6), st.integers(0, 10**6))
def test_who_buys_more_never_gets_less_and_the_next_step_is_where_it_says(steps, bought, more):
    assert is_rising(steps)
    now = discount_of(steps, bought)
    assert discount_of(steps, bought + more).percent_bp >= now.percent_bp
    if now.missing_minor is not None:
        assert discount_of(steps, bought + now.missing_minor).percent_bp == now.next_percent_bp
        assert discount_of(steps, bought + now.missing_minor - 1).percent_bp == now.percent_bp


async def test_the_percentage_grows_with_what_was_bought_and_falls_with_what_came_back(client, ledger, story):
    await set_scale(client)
    orders = [story.placed("ord_1", 900, on=1), story.placed("ord_2", 4_500, on=5), story.placed("ord_3", 700, on=8)]
    await ledger.hear(*orders, story.returned(orders[1], "ret_1", 1_000, on=10))
    await publish(ledger, BASE)
    await ledger.hear(cancelled(orders[2]).model_copy(update={"cancelled_at": orders[1].placed_at.replace(day=12)}))
    assert await discount(client, 3) == (900, 0, 100)
    assert await discount(client, 7) == (5_400, 500, None)
    assert await discount(client, 9) == (6_100, 500, None)
    assert await discount(client, 11) == (5_100, 500, None)
    assert await discount(client, 13) == (4_400, 300, 600)
    later = (await client.get("/v1/members/cus_1/discount", params={"as_of": "2026-03-01T00:00:00Z"})).json()
    assert (later["bought_minor"], later["percent_bp"], later["window_from"]) == (0, 0, "2026-01-30T00:00:00Z")


async def test_a_family_buys_together(client, ledger, story):
    await set_scale(client)
    await ledger.hear(story.placed("ord_1", 600), story.placed("ord_2", 600, "cus_2"))
    at = story.registered().registered_at
    await deliver(ledger.database, SERVICE, [(CustomerMerged(merge_id="mrg_1", survivor_id="cus_1", merged_id="cus_2", merged_at=at), 1)])
    assert await discount(client, 5) == await discount(client, 5, "cus_2") == (1_200, 300, 3_800)


async def test_members_see_their_own_only(client, ledger, story, token_of):
    await ledger.hear(story.placed("ord_1", 600), story.placed("ord_2", 600, "cus_2"))
    assert (await client.get("/v1/members/cus_1/discount")).json()["code"] == "no_discount_scale"
    await set_scale(client)
    headers = {"authorization": f"Bearer {token_of('cus_1')}"}
    assert (await client.get("/v1/members/cus_1/discount", headers=headers)).status_code == 200
    assert (await client.get("/v1/members/cus_2/discount", headers=headers)).status_code == 404
    assert (await client.get("/v1/members/cus_none/discount")).json()["code"] == "member_not_found"


async def test_a_programme_is_changed_by_who_saw_it(client):
    before = await client.get(PATH)
    change = {"zone": "Europe/Riga", "refund_policy": "within_balance", "discount": SCALE}
    after = await client.patch(PATH, json=change, headers={"if-match": before.headers["etag"]})
    assert after.json() == before.json() | change
    assert (await client.patch(PATH, json=change, headers={"if-match": before.headers["etag"]})).status_code == 412
    ended = await client.patch(PATH, json={"discount": None}, headers={"if-match": after.headers["etag"]})
    assert ended.json() == after.json() | {"discount": None}
    assert (await client.get("/v1/programmes/prg_none")).status_code == 404
    [listed] = (await client.get("/v1/programmes")).json()["data"]
    assert listed == ended.json()


@pytest.mark.parametrize(
    "change",
    [
        {"zone": "Mars/Olympus"},
        {"refund_policy": "never"},
        {"discount": {"window_days": 0, "steps": SCALE["steps"]}},
        {"discount": {"window_days": 30, "steps": SCALE["steps"][::-1]}},
    ],
    ids=str,
)
async def test_a_programme_cannot_be_anything(client, change):
    etag = (await client.get(PATH)).headers["etag"]
    assert (await client.patch(PATH, json=change, headers={"if-match": etag})).status_code == 422

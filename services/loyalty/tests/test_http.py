"""What callers see: members, their entries, the programme and the proof."""

import base64

import orjson
import pytest

from loyalty.programmes.the_programme import PROGRAMME_ID


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
async def history(ledger, story):
    order = story.placed("ord_1", 1_250, on=3)
    orders = [order, story.placed("ord_2", 500, on=1), story.placed("ord_3", 700, "cus_2")]
    await ledger.hear(story.registered(), *orders, story.returned(order, "ret_1", 300, on=2))
    return ledger


async def test_a_member_has_balance_lifetime_and_an_etag(client, history, story):
    answer = await client.get("/v1/members/cus_1")
    assert answer.status_code == 200
    shown = answer.json()
    wallets = {wallet.pop("wallet"): wallet for wallet in shown.pop("wallets")}
    nothing = {"pending": 0, "held": 0}
    assert shown == nothing | {
        "customer_id": "cus_1",
        "balance": 14,
        "lifetime": 14,
        "enrolled_at": "2026-01-01T09:30:00Z",
        "household_id": None,
        "tier": None,
        "tier_until": None,
        "pool_balance": None,
    }
    assert wallets == {
        "points": nothing | {"kind": "points", "currency": None, "balance": 14, "lifetime": 14},
        "tier_points": nothing | {"kind": "tier_points", "currency": None, "balance": 0, "lifetime": 0},
    }
    tag = {"if-none-match": answer.headers["etag"]}
    assert (await client.get("/v1/members/cus_1", headers=tag)).status_code == 304
    await history.hear(story.placed("ord_9", 100))
    changed = await client.get("/v1/members/cus_1", headers=tag)
    assert (changed.status_code, changed.json()["balance"]) == (200, 15)


async def test_a_member_who_is_not_registered_yet_is_shown(client, history):
    answer = await client.get("/v1/members/cus_2")
    assert (answer.json()["balance"], answer.json()["lifetime"], answer.json()["enrolled_at"]) == (7, 7, None)


async def test_a_member_without_any_event_has_a_valid_etag(client, ledger, story):
    await ledger.hear(story.placed("ord_1", 5, "cus_3"))
    answer = await client.get("/v1/members/cus_3")
    assert (answer.json()["balance"], answer.headers["etag"]) == (0, '"1"')


@pytest.mark.parametrize("path", ["/v1/members/cus_none", "/v1/members/cus_none/entries"])
async def test_nobody_is_not_found(client, path):
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "member_not_found")


async def test_entries_come_newest_first_page_by_page(client, history):
    first = (await client.get("/v1/members/cus_1/entries", params={"limit": 2})).json()
    assert [(e["kind"], e["points"], e["order_id"]) for e in first["data"]] == [("accrual", 12, "ord_1"), ("reversal", -3, "ord_1")]
    second = (await client.get("/v1/members/cus_1/entries", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [(e["kind"], e["points"], e["order_id"]) for e in second["data"]] == [("accrual", 5, "ord_2")]
    assert second["next_cursor"] is None
    assert second["data"][0]["occurred_at"] == "2026-01-02T09:30:00Z"
    assert second["data"][0].keys() == {
        *("id", "customer_id", "programme_id", "wallet", "kind", "points", "order_id", "source_id", "occurred_at", "recorded_at"),
    }


async def test_entries_of_one_moment_are_all_listed_once(client, ledger, story):
    await ledger.hear(*(story.placed(f"ord_{n}", 100) for n in range(7)))
    seen, cursor = [], None
    while True:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/members/cus_1/entries", params=params)).json()
        seen += [entry["order_id"] for entry in page["data"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert sorted(seen) == [f"ord_{n}" for n in range(7)]


async def test_members_are_listed_page_by_page(client, history):
    first = (await client.get("/v1/members", params={"limit": 1})).json()
    second = (await client.get("/v1/members", params={"limit": 1, "cursor": first["next_cursor"]})).json()
    listed = [(member["customer_id"], member["balance"]) for page in (first, second) for member in page["data"]]
    assert listed == [("cus_1", 14), ("cus_2", 7)]
    assert second["next_cursor"] is None


FORGED_KEYS = [
    [],
    [["v", 5]],
    [["v", None]],
    [["v", "\0"]],
    [["v", "a"], ["v", "b"]],
    [["t", "2026-01-01T00:00:00Z"]],
    [["t", "2026-01-01T00:00:00"], ["v", "x"]],
    [["t", "2026-01-01T00:00:00Z"], ["v", 3]],
]


@pytest.mark.parametrize("key", FORGED_KEYS, ids=str)
@pytest.mark.parametrize("path", ["/v1/members", "/v1/members/cus_1/entries"])
async def test_a_forged_cursor_is_refused(client, history, path, key):
    genuine = (await client.get(path, params={"limit": 1})).json()["next_cursor"]
    binding = base64.urlsafe_b64decode(genuine + "=" * (-len(genuine) % 4))[:6]
    forged = base64.urlsafe_b64encode(binding + orjson.dumps(key)).rstrip(b"=").decode()
    answer = await client.get(path, params={"cursor": forged})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


async def test_the_programme_tells_its_rate(client):
    [programme] = (await client.get("/v1/programmes")).json()["data"]
    rate = {"version": 1, "numerator": 1, "denominator": 100, "currencies": None, "effective_from": "0001-01-01T00:00:00Z"}
    wallets = [{"code": code, "kind": code, "currency": None} for code in ("points", "tier_points")]
    plain = {"zone": "UTC", "refund_policy": "allow_negative", "discount": None, "title": None, "starts_at": None, "ends_at": None}
    assert programme.pop("published_at") is not None
    assert programme == plain | {"id": PROGRAMME_ID, "name": "Regulars", "state": "published", "rates": [rate], "wallets": wallets}


async def test_the_proof_tells_counts_sums_and_problems(client, history):
    proof = (await client.get("/v1/ledger/verify")).json()
    assert len(proof.pop("checksum")) == 32
    assert proof == {
        "ok": True,
        "members": 2,
        "entries": 4,
        "accounts": 3,
        "lots": 3,
        "sum": 0,
        "points_issued": 24,
        "points_reversed": 3,
        "points_spent": 0,
        "points_expired": 0,
        "points_adjusted": 0,
        "points_outstanding": 21,
        "problems": [],
        "first_broken": None,
        "seal": None,
    }


async def test_the_proof_names_what_is_broken(client, history):
    await history.fetch("UPDATE lots SET remaining = remaining - 1 WHERE remaining = 7")
    proof = (await client.get("/v1/ledger/verify")).json()
    assert proof["ok"] is False
    assert {problem["code"] for problem in proof["problems"]} == {"lot_differs_from_draws", "lots_differ_from_balance"}
    assert [problem["broken"] for problem in proof["problems"]] == [1, 1]
    [lot] = await history.fetch("SELECT id FROM lots WHERE remaining = 6")
    assert proof["first_broken"] == {"code": "lot_differs_from_draws", "id": lot["id"]}


async def test_a_member_reads_himself_and_nothing_else(token_of, client, history):
    own = bearer(token_of("cus_1"))
    assert (await client.get("/v1/members/cus_1", headers=own)).json()["balance"] == 14
    assert len((await client.get("/v1/members/cus_1/entries", headers=own)).json()["data"]) == 3
    for path, status in {
        "/v1/members/cus_2": 404,
        "/v1/members/cus_2/entries": 404,
        "/v1/members/cus_1/entries?customer_id=cus_1": 400,
        "/v1/members": 403,
        "/v1/programmes": 403,
        "/v1/ledger/verify": 403,
    }.items():
        assert (await client.get(path, headers=own)).status_code == status, path


@pytest.mark.parametrize("path", ["/v1/members", "/v1/members/cus_1", "/v1/members/cus_1/entries", "/v1/programmes", "/v1/ledger/verify"])
async def test_without_a_key_nothing_opens(client, history, path):
    assert (await client.get(path, headers={"authorization": ""})).status_code == 401

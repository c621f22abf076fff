"""The catalogue: what may stand in it, who may have what of it, and how far the next reward is."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rewards_help import DAY, give, made_batch, made_reward, redeemed

from loyalty.rewards.rules import Limit, Price, Standing, Terms, exceeded, had_in_periods, in_force, missing_points, not_eligible, price_of
from loyalty.rewards.service import choice

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RIGA = ZoneInfo("Europe/Riga")
POINTS = Price("points", 100)
MIXED = Price("mixed", 40, 500, "EUR")
moments = st.integers(0, 700 * 24).map(lambda hours: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=hours))

# Rules


@pytest.mark.parametrize(
    ("terms", "is_in_force"),
    [
        (Terms([POINTS]), True),
        (Terms([POINTS], is_archived=True), False),
        (Terms([POINTS], valid_from=NOW), True),
        (Terms([POINTS], valid_from=NOW + timedelta(microseconds=1)), False),
        (Terms([POINTS], valid_to=NOW), False),
        (Terms([POINTS], valid_to=NOW + timedelta(microseconds=1)), True),
    ],
)
def test_a_reward_is_in_force_from_its_first_instant_until_its_last(terms, is_in_force):
    assert in_force(terms, NOW) is is_in_force


@pytest.mark.parametrize(
    ("terms", "standing", "reason"),
    [
        (Terms([POINTS]), Standing(0), None),
        (Terms([POINTS], tiers=frozenset({"gold"})), Standing(0), "tier"),
        (Terms([POINTS], tiers=frozenset({"gold"})), Standing(0, "gold"), None),
        (Terms([POINTS], condition="customer.country == 'LV'"), Standing(0, None, {"country": "LV"}), None),
        (Terms([POINTS], condition="customer.country == 'LV'"), Standing(0), "condition"),
        (Terms([POINTS], condition="tier == 'gold'"), Standing(0, "gold"), None),
        (Terms([POINTS], minimum_balance=500), Standing(499), "minimum_balance"),
        (Terms([POINTS], minimum_balance=500), Standing(500), None),
    ],
)
def test_who_may_have_a_reward(terms, standing, reason):
    assert not_eligible(terms, standing) == reason


def test_the_usual_way_to_pay_is_the_first():
    assert price_of([POINTS, MIXED], None) == POINTS
    assert price_of([POINTS, MIXED], "mixed") == MIXED
    assert price_of([POINTS, MIXED], "gold") is None
    assert (missing_points([POINTS, MIXED], 30), missing_points([POINTS, MIXED], 40)) == (10, 0)


def test_periods_are_told_apart_where_the_programme_is_at_home():
    late = datetime(2026, 2, 28, 22, 30, tzinfo=UTC)
    assert had_in_periods([(late, 2)], NOW, RIGA) == {"day": 2, "week": 2, "month": 2, "year": 2, "ever": 2}
    assert had_in_periods([(late, 2)], NOW, ZoneInfo("UTC")) == {"week": 2, "year": 2, "ever": 2}


@given(
    st.lists(st.tuples(moments, st.integers(1, 3)), max_size=20),
    st.integers(1, 5),
)
def test_a_period_never_holds_more_than_the_one_around_it_and_a_limit_is_met_exactly(taken, wanted):
    had = had_in_periods(taken, NOW, RIGA)
    assert had.get("day", 0) <= min(had.get("week", 0), had.get("month", 0)) <= had.get("ever", 0)
    assert had.get("month", 0) <= had.get("year", 0) <= had.get("ever", 0) == sum(quantity for _, quantity in taken)
    total = had.get("ever", 0)
    assert exceeded([Limit(total + wanted, "ever")], had, wanted) is None
    assert exceeded([Limit(total + wanted, "ever")], had, wanted + 1) == Limit(total + wanted, "ever")


# Over HTTP


async def test_the_tag_of_a_reward_tells_what_is_left_of_it(client, ledger):
    await give(ledger, "cus_1", 100)
    made = await made_reward(client, stock=5)
    path = f"/v1/rewards/{made['id']}"
    tag = (await client.get(path)).headers["etag"]
    assert (await redeemed(client, made["id"])).status_code == 201
    read = await client.get(path, headers={"if-none-match": tag})
    assert (read.status_code, read.json()["remaining"]) == (200, 4)
    assert (await client.patch(path, json={"stock": 9}, headers={"if-match": read.headers["etag"]})).status_code == 200


async def test_a_reward_is_made_read_changed_and_archived(client):
    made = await made_reward(client, stock=5, images=["https://shop.example/mug.jpg"], categories=["home"], limits=[{"quantity": 1}])
    path = f"/v1/rewards/{made['id']}"
    assert (made["remaining"], made["kind"], made["prices"][0]["option"], made["limits"][0]["period"]) == (5, "goods", "points", "ever")
    read = await client.get(path)
    assert read.json() == made
    assert (await client.get(path, headers={"if-none-match": read.headers["etag"]})).status_code == 304
    changed = await client.patch(path, json={"stock": 7, "valid_to": None, "eligibility": {}}, headers={"if-match": '"1"'})
    assert (changed.status_code, changed.json()["remaining"], changed.headers["etag"]) == (200, 7, '"2"')
    assert changed.json()["name"] == made["name"]
    assert (await client.patch(path, json={"stock": 8}, headers={"if-match": '"1"'})).status_code == 412
    second = await made_reward(client, sort_rank=1)
    assert [each["id"] for each in (await client.get("/v1/rewards")).json()["data"]] == [second["id"], made["id"]]
    assert (await client.delete(path, headers={"if-match": '"2"'})).status_code == 204
    assert [each["id"] for each in (await client.get("/v1/rewards")).json()["data"]] == [second["id"]]
    assert len((await client.get("/v1/rewards?archived=true")).json()["data"]) == 2
    assert (await client.get("/v1/rewards/rew_none")).json()["code"] == "reward_not_found"


@pytest.mark.parametrize(
    ("terms", "pointer"),
    [
        ({"images": ["http://shop.example/mug.jpg"]}, "/images/0"),
        ({"prices": []}, "/prices"),
        ({"prices": [{"points": 1}, {"points": 2}]}, "/prices"),
        ({"prices": [{"points": 1, "amount_minor": 5}]}, "/prices"),
        ({"prices": [{"points": 0}]}, "/prices/0/points"),
        ({"name": {}}, "/name"),
        ({"kind": "voucher"}, "/voucher_batch_id"),
        ({"kind": "voucher", "voucher_batch_id": "vbt_none"}, "/voucher_batch_id"),
        ({"voucher_batch_id": "vbt_none"}, "/voucher_batch_id"),
        ({"valid_from": "2026-03-01T00:00:00Z", "valid_to": "2026-03-01T00:00:00Z"}, "/valid_to"),
        ({"fulfil_within_days": 32}, "/fulfil_within_days"),
    ],
)
async def test_terms_that_cannot_be_name_the_field(client, terms, pointer):
    answer = await client.post("/v1/rewards", json={"name": {"en": "A mug"}, "prices": [{"points": 1}]} | terms)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_condition_that_cannot_be_used_is_refused(client):
    body = {"name": {"en": "A mug"}, "prices": [{"points": 1}], "eligibility": {"condition": "customer.country =="}}
    assert (await client.post("/v1/rewards", json=body)).json()["code"] == "condition_invalid"


async def test_a_discount_takes_money_off(client):
    batch, _ = await made_batch(client, kind="free_article", sku="tea", percent_bp=None)
    body = {"name": {"en": "x"}, "prices": [{"points": 1}], "kind": "discount", "voucher_batch_id": batch}
    assert (await client.post("/v1/rewards", json=body)).json()["code"] == "reward_terms_invalid"
    assert (await client.post("/v1/rewards", json=body | {"kind": "voucher"})).status_code == 201


async def test_stock_never_falls_below_what_is_taken(client, ledger):
    await give(ledger, "cus_1", 1_000)
    reward = await made_reward(client)
    for _ in range(2):
        assert (await redeemed(client, reward["id"])).status_code == 201
    # Nobody counted while it was endless.
    path, match = f"/v1/rewards/{reward['id']}", {"if-match": '"1"'}
    refused = await client.patch(path, json={"stock": 1}, headers=match)
    assert (refused.status_code, refused.json()["code"]) == (422, "reward_terms_invalid")
    limited = await client.patch(path, json={"stock": 3}, headers=match)
    assert (limited.json()["stock"], limited.json()["remaining"]) == (3, 1)
    assert (await redeemed(client, reward["id"])).status_code == 201
    assert (await redeemed(client, reward["id"])).json()["code"] == "reward_sold_out"


async def test_a_member_sees_what_he_may_have_and_how_far_it_is(client, ledger, token_of):
    await give(ledger, "cus_1", 120)
    cheap = await made_reward(client, 100, categories=["home"], sort_rank=1)
    dear = await made_reward(client, 500, sort_rank=2)
    mixed = await made_reward(client, prices=[{"points": 900}, {"option": "mixed", "points": 300, "amount_minor": 5, "currency": "EUR"}])
    await made_reward(client, 1, eligibility={"tiers": ["gold"]})
    await made_reward(client, 1, valid_from="2100-01-01T00:00:00Z")
    await made_reward(client, 1, stock=0)
    own = {"authorization": f"Bearer {token_of('cus_1')}"}
    answer = await client.get("/v1/members/cus_1/rewards?language=lv", headers=own)
    seen = answer.json()
    assert seen["balance"] == 120
    assert [(each["id"], each["affordable"], each["missing_points"], each["name"]) for each in seen["rewards"]] == [
        (cheap["id"], True, 0, "Krūze"),
        (dear["id"], False, 380, "Krūze"),
        (mixed["id"], False, 180, "Krūze"),
    ]
    assert seen["next_reward"] == {"id": mixed["id"], "name": "Krūze", "points": 300, "missing_points": 180}
    assert (
        await client.get("/v1/members/cus_1/rewards?language=lv", headers=own | {"if-none-match": answer.headers["etag"]})
    ).status_code == 304
    only = (await client.get("/v1/members/cus_1/rewards?category=home", headers=own)).json()
    assert [each["id"] for each in only["rewards"]] == [cheap["id"]]
    assert (await client.get("/v1/members/cus_2/rewards", headers=own)).status_code == 404
    assert (await client.get("/v1/rewards", headers=own)).status_code == 403
    assert (await client.get("/v1/members/cus_none/rewards")).json()["code"] == "member_not_found"


async def test_what_has_reached_its_limit_is_not_shown_until_the_next_period(client, ledger):
    await give(ledger, "cus_1", 1_000)
    reward = await made_reward(client, limits=[{"quantity": 1, "period": "day"}])
    assert (await redeemed(client, reward["id"])).status_code == 201
    assert (await client.get("/v1/members/cus_1/rewards")).json()["rewards"] == []
    async with ledger.database.acquire() as connection:
        tomorrow = datetime.now(UTC) + DAY
        assert [each.row["id"] for each in (await choice(connection, "cus_1", at=tomorrow)).rewards] == [reward["id"]]


async def _gold_of_one_and_none_of_two(client, ledger, story, **benefits):
    gold = {"code": "gold", "name": {"en": "Gold"}, "rank": 1, "threshold": 50_000, "effective_from": "2020-01-01T00:00:00Z"}
    assert (await client.post("/v1/tiers", json=gold | {"benefits": benefits})).status_code == 201
    how = {"measure": "spend", "period": {"kind": "calendar", "unit": "year"}, "effective_from": "2020-01-01T00:00:00Z"}
    assert (await client.put("/v1/tiers/qualification", json=how, headers={"if-match": '"2"'})).status_code == 200
    at = datetime.now(UTC) - timedelta(minutes=1)
    orders = [story.placed("ord_1", 60_000), story.placed("ord_2", 40_000, "cus_2")]
    await ledger.hear(*(order.model_copy(update={"placed_at": at}) for order in orders))


async def test_members_of_a_tier_have_new_rewards_before_others(client, ledger, story):
    await _gold_of_one_and_none_of_two(client, ledger, story, early_access_hours=48)
    begins = datetime.now(UTC) + timedelta(hours=47)
    soon = await made_reward(client, 1, valid_from=begins.isoformat())
    later = await made_reward(client, 1, valid_from=(begins + timedelta(hours=2)).isoformat())
    for customer, seen, code in (("cus_1", [soon["id"]], 201), ("cus_2", [], 409)):
        for path in ("rewards", "home"):
            shown = (await client.get(f"/v1/members/{customer}/{path}")).json()["rewards"]
            assert [reward["id"] for reward in shown] == seen, path
        assert (await redeemed(client, soon["id"], customer)).status_code == code
        refused = await redeemed(client, later["id"], customer)
        assert (refused.status_code, refused.json()["code"]) == (409, "reward_not_in_force")


async def test_a_reward_of_a_tier_is_for_its_members(client, ledger, story):
    await _gold_of_one_and_none_of_two(client, ledger, story)
    named = await made_reward(client, 1, eligibility={"tiers": ["gold"]})
    asked = await made_reward(client, 1, eligibility={"condition": "tier == 'gold'"})
    for customer, seen, code in (("cus_1", {named["id"], asked["id"]}, 201), ("cus_2", set(), 409)):
        shown = (await client.get(f"/v1/members/{customer}/rewards")).json()["rewards"]
        assert {reward["id"] for reward in shown} == seen
        assert {(await redeemed(client, reward["id"], customer)).status_code for reward in (named, asked)} == {code}

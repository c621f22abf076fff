"""Programmes side by side: drafted, published, ended; each sees what happens for itself."""

from datetime import timedelta
from itertools import permutations
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_any_history import histories
from test_discounts import SCALE
from test_earning import BASE, back, basket, cancelled
from test_earning_rules import MOMENT
from test_simulations import over_history

from loyalty.earning import repository, triggers
from loyalty.earning import service as earning
from loyalty.ledger.errors import UnusableEvent
from loyalty.privacy import service as privacy
from loyalty.programmes import service as programmes
from loyalty.programmes.rules import Programme, rate_rule
from loyalty.programmes.schemas import ProgrammeDraft
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.rules.rules import Occasion, evaluate
from loyalty.verification.rules import is_sound
from shared.contracts.customers import CustomerBirthday, OrderPlaced, OrderReturned, StageChanged
from shared.database.unit_of_work import UnitOfWork

CLUB = {"name": "Tea club", "title": {"en": "Tea club", "lv": "Tējas klubs"}, "rate": {"points": 3, "amount_minor": 100}}
START = "2026-01-01T00:00:00Z"


async def made(client, **changes) -> dict:
    answer = await client.post("/v1/programmes", json=CLUB | changes)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def published(client, since: str = START, **changes) -> str:
    programme_id = (await made(client, **changes))["id"]
    answer = await client.post(f"/v1/programmes/{programme_id}/publish", json={"effective_from": since})
    assert answer.status_code == 200, answer.text
    return programme_id


async def ruled(client, programme_id: str, **terms) -> str:
    wanted = {"name": "A rule", "programme_id": programme_id, "trigger": "order_placed"} | terms
    rule = await client.post("/v1/rules", json=wanted)
    assert rule.status_code == 201, rule.text
    rule_id = rule.json()["id"]
    assert (await client.post(f"/v1/rules/{rule_id}/publish", json={"effective_from": START})).status_code == 200
    return rule_id


async def balance(client, programme_id: str | None = None, customer: str = "cus_1") -> int:
    params = {} if programme_id is None else {"programme_id": programme_id}
    return (await client.get(f"/v1/members/{customer}", params=params)).json()["balance"]


async def test_a_draft_is_made_read_and_listed(client):
    wanted = CLUB | {
        "zone": "Europe/Riga",
        "refund_policy": "within_balance",
        "wallets": [{"code": "leaves"}, {"code": "gift_card", "kind": "stored_value", "currency": "EUR"}],
        "discount": SCALE,
        "starts_at": "2026-03-01T00:00:00Z",
        "ends_at": "2026-09-01T00:00:00Z",
    }
    answer = await client.post("/v1/programmes", json=wanted)
    programme = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/v1/programmes/{programme['id']}")
    assert {name: programme[name] for name in wanted if name not in ("rate", "wallets")} == {
        name: value for name, value in wanted.items() if name not in ("rate", "wallets")
    }
    assert (programme["state"], programme["published_at"]) == ("draft", None)
    assert [(rate["numerator"], rate["denominator"], rate["version"]) for rate in programme["rates"]] == [(3, 100, 1)]
    assert [wallet["code"] for wallet in programme["wallets"]] == ["gift_card", "leaves", "points", "tier_points"]
    read = await client.get(f"/v1/programmes/{programme['id']}")
    assert (read.json(), read.headers["etag"]) == (programme, answer.headers["etag"])
    listed = (await client.get("/v1/programmes")).json()["data"]
    assert [row["id"] for row in listed] == [PROGRAMME_ID, programme["id"]]


@pytest.mark.parametrize(
    "change",
    [
        {"rate": {"points": 1, "amount_minor": 0}},
        {"rate": {"points": 1, "amount_minor": 100, "currencies": ["euro"]}},
        {"wallets": [{"code": "points"}]},
        {"wallets": [{"code": "a"}, {"code": "a"}]},
        {"wallets": [{"code": "card", "kind": "stored_value"}]},
        {"starts_at": "2026-03-01T00:00:00Z", "ends_at": "2026-03-01T00:00:00Z"},
        {"title": {}},
    ],
    ids=str,
)
async def test_a_programme_cannot_be_anything(client, change):
    assert (await client.post("/v1/programmes", json=CLUB | change)).status_code == 422


async def test_its_period_is_set_while_it_is_a_draft_and_its_end_after(client):
    programme = await made(client)
    path = f"/v1/programmes/{programme['id']}"

    async def amend(**changes):
        etag = (await client.get(path)).headers["etag"]
        return await client.patch(path, json=changes, headers={"if-match": etag})

    assert (await client.post(f"{path}/end", json={})).json()["code"] == "programme_not_published"
    assert (await amend(starts_at="2027-01-01T00:00:00Z")).status_code == 200
    assert (await amend(ends_at="2026-12-01T00:00:00Z")).json()["code"] == "run_invalid"
    told = (await client.post(f"{path}/publish", json={})).json()
    assert (told["state"], told["starts_at"]) == ("published", "2027-01-01T00:00:00Z")
    assert (await client.post(f"{path}/publish", json={})).json()["code"] == "programme_published"
    assert (await amend(starts_at=START)).json()["code"] == "programme_published"
    assert (await client.post(f"{path}/end", json={"effective_until": "2026-12-01T00:00:00Z"})).json()["code"] == "run_invalid"
    assert (await client.post(f"{path}/end", json={"effective_until": "2027-12-01T00:00:00Z"})).status_code == 200
    versions = (await client.get(f"{path}/versions")).json()["data"]
    assert [version["version"] for version in versions] == [5, 4, 3, 2]
    assert [version["terms"]["ends_at"] is None for version in versions] == [False, True, True, True]
    assert {version["changed_by"] for version in versions} == {versions[0]["changed_by"]} != {None}
    [second] = (await client.get(f"{path}/versions", params={"limit": 1})).json()["data"]
    assert second == versions[0]


async def test_the_default_one_never_ends_and_nobody_leaves_it(client, ledger, story):
    await ledger.hear(story.placed("ord_1", 100))
    path = f"/v1/programmes/{PROGRAMME_ID}"
    assert (await client.post(f"{path}/end", json={})).json()["code"] == "default_programme"
    assert (await client.post(f"{path}/publish", json={})).json()["code"] == "programme_published"
    assert (await client.delete(f"/v1/members/cus_1/programmes/{PROGRAMME_ID}")).json()["code"] == "default_programme"
    rate = {"points": 2, "amount_minor": 100, "effective_from": "2026-01-05T00:00:00Z"}
    assert (await client.post(f"{path}/rates", json=rate | {"currencies": ["EUR"]})).json()["code"] == "default_programme"
    assert (await client.post(f"{path}/rates", json=rate)).json()["rates"][0]["numerator"] == 2
    assert (await client.post(f"{path}/rates", json=rate)).json()["code"] == "rate_exists"
    await ledger.hear(story.placed("ord_2", 100, on=9))
    assert await balance(client) == 3


async def test_an_unknown_programme_is_not_found(client, ledger, story):
    await ledger.hear(story.placed("ord_1", 100))
    nobody = {"programme_id": "prg_none"}
    answers = [
        await client.get("/v1/members/cus_1", params=nobody),
        await client.get("/v1/members", params=nobody),
        await client.get("/v1/members/cus_1/discount", params=nobody),
        await client.get("/v1/rules", params=nobody),
        await client.post("/v1/rules", json={"name": "A", "trigger": "order_placed", "effect": BASE["effect"]} | nobody),
        await client.post("/v1/simulations", json=nobody),
        await client.put("/v1/members/cus_1/programmes/prg_none"),
        await client.get("/v1/programmes/prg_none/versions"),
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "programme_not_found")}


async def test_a_published_programme_earns_beside_the_default_one_from_its_start(client, ledger, story):
    programme_id = await published(client, since="2026-01-05T00:00:00Z")
    await ledger.hear(story.placed("ord_1", 1_000, on=1), story.placed("ord_2", 250, on=6))
    assert (await balance(client), await balance(client, programme_id)) == (12, 7)
    [row] = await ledger.fetch("SELECT rule_version FROM entries WHERE rule_version IS NOT NULL")
    assert row["rule_version"] == f"{programme_id}@1"
    assert is_sound(await ledger.proof())


async def test_each_programme_has_its_rules_and_its_own_clock(client, ledger, story):
    programme_id = await published(client, zone="Pacific/Auckland")
    night = {"effect": {"kind": "fixed", "points": 50}, "condition": "event.hour == 22", "wallet": "tier_points"}
    await ruled(client, programme_id, effect={"kind": "per_amount", "points": 5, "per": 100}, group="best")
    await ruled(client, programme_id, effect={"kind": "per_amount", "points": 4, "per": 100}, group="best")
    await ruled(client, programme_id, **night)
    await ledger.hear(story.placed("ord_1", 1_000))
    told = (await client.get("/v1/members/cus_1", params={"programme_id": programme_id})).json()
    assert {wallet["wallet"]: wallet["balance"] for wallet in told["wallets"]} == {"points": 50, "tier_points": 50}
    assert await balance(client) == 10
    listed = (await client.get("/v1/rules", params={"programme_id": programme_id})).json()["data"]
    assert {rule["programme_id"] for rule in listed} == {programme_id}
    assert (await client.get("/v1/rules")).json()["data"] == []
    for row in await ledger.fetch("SELECT id FROM entries WHERE rule_version IS NOT NULL"):
        assert (await client.get(f"/v1/entries/{row['id']}/explanation")).json()["matches"]


async def test_a_rate_counts_in_its_currencies_only(client, ledger, story):
    programme_id = await published(client, rate={"points": 3, "amount_minor": 100, "currencies": ["USD", "EUR"]})
    await ledger.hear(story.placed("ord_1", 100), story.placed("ord_2", 100).model_copy(update={"currency": "GBP"}))
    assert (await balance(client), await balance(client, programme_id)) == (2, 3)


async def test_returns_take_back_in_each_programme_in_any_order(empty_ledger, client, story):
    order = basket("ord_1", ("tea", 3, 900), ("cup", 1, 150), story=story)
    events = [order, back(order, "ret_1", ("tea", 1, 300), story=story), back(order, "ret_2", ("cup", 1, 150), story=story)]
    ends = set()
    for turned in permutations(events):
        async with empty_ledger() as ledger:
            await _seed(ledger)
            await ledger.hear(*turned, *turned)
            ends.add(await _balances(ledger))
            assert is_sound(await ledger.proof())
            await ledger.hear(cancelled(order))
            assert await _balances(ledger) == ((PROGRAMME_ID, 0), ("prg_side", 0))
    assert ends == {((PROGRAMME_ID, 6), ("prg_side", 18))}


async def _seed(ledger) -> None:
    """A programme beside the default one, as the interface makes it."""
    await ledger.fetch("INSERT INTO programmes (id, name, published_at) VALUES ('prg_side', 'Aside', now())")
    await ledger.fetch("INSERT INTO wallets (programme_id, code, kind) VALUES ('prg_side', 'points', 'points')")
    await ledger.fetch("INSERT INTO programme_rates VALUES ('prg_side', 1, 3, 100, '2000-01-01')")


async def _balances(ledger) -> tuple[tuple[str, int], ...]:
    rows = await ledger.fetch("SELECT programme_id, balance FROM accounts WHERE kind = 'member' ORDER BY programme_id")
    return tuple((row["programme_id"], row["balance"]) for row in rows)


async def test_each_programme_takes_back_by_its_own_policy(client, ledger, story):
    programme_id = await published(client, refund_policy="within_balance")
    order = story.placed("ord_1", 1_000)
    await ledger.hear(order)
    for programme in ({"programme_id": programme_id}, {}):
        spent = {"customer_id": "cus_1", "points": 10 if not programme else 30} | programme
        hold = (await client.post("/v1/holds", json=spent)).json()
        assert (await client.post(f"/v1/holds/{hold['id']}/capture")).json()["programme_id"] == programme.get("programme_id", PROGRAMME_ID)
    await ledger.hear(story.returned(order, "ret_1", 1_000))
    assert (await balance(client), await balance(client, programme_id)) == (-10, 0)
    assert is_sound(await ledger.proof())


async def test_what_was_decided_before_it_was_published_stays(client, ledger, story):
    order = story.placed("ord_1", 1_000)
    await ledger.hear(order)
    programme_id = await published(client)
    await ledger.hear(order, story.placed("ord_2", 100))
    assert (await balance(client), await balance(client, programme_id)) == (11, 3)


async def test_after_its_end_it_earns_nothing_and_returns_still_take_back(client, ledger, story, clock):
    programme_id = await published(client)
    order = story.placed("ord_1", 1_000).model_copy(update={"placed_at": clock.now()})
    await ledger.hear(order)
    clock.advance(timedelta(minutes=1))
    assert (await client.post(f"/v1/programmes/{programme_id}/end", json={})).status_code == 200
    await ledger.hear(story.placed("ord_2", 1_000).model_copy(update={"placed_at": clock.now()}))
    assert await balance(client, programme_id) == 30
    await ledger.hear(story.returned(order, "ret_1", 400))
    assert await balance(client, programme_id) == 18


async def test_who_leaves_earns_nothing_until_he_is_back(client, ledger, story, clock, token_of):
    programme_id = await published(client)
    path = f"/v1/members/cus_1/programmes/{programme_id}"
    await ledger.hear(story.placed("ord_1", 100), story.placed("ord_x", 100, "cus_2"))

    async def buy(name: str) -> None:
        clock.advance(timedelta(minutes=1))
        await ledger.hear(story.placed(name, 1_000).model_copy(update={"placed_at": clock.now()}))
        clock.advance(timedelta(minutes=1))

    assert [(await client.delete(path)).status_code for _ in range(2)] == [204, 204]
    await buy("ord_2")
    away = (await client.get("/v1/members/cus_1/programmes")).json()
    assert [(row["programme_id"], row["takes_part"], row["balance"]) for row in away] == [
        (PROGRAMME_ID, True, 11),
        (programme_id, False, 3),
    ]
    assert [(await client.put(path)).status_code for _ in range(2)] == [204, 204]
    await buy("ord_3")
    assert (await balance(client), await balance(client, programme_id)) == (21, 33)
    headers = {"authorization": f"Bearer {token_of('cus_2')}"}
    assert (await client.get("/v1/members/cus_1/programmes", headers=headers)).status_code == 404
    assert (await client.get("/v1/members/cus_2/programmes", headers=headers)).json()[1]["balance"] == 3
    assert (await client.delete(path, headers=headers)).status_code in (403, 404)


async def test_other_occasions_earn_in_each_programme_or_in_the_one_that_is_named(client, ledger, story):
    programme_id = await published(client)
    await ledger.hear(story.registered())
    for programme in (PROGRAMME_ID, programme_id):
        await ruled(client, programme, trigger="challenge_completed", effect={"kind": "fixed", "points": 7})
    async with UnitOfWork(ledger.database) as uow:
        await earning.earn(uow, [Occasion("challenge_completed", "chl_1", "cus_1", MOMENT)])
        await earning.earn(uow, [Occasion("challenge_completed", "chl_2", "cus_1", MOMENT)], programme_id)
        await uow.commit()
    assert (await balance(client), await balance(client, programme_id)) == (7, 14)


async def test_anniversaries_are_kept_in_each_programme_that_has_rules_for_them(client, ledger, story):
    programme_id = await published(client)
    await ledger.hear(story.registered())
    await ruled(client, programme_id, trigger="anniversary", effect={"kind": "fixed", "points": 100})
    for _ in range(2):
        async with UnitOfWork(ledger.database) as uow:
            await triggers.celebrate(uow, MOMENT.replace(year=2027, month=2), 10)
            await uow.commit()
    assert (await balance(client), await balance(client, programme_id)) == (0, 100)


def congratulation(year: int, customer: str = "cus_1") -> CustomerBirthday:
    return CustomerBirthday(birthday_id=f"bir_{customer}_{year}", customer_id=customer, told_at=MOMENT.replace(year=year))


async def test_birthdays_earn_once_a_year_where_there_are_rules_for_them(client, ledger, story):
    programme_id = await published(client)
    await ledger.hear(story.registered(), congratulation(2026, "cus_2"))
    gift = {"trigger": "birthday", "effect": {"kind": "fixed", "points": 100}, "expires_days": 30}
    await ruled(client, programme_id, **gift, condition="customer.kind == 'individual' && event.month == 3")
    await ledger.hear(congratulation(2026), congratulation(2027), congratulation(2027))
    assert (await balance(client, programme_id), await balance(client)) == (100, 0)
    lots = await ledger.fetch("SELECT granted, (expires_at - earned_at)::text AS lasts FROM lots ORDER BY earned_at")
    assert [tuple(lot) for lot in lots] == [(100, "30 days"), (100, "30 days")]


def staged(track: str, stage: str, day: int) -> StageChanged:
    return StageChanged(customer_id="cus_1", track=track, stage=stage, reason="rule", changed_at=MOMENT.replace(day=day))


async def test_conditions_see_the_stages_that_customers_are_on(empty_ledger, client, ledger, story):
    told = [
        staged("lifecycle", "new", 1),
        staged("lifecycle", "retained", 3),
        staged("journey", "advocacy", 2),
        staged("lifecycle", "new", 2),
    ]
    for turned in permutations(told):
        async with empty_ledger() as other:
            await other.hear(*turned[:2], story.registered(), *turned[2:], *turned)
            async with other.database.acquire() as connection:
                [(traits, _)] = await repository.traits(connection, [("cus_1", MOMENT)])
            assert (traits["kind"], traits["stages"]) == ("individual", {"lifecycle": "retained", "journey": "advocacy"})
    programme_id = await published(client)
    effect = {"kind": "per_amount", "points": 2, "per": 100}
    await ruled(client, programme_id, effect=effect, condition="customer.stages.lifecycle == 'retained'")
    await ledger.hear(story.placed("ord_1", 100), *told, story.placed("ord_2", 1_000))
    assert await balance(client, programme_id) == 20
    with pytest.raises(UnusableEvent):
        await ledger.hear(told[0].model_copy(update={"changed_at": MOMENT.replace(tzinfo=None)}))


@pytest.mark.parametrize("change", [{"customer_id": ""}, {"birthday_id": ""}, {"told_at": MOMENT.replace(tzinfo=None)}], ids=str)
async def test_malformed_birthdays_are_refused_for_good(ledger, change):
    with pytest.raises(UnusableEvent):
        await ledger.hear(congratulation(2026).model_copy(update=change))


async def test_points_move_within_their_programme(client, ledger, story):
    programme_id = await published(client)
    await ledger.hear(story.placed("ord_1", 1_000), story.placed("ord_2", 100, "cus_2"))
    gift = {"customer_id": "cus_1", "to_customer_id": "cus_2", "points": 20, "programme_id": programme_id}
    assert (await client.post("/v1/transfers", json=gift)).json()["programme_id"] == programme_id
    assert (await client.post("/v1/transfers", json=gift | {"points": 20})).json()["code"] == "insufficient_points"
    change = {"customer_id": "cus_1", "points": 5, "reason": "Late", "programme_id": programme_id}
    assert (await client.post("/v1/adjustments", json=change)).json()["state"] == "posted"
    assert (await client.post("/v1/adjustments", json=change | {"points": -10})).status_code == 201
    assert (await balance(client, programme_id), await balance(client, programme_id, "cus_2")) == (5, 23)
    assert (await balance(client), await balance(client, customer="cus_2")) == (10, 1)
    assert is_sound(await ledger.proof())


async def test_a_draft_is_tried_over_one_order(client):
    programme_id = (await made(client, starts_at="2026-06-01T00:00:00Z"))["id"]
    order = {"lines": [{"sku": "A", "amount_minor": 1_000}], "placed_at": START}
    tried = (await client.post("/v1/simulations", json={"programme_id": programme_id, "order": order})).json()
    assert [(tried[when]["points"], tried[when]["decided_by"]) for when in ("before", "after")] == [(0, "nothing"), (30, "rules")]


async def test_a_draft_is_tried_over_all_history(committed_ledger, story):
    await committed_ledger.hear(story.placed("ord_1", 1_000), story.placed("ord_2", 500, "cus_2"), story.placed("ord_3", 40, "cus_3"))
    async with UnitOfWork(committed_ledger.database) as uow:
        draft = ProgrammeDraft.model_validate(CLUB | {"starts_at": "2026-06-01T00:00:00Z"})
        programme_id = (await programmes.make(uow, draft, caller="server:key_1")).id
        await uow.commit()
    told = await over_history(committed_ledger, programme_id=programme_id, cost_per_point_micro=5_000)
    assert (told["points_before"], told["points_after"], told["cost_difference_micro"]) == (0, 46, 230_000)
    assert told["top_gaining"] == [{"customer_id": f"cus_{n}", "points": points} for n, points in ((1, 30), (2, 15), (3, 1))]
    fixed = {"trigger": "order_placed", "effect": {"kind": "fixed", "points": 7}}
    more = await over_history(committed_ledger, programme_id=programme_id, changes=[{"rule_id": "new", "terms": fixed}])
    assert (more["points_before"], more["points_after"]) == (0, 21)
    assert await committed_ledger.fetch("SELECT FROM entries WHERE rule_version IS NOT NULL") == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data(), seed=st.integers(0, 2**32))
async def test_any_history_ends_alike_in_each_programme(empty_ledger, story, data, seed):
    events = data.draw(histories(story))
    random = Random(seed)
    shuffled = random.sample(events, len(events)) + random.choices(events, k=len(events) // 2 if events else 0)
    expected = {PROGRAMME_ID: kept(events, 1), "prg_side": kept(events, 3)}
    for batches in ([[event] for event in events], [sorted(shuffled, key=lambda event: event.type)], [shuffled[::2], shuffled[1::2]]):
        async with empty_ledger() as ledger:
            await _seed(ledger)
            for batch in batches:
                await ledger.hear(*batch)
            assert is_sound(await ledger.proof())
            rows = await ledger.fetch("SELECT programme_id, sum(balance)::int AS points FROM accounts WHERE kind = 'member' GROUP BY 1")
            assert expected == dict.fromkeys(expected, 0) | {row["programme_id"]: row["points"] for row in rows}


def kept(events, points: int) -> int:
    """What all orders keep, at so many points for a hundred minor units."""
    left = {event.order_id: event.amount_minor for event in events if isinstance(event, OrderPlaced)}
    for event in events:
        if isinstance(event, OrderReturned):
            left[event.order_id] -= event.amount_minor
    return sum(amount * points // 100 for amount in left.values())


async def test_events_name_a_programme_that_is_not_the_default_one(client, ledger, story, clock):
    programme_id = await published(client)
    order = story.placed("ord_1", 1_000)
    await ledger.hear(order, story.placed("ord_2", 100, "cus_2"), story.returned(order, "ret_1", 100))
    own = {"customer_id": "cus_1", "points": 5, "programme_id": programme_id}
    for action in ("capture", "void"):
        hold = (await client.post("/v1/holds", json=own)).json()
        assert (await client.post(f"/v1/holds/{hold['id']}/{action}")).status_code == 200
    assert (await client.post("/v1/transfers", json=own | {"to_customer_id": "cus_2"})).status_code == 201
    assert (await client.post("/v1/adjustments", json=own | {"reason": "Late"})).status_code == 201
    rows = await ledger.fetch("SELECT type, payload::jsonb ->> 'programme_id' AS programme_id FROM event_log ORDER BY position")
    told = [(row["type"].split(".")[2], row["programme_id"]) for row in rows if row["programme_id"]]
    assert {programme for _, programme in told} == {programme_id}
    assert [kind for kind, _ in told] == [
        *("points_accrued", "points_accrued", "points_reversed", "points_held", "points_redeemed", "points_held", "hold_released"),
        *("points_transferred", "points_transferred", "points_adjusted"),
    ]
    assert [row["type"].split(".")[2] for row in rows if not row["programme_id"]] == ["points_accrued", "points_accrued", "points_reversed"]


async def test_entries_and_lots_name_their_programme(client, ledger, story):
    programme_id = await published(client)
    await ledger.hear(story.placed("ord_1", 1_000))
    for path in ("entries", "lots"):
        listed = (await client.get(f"/v1/members/cus_1/{path}")).json()["data"]
        assert {row["programme_id"]: row.get("points", row.get("remaining")) for row in listed} == {PROGRAMME_ID: 10, programme_id: 30}
    for row in (await client.get("/v1/members/cus_1/entries")).json()["data"]:
        assert (await client.get(f"/v1/entries/{row['id']}")).json()["programme_id"] == row["programme_id"]


async def test_what_he_left_is_shown_to_a_member_and_erased(client, ledger, story):
    programme_id = await published(client)
    await ledger.hear(story.placed("ord_1", 1_000))
    assert (await client.delete(f"/v1/members/cus_1/programmes/{programme_id}")).status_code == 204
    async with UnitOfWork(ledger.database) as uow:
        shown = await privacy.collect(uow.connection, ["cus_1"])
        assert [row["programme_id"] for row in shown["programme_absences"]] == [programme_id]
        assert (await privacy.erase(uow, ["cus_1"]))["programme_absences"] == 1
        assert (await privacy.collect(uow.connection, ["cus_1"]))["programme_absences"] == []
        await uow.commit()
    assert [tuple(row) for row in await ledger.fetch("SELECT balance FROM accounts WHERE kind = 'member'")] == [(0,), (0,)]
    assert is_sound(await ledger.proof())


@given(st.integers(0, 1_000), st.integers(1, 10**6), st.integers(-(10**6), 10**9))
def test_a_rate_as_a_rule_gives_what_a_rate_gives(points, amount_minor, bought):
    rule = rate_rule("prg_x", 1, points, amount_minor, None, MOMENT)
    given = evaluate([rule], Occasion("order_placed", "ord_1", "cus_1", MOMENT, {"amount_minor": bought}))
    assert sum(award.points for award in given) == max(bought, 0) * points // amount_minor


@given(st.integers(-5, 5), st.none() | st.integers(-5, 5), st.none() | st.integers(-5, 5))
def test_a_programme_runs_from_its_start_until_its_end(day, start, end):
    starts_at, ends_at = (None if days is None else MOMENT + timedelta(days=days) for days in (start, end))
    rate = rate_rule("prg_x", 1, 1, 100, None, MOMENT - timedelta(days=99))
    programme = Programme("prg_x", ZoneInfo("UTC"), starts_at, ends_at, rates=[rate])
    runs = (start is None or start <= day) and (end is None or day < end)
    assert programme.runs_at(MOMENT + timedelta(days=day)) == runs
    assert bool(programme.rules_at("order_placed", MOMENT + timedelta(days=day))) == runs

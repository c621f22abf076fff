"""Tiers over HTTP and by events: reached at once, lost exactly, known otherwise later; and who may do what."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import permutations

import orjson
import pytest

from loyalty.app import SERVICE
from loyalty.ledger import service as posting
from loyalty.ledger.rules import Grant
from loyalty.privacy import service as privacy
from loyalty.tiers import booking
from shared.contracts.customers import CustomerMerged, CustomerUnmerged, OrderCancelled
from shared.database.unit_of_work import UnitOfWork
from shared.testing.bus import deliver

NAMES = {"gold": {"en": "Gold", "ru": "Золото", "zh": "金卡", "lv": "Zelts"}, "reserve": {"en": "Reserve"}}
SINCE = "2020-01-01T00:00:00Z"
YEAR = {"measure": "spend", "period": {"kind": "calendar", "unit": "year"}}


def cancelled(order):
    return OrderCancelled(
        order_id=order.order_id,
        customer_id=order.customer_id,
        placed_at=order.placed_at,
        cancelled_at=order.placed_at + timedelta(days=8),
        reason="cancelled",
        currency="EUR",
        order_amount_minor=order.amount_minor,
        returned_total_minor=0,
    )


def merged():
    return CustomerMerged(merge_id="mrg_1", survivor_id="cus_1", merged_id="cus_2", merged_at=datetime.now(UTC))


def unmerged():
    return CustomerUnmerged(merge_id="mrg_1", survivor_id="cus_1", merged_id="cus_2", unmerged_at=datetime.now(UTC))


async def define(client, *, gold: int = 50_000, reserve: int = 250_000, how: dict | None = None, since: str | None = SINCE) -> None:
    """Gold and Reserve, as if they had always been there."""
    for rank, (code, threshold) in enumerate([("gold", gold), ("reserve", reserve)], 1):
        benefits = {"multiplier": f"1.{rank * 2}", "percent_bp": 100 * rank}
        draft = {"code": code, "name": NAMES[code], "rank": rank, "threshold": threshold, "benefits": benefits}
        answer = await client.post("/v1/tiers", json=draft | {"effective_from": since})
        assert answer.status_code == 201, answer.text
    await qualify(client, (how or YEAR) | {"effective_from": since})


async def qualify(client, how: dict) -> None:
    tag = (await client.get("/v1/tiers/qualification")).headers["etag"]
    answer = await client.put("/v1/tiers/qualification", json=how, headers={"if-match": tag})
    assert (answer.status_code, answer.headers["etag"] == tag) == (200, False), answer.text


async def tier(client, at: str | None = None, customer: str = "cus_1", **more):
    answer = await client.get(f"/v1/members/{customer}/tier", params=({"as_of": at} if at else {}) | more)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def told(ledger):
    rows = await ledger.fetch(
        "SELECT payload, sequence FROM event_log WHERE type = 'regulars.loyalty.tier_changed.v1' ORDER BY aggregateid, sequence"
    )
    events = [(orjson.loads(row["payload"]), row["sequence"]) for row in rows]
    return [(event.get("tier"), event["reason"], event["changed_at"][:10], sequence) for event, sequence in events]


async def run_passes(ledger, now: datetime | None = None):
    while True:
        async with UnitOfWork(ledger.database) as uow:
            more = await booking.book(uow, now or datetime.now(UTC))
            await uow.commit()
        if not more:
            return


async def test_a_tier_is_reached_at_once_and_shown_with_what_it_gives(client, ledger, story):
    await define(client)
    await ledger.hear(story.registered(), story.placed("ord_1", 30_000, on=3), story.placed("ord_2", 25_000, on=40))
    shown = await tier(client, "2026-02-11T00:00:00Z", language="lv")
    assert shown.pop("benefits") | {"exclusive_skus": []} == {
        "multiplier": "1.2",
        "early_access_hours": 0,
        "exclusive_skus": [],
        "exclusive_categories": [],
        "free_goods": [],
        "percent_bp": 100,
    }
    assert shown == {
        "customer_id": "cus_1",
        "as_of": "2026-02-11T00:00:00Z",
        "tier": "gold",
        "name": NAMES["gold"],
        "title": "Zelts",
        "since": "2026-02-10T09:30:00Z",
        "until": "2027-01-01T00:00:00Z",
        "falls_to": None,
        "measure": "spend",
        "progress": 55_000,
        "counts_from": "2026-01-01T00:00:00Z",
        "counts_until": "2027-01-01T00:00:00Z",
        "next_tier": "reserve",
        "missing": 195_000,
    }
    assert (await tier(client, "2026-02-10T09:29:59Z"))["tier"] is None
    assert await told(ledger) == [("gold", "earned", "2026-02-10", 1)]
    kept = await ledger.fetch("SELECT tier, since, until, scheme_version FROM tier_standings")
    assert [tuple(row) for row in kept] == [("gold", datetime(2026, 2, 10, 9, 30, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), 3)]


async def test_it_ends_at_its_instant_with_all_workers_off_and_a_pass_only_books_it(client, ledger, story):
    await define(client)
    order = story.placed("ord_1", 60_000, on=-300)
    await ledger.hear(story.registered(), order)
    assert (await tier(client, "2025-12-31T23:59:59Z"))["tier"] == "gold"
    assert (await tier(client, "2026-01-01T00:00:00Z"))["tier"] is None
    assert (await tier(client))["tier"] is None
    # It had ended before it was heard of, so both changes were booked at once.
    assert await told(ledger) == [("gold", "earned", "2025-03-07", 1), (None, "lapsed", "2026-01-01", 2)]
    before = await told(ledger)
    await run_passes(ledger)
    assert await told(ledger) == before


async def test_a_pass_books_what_time_and_new_tiers_bring(client, ledger, story):
    await ledger.hear(*(story.placed(f"ord_{n}", 60_000, f"cus_{n}", on=n) for n in range(3)))
    assert await told(ledger) == []
    await define(client)
    await run_passes(ledger)
    assert [change[:2] for change in await told(ledger)] == [("gold", "earned")] * 3
    losses = (await client.get("/v1/tiers/losses", params={"within_days": 3_000, "limit": 2})).json()
    assert [(loss["customer_id"], loss["until"]) for loss in losses["data"]] == [
        ("cus_0", "2027-01-01T00:00:00Z"),
        ("cus_1", "2027-01-01T00:00:00Z"),
    ]
    rest = await client.get("/v1/tiers/losses", params={"within_days": 3_000, "limit": 2, "cursor": losses["next_cursor"]})
    assert [loss["customer_id"] for loss in rest.json()["data"]] == ["cus_2"]
    # As if the year were over: what is kept says until when it is true, and a pass books what came after.
    await ledger.fetch("UPDATE tier_standings SET until = now() - interval '1 day' WHERE customer_id = 'cus_1'")
    assert (await client.get("/v1/members/cus_1")).json()["tier"] == "gold"
    await run_passes(ledger)
    [row] = await ledger.fetch("SELECT until FROM tier_standings WHERE customer_id = 'cus_1'")
    assert row["until"] == datetime(2027, 1, 1, tzinfo=UTC)


async def test_what_is_heard_late_changes_the_history_from_then_on_and_what_was_known_stays(client, ledger, story):
    await define(client)
    await ledger.hear(story.placed("ord_2", 50_000, on=20))
    before = datetime.now(UTC)
    await ledger.hear(story.placed("ord_1", 50_000, on=3))
    changes = (await client.get("/v1/members/cus_1/tier/history")).json()["data"]
    assert [(c["tier"], c["changed_at"][:10], c["recorded_at"] > before.isoformat()) for c in changes] == [("gold", "2026-01-04", True)]
    known = (await client.get("/v1/members/cus_1/tier/history", params={"known_at": before.isoformat()})).json()["data"]
    assert [(c["tier"], c["changed_at"][:10]) for c in known] == [("gold", "2026-01-21")]
    assert (await tier(client, "2026-01-10T00:00:00Z"))["tier"] == "gold"
    assert (await tier(client, "2026-01-10T00:00:00Z", known_at=before.isoformat()))["tier"] is None
    booked = await ledger.fetch("SELECT changed_at, superseded_at IS NULL AS live FROM tier_changes ORDER BY changed_at")
    assert [(row["changed_at"].day, row["live"]) for row in booked] == [(4, True), (21, False)]
    assert await told(ledger) == [("gold", "earned", "2026-01-21", 1), ("gold", "earned", "2026-01-04", 2)]


async def test_returns_and_cancellations_take_it_in_whatever_order_they_are_told(client, ledger, empty_ledger, story):
    first, second = story.placed("ord_1", 30_000, on=1), story.placed("ord_2", 30_000, on=2)
    events = [first, second, story.returned(first, "ret_1", 20_000, on=5), cancelled(second)]
    ends = set()
    for order in permutations(events):
        async with empty_ledger() as ledger:
            await ledger.fetch(
                """INSERT INTO tier_schemes (programme_id, version, effective_from, zone, qualification, tiers)
                SELECT id, 1, '2020-01-01', 'UTC', $1, $2 FROM programmes""",
                YEAR | {"wallet": "tier_points", "grace_days": 0, "downgrade": "hard"},
                [{"code": "gold", "threshold": 20_000, "name": NAMES["gold"], "benefits": {}}],
            )
            await ledger.hear(*order)
            live = await ledger.fetch("SELECT tier, changed_at, reason FROM tier_changes WHERE superseded_at IS NULL ORDER BY changed_at")
            [kept] = await ledger.fetch("SELECT tier, until, sequence, told_tier FROM tier_standings")
            numbers = [sequence for _, _, _, sequence in await told(ledger)]
            assert numbers == list(range(1, kept["sequence"] + 1))
            assert not numbers or (await told(ledger))[-1][0] == kept["tier"]
            ends.add((kept["tier"], kept["until"], tuple((row["tier"], row["changed_at"], row["reason"]) for row in live)))
    assert len(ends) == 1
    [(now, _, changes)] = ends
    assert now is None
    assert [(tier, reason, at.day) for tier, at, reason in changes] == [("gold", "earned", 2), (None, "returned", 11)]


async def test_merged_customers_are_looked_at_together_and_apart_again(client, ledger, story):
    await define(client)
    await ledger.hear(story.placed("ord_1", 30_000, on=1), story.placed("ord_2", 30_000, "cus_2", on=2))
    await deliver(ledger.database, SERVICE, [(merged(), 1)])
    for customer in ("cus_1", "cus_2"):
        assert (await tier(client, customer=customer))["tier"] == "gold"
        assert (await client.get(f"/v1/members/{customer}")).json()["tier"] == "gold"
    await deliver(ledger.database, SERVICE, [(unmerged(), 2)])
    assert [(await tier(client, customer=customer))["tier"] for customer in ("cus_1", "cus_2")] == [None, None]
    assert [change[0] for change in await told(ledger)] == ["gold", None]


async def test_points_of_a_wallet_and_visits_count_too(client, ledger, story):
    await define(client, gold=100, reserve=1_000, how=YEAR | {"measure": "points", "wallet": "points"})
    order = story.placed("ord_1", 10_000, on=1)
    await ledger.hear(order, story.returned(order, "ret_1", 500, on=3))
    assert [(await tier(client, f"2026-01-0{day}T10:00:00Z"))["progress"] for day in (1, 2, 4)] == [0, 100, 95]
    assert [(await tier(client, f"2026-01-0{day}T10:00:00Z"))["tier"] for day in (2, 4)] == ["gold", None]
    await qualify(client, YEAR | {"measure": "visits", "effective_from": SINCE})
    assert (await tier(client, "2026-01-04T10:00:00Z"))["progress"] == 1


async def test_a_tier_given_by_hand_lasts_until_it_ends_or_is_taken(client, ledger, story):
    await define(client)
    await ledger.hear(story.registered())
    until = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    answer = await client.post("/v1/members/cus_1/tier", json={"tier": "gold", "until": until, "reason": "Lost order"})
    assert (answer.status_code, answer.json()["tier"], answer.json()["falls_to"]) == (201, "gold", None)
    assert (await client.get("/v1/members/cus_1")).json()["tier"] == "gold"
    await client.post("/v1/members/cus_1/tier", json={"tier": None, "reason": "By mistake"})
    assert (await tier(client))["tier"] is None
    assert [change[:2] for change in await told(ledger)] == [("gold", "given"), (None, "given")]
    history = (await client.get("/v1/members/cus_1/tier/history")).json()["data"]
    assert [(change["tier"], change["reason"]) for change in history] == [(None, "given"), ("gold", "given")]
    async with ledger.database.acquire() as connection:
        kept = await privacy.collect(connection, ["cus_1"])
        assert [row["reason"] for row in kept["tier_overrides"]] == ["Lost order", "By mistake"]
        assert (await privacy.tiers.erase(connection, ["cus_1"]))["tier_overrides"] == 2


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"code": "gold", "rank": 9, "threshold": 900_000}, 409, "tier_exists"),
        ({"rank": 1, "threshold": 900_000}, 409, "tier_exists"),
        ({"threshold": 40_000}, 422, "tiers_not_rising"),
        ({"code": "losses"}, 422, "tier_code_reserved"),
        ({"code": "Gold!"}, 422, "validation_failed"),
        ({"effective_from": "2199-01-01T00:00:00Z"}, 422, "tier_time_invalid"),
        ({"benefits": {"multiplier": "many"}}, 422, "validation_failed"),
    ],
)
async def test_a_tier_that_cannot_be_is_refused(client, change, status, code):
    await define(client)
    answer = await client.post("/v1/tiers", json={"code": "black", "name": {"en": "Black"}, "rank": 3, "threshold": 900_000} | change)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_tiers_are_listed_changed_and_deleted_and_the_past_stays(client, ledger, story):
    await define(client)
    await ledger.hear(story.placed("ord_1", 60_000, on=1))
    assert [one["code"] for one in (await client.get("/v1/tiers")).json()["data"]] == ["gold", "reserve"]
    answer = await client.get("/v1/tiers/gold")
    changed = await client.patch("/v1/tiers/gold", json={"threshold": 70_000}, headers={"if-match": answer.headers["etag"]})
    assert (changed.status_code, changed.json()["threshold"], changed.json()["name"]) == (200, 70_000, NAMES["gold"])
    assert (await client.patch("/v1/tiers/gold", json={"rank": 5}, headers={"if-match": answer.headers["etag"]})).status_code == 412
    assert (await client.patch("/v1/tiers/gold", json={"rank": 5})).status_code == 428
    assert [(await tier(client, at))["tier"] for at in ("2026-06-01T00:00:00Z", None)] == ["gold", None]
    assert [(await client.delete("/v1/tiers/reserve", headers={"if-match": tag})).status_code for tag in ('"7"', '"1"')] == [412, 204]
    assert (await client.get("/v1/tiers/reserve")).status_code == 404
    assert (await tier(client))["next_tier"] == "gold"
    how = await client.get("/v1/tiers/qualification")
    assert (how.json()["version"], how.json()["measure"], how.headers["etag"]) == (5, "spend", '"6"')


async def test_without_tiers_nobody_has_one_and_nothing_is_kept(client, ledger, story):
    await ledger.hear(story.registered(), story.placed("ord_1", 60_000))
    shown = await tier(client)
    assert (shown["tier"], shown["measure"], shown["benefits"]) == (None, None, None)
    assert await ledger.fetch("SELECT FROM tier_standings") == []
    assert (await client.get("/v1/tiers/qualification")).json()["version"] == 0


async def test_members_see_their_own_tier_only(client, ledger, story, token_of):
    await define(client)
    await ledger.hear(story.registered(), story.registered("cus_2"))
    headers = {"authorization": f"Bearer {token_of('cus_1')}"}
    assert (await client.get("/v1/members/cus_1/tier", headers=headers)).status_code == 200
    assert (await client.get("/v1/members/cus_1/tier/history", headers=headers)).status_code == 200
    for path in ("/v1/members/cus_2/tier", "/v1/members/cus_2/tier/history"):
        assert (await client.get(path, headers=headers)).status_code == 404
    assert (await client.post("/v1/members/cus_1/tier", json={"tier": "gold", "reason": "x"}, headers=headers)).status_code == 403
    assert (await client.post("/v1/tiers", json={}, headers=headers)).status_code == 403


async def test_points_given_by_hand_lead_to_a_tier_at_once(client, ledger, story):
    await define(client, gold=100, reserve=1_000, how=YEAR | {"measure": "points", "wallet": "tier_points"})
    await ledger.hear(story.registered())
    wanted = {"customer_id": "cus_1", "points": 100, "wallet": "tier_points", "reason": "Moved from the old programme"}
    assert (await client.post("/v1/adjustments", json=wanted)).status_code == 201
    [row] = await ledger.fetch("SELECT tier FROM tier_standings")
    assert row["tier"] == "gold"


async def test_points_that_nobody_looked_at_are_read_at_once_and_booked_by_a_pass(client, ledger, story):
    await define(client, gold=100, reserve=1_000, how=YEAR | {"measure": "points", "wallet": "tier_points"})
    await ledger.hear(story.registered())
    async with UnitOfWork(ledger.database) as uow:
        await posting.grant(uow, [Grant("cus_1", 100, "src_1", datetime.now(UTC), wallet="tier_points")])
        await uow.commit()
    assert ((await tier(client))["tier"], await told(ledger)) == ("gold", [])
    await run_passes(ledger)
    assert [change[:2] for change in await told(ledger)] == [("gold", "earned")]


async def test_the_guides_example(client, ledger, story):
    how = {"measure": "points", "wallet": "points", "period": {"kind": "rolling", "unit": "months", "length": 12, "hold_months": 12}}
    await define(client, gold=500, reserve=2_500, how=how)
    first, gold_order, next_order = (
        story.placed("ord_1", 30_000, on=30),
        story.placed("ord_2", 25_000, on=151),
        story.placed("ord_3", 10_000, on=152),
    )
    await ledger.hear(first, gold_order, next_order)
    assert await ledger.member("cus_1") == (670, 670)
    reached = await tier(client, "2026-06-01T12:00:00Z")
    assert (reached["tier"], reached["missing"], reached["since"]) == (
        "gold",
        1_950,
        gold_order.placed_at.isoformat().replace("+00:00", "Z"),
    )
    await ledger.hear(story.returned(gold_order, "ret_1", 15_000, on=181))
    kept = await tier(client, "2026-07-02T00:00:00Z")
    assert (kept["tier"], kept["progress"], kept["until"]) == ("gold", 520, "2027-06-02T09:30:00Z")
    await ledger.hear(story.returned(gold_order, "ret_2", 10_000, on=181))
    lost = await tier(client, "2026-07-02T00:00:00Z")
    assert (lost["tier"], lost["progress"]) == (None, 420)
    assert (await tier(client, "2026-06-30T00:00:00Z"))["tier"] == "gold"


async def test_orders_of_one_family_at_once_leave_the_tier_that_all_of_them_lead_to(committed_ledger, story):
    await committed_ledger.fetch(
        """INSERT INTO tier_schemes (programme_id, version, effective_from, zone, qualification, tiers)
        SELECT id, 1, '2020-01-01', 'UTC', $1, $2 FROM programmes""",
        YEAR | {"wallet": "points", "grace_days": 0, "downgrade": "hard"},
        [{"code": "gold", "threshold": 4_000, "name": NAMES["gold"], "benefits": {"multiplier": "1"}}],
    )
    await committed_ledger.hear(story.registered("cus_1"), story.registered("cus_2"))
    await deliver(committed_ledger.database, SERVICE, [(merged(), 1)])
    gate = asyncio.Semaphore(8)

    async def hear(number):
        async with gate:
            await committed_ledger.hear(story.placed(f"ord_{number}", 100, f"cus_{number % 2 + 1}", on=number))

    await asyncio.gather(*(hear(number) for number in range(40)))
    [row] = await committed_ledger.fetch("SELECT tier, sequence FROM tier_standings WHERE customer_id = 'cus_1'")
    assert row["tier"] == "gold"
    changes = await told(committed_ledger)
    assert [sequence for _, _, _, sequence in changes] == list(range(1, row["sequence"] + 1))
    assert changes[-1][0] == "gold"


async def test_nobody_overwrites_how_tiers_are_reached_without_having_seen_it(client, ledger):
    path = "/v1/tiers/qualification"
    tag = (await client.get(path)).headers["etag"]
    assert (await client.put(path, json=YEAR)).status_code == 428
    assert (await client.put(path, json=YEAR, headers={"if-match": tag})).status_code == 200
    assert (await client.put(path, json=YEAR, headers={"if-match": tag})).status_code == 412


async def test_who_has_a_members_tier_already_is_told_so_until_it_changes(client, ledger, story):
    await define(client)
    await ledger.hear(story.registered(), story.placed("ord_1", 30_000))
    path = "/v1/members/cus_1/tier"
    tag = (await client.get(path)).headers["etag"]
    assert (await client.get(path, headers={"if-none-match": tag})).status_code == 304
    await ledger.hear(story.placed("ord_2", 1))
    assert (await client.get(path, headers={"if-none-match": tag})).status_code == 200

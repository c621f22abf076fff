"""Policies of expiry over HTTP and in the database: when points end, what puts it off, who is reminded, what expires when."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty.due import PASSES
from loyalty.expiry.rules import Term, expires_after
from loyalty.ledger import service as points
from loyalty.ledger.rules import Draw, Grant
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.verification.rules import is_sound
from shared.contracts.customers import CustomerMerged
from shared.database.unit_of_work import UnitOfWork

POLICY = f"/v1/programmes/{PROGRAMME_ID}/expiry"
DAY = timedelta(days=1)
NOW = datetime.now(UTC)
SIX_MONTHS = {"kind": "activity", "unit": "month", "units": 6, "effective_from": "2000-01-01T00:00:00Z"}
TWIN = "SELECT nullif(expires_after(ROW('p', 1, $1, $2, $3, $4, '{}', '{}', now(), now())::expiry_policies, $5), 'infinity')"


async def earn(ledger, customer, amount, moment, source, **more):
    async with UnitOfWork(ledger.database) as uow:
        [outcome] = await points.grant(uow, [Grant(customer, amount, source, moment, **more)])
        await uow.commit()
    return outcome


async def run(ledger, name, now=NOW):
    async with UnitOfWork(ledger.database) as uow:
        is_more = await PASSES[name](uow, now)
        await uow.commit()
    return is_more


async def expiring(ledger):
    rows = await ledger.fetch("SELECT payload::jsonb AS told FROM event_log WHERE type LIKE '%points_expiring%' ORDER BY position")
    return [(row["told"]["customer_id"], row["told"]["points"], row["told"]["days"]) for row in rows]


@pytest.mark.parametrize(
    ("term", "moment", "ends"),
    [
        (Term("never"), "2026-01-31T10:00Z", None),
        (Term("rolling", "month", 1), "2026-01-31T10:00Z", "2026-03-01T00:00Z"),
        (Term("rolling", "month", 1), "2024-01-31T10:00Z", "2024-03-01T00:00Z"),
        (Term("rolling", "year", 1), "2024-02-29T10:00Z", "2025-03-01T00:00Z"),
        (Term("rolling", "day", 0, "Europe/Riga"), "2026-03-28T23:30Z", "2026-03-29T21:00Z"),
        (Term("rolling", "day", 1, "Europe/Riga"), "2026-10-24T12:00Z", "2026-10-25T22:00Z"),
        (Term("calendar", "month", 0, "Europe/Riga"), "2026-03-31T21:30Z", "2026-04-30T21:00Z"),
        (Term("calendar", "quarter", 1, "Asia/Shanghai"), "2026-03-31T12:00Z", "2026-06-30T16:00Z"),
        (Term("calendar", "year", 2), "2026-03-31T12:00Z", "2029-01-01T00:00Z"),
        # Where the clock skips midnight the day begins at one, and where it strikes twice, at the second.
        (Term("rolling", "day", 0, "Asia/Beirut"), "2024-03-30T12:00Z", "2024-03-30T22:00Z"),
        (Term("rolling", "day", 0, "America/Havana"), "2026-10-31T12:00Z", "2026-11-01T05:00Z"),
    ],
)
async def test_points_end_at_a_midnight_of_the_zone(ledger, term, moment, ends):
    told, expected = datetime.fromisoformat(moment), ends and datetime.fromisoformat(ends)
    assert expires_after(term, told) == expected
    unit, units = (None, None) if term.kind == "never" else (term.unit, term.units)
    [row] = await ledger.fetch(TWIN, term.kind, unit, units, term.zone, told)
    assert row[0] == expected


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["rolling", "calendar", "activity"]),
    unit=st.sampled_from(["day", "month", "quarter", "year"]),
    units=st.integers(0, 40),
    zone=st.sampled_from(["UTC", "Europe/Riga", "America/Havana", "Asia/Beirut", "Asia/Shanghai", "Pacific/Apia", "America/Sao_Paulo"]),
    moment=st.datetimes(datetime(1995, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 (hypothesis wants them bare)
)
async def test_the_database_and_the_rules_say_the_same(ledger, kind, unit, units, zone, moment):
    unit = "month" if kind == "calendar" and unit == "day" else unit
    [row] = await ledger.fetch(TWIN, kind, unit, units, zone, moment)
    assert row[0] == expires_after(Term(kind, unit, units, zone), moment)


async def test_a_policy_is_set_read_and_never_changed(client):
    assert (await client.get(POLICY)).json() == {"current": None, "versions": []}
    body = {"kind": "calendar", "unit": "year", "units": 1, "reminder_days": [7, 30, 7], "effective_from": "2026-01-01T00:00:00Z"}
    first = await client.put(POLICY, json=body)
    assert first.status_code == 200
    assert first.json()["reminder_days"] == [30, 7]
    assert first.json()["zone"] == "UTC"
    assert (await client.put(POLICY, json=body)).json() == first.json()
    other = await client.put(POLICY, json={**body, "units": 2})
    assert (other.status_code, other.json()["code"]) == (409, "expiry_policy_exists")
    later = await client.put(POLICY, json={"kind": "never", "effective_from": "2190-01-01T00:00:00Z"})
    read = await client.get(POLICY)
    assert read.json() == {"current": first.json(), "versions": [later.json(), first.json()]}
    assert (await client.get("/v1/programmes/prg_none/expiry")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "never", "unit": "day", "units": 1},
        {"kind": "rolling"},
        {"kind": "calendar", "unit": "day", "units": 1},
        {"kind": "rolling", "unit": "day", "units": 1, "exempt_tiers": ["gold"]},
        {"kind": "rolling", "unit": "day", "units": -1},
        {"kind": "rolling", "unit": "day", "units": 1, "reminder_days": [0]},
    ],
)
async def test_a_policy_that_says_nothing_is_refused(client, body):
    assert (await client.put(POLICY, json=body)).status_code == 422


async def test_points_that_were_earned_keep_their_policy(client, ledger, story):
    await ledger.hear(story.placed("ord_1", 1_000))
    late = await client.put(POLICY, json=SIX_MONTHS)
    assert (late.status_code, late.json()["code"]) == (409, "expiry_policy_too_late")
    assert (await client.put(POLICY, json={**SIX_MONTHS, "effective_from": None})).status_code == 200
    assert (await client.get("/v1/members/cus_1/expirations")).json() == {"data": [], "next_cursor": None}


async def test_orders_and_grants_take_the_policy_of_their_day_and_rules_their_own(client, ledger, story):
    await client.put(POLICY, json={**SIX_MONTHS, "kind": "rolling"})
    await ledger.hear(story.placed("ord_1", 1_000))
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    await earn(ledger, "cus_1", 5, moment, "a")
    await earn(ledger, "cus_1", 6, moment, "b", expires_at=NOW + 9 * DAY)
    await earn(ledger, "cus_1", 7, moment, "c", wallet="tier_points")
    rows = await ledger.fetch("SELECT granted, nullif(expires_at, 'infinity') AS ends FROM lots ORDER BY granted")
    ends = [datetime(2026, 9, 2, tzinfo=UTC), NOW + 9 * DAY, None, datetime(2026, 7, 3, tzinfo=UTC)]
    assert [(row["granted"], row["ends"]) for row in rows] == list(zip([5, 6, 7, 10], ends, strict=True))


async def test_activity_told_late_brings_back_what_was_booked_as_expired(client, ledger):
    await client.put(POLICY, json=SIX_MONTHS)
    await earn(ledger, "cus_1", 100, NOW - 300 * DAY, "first")
    assert await run(ledger, "book_expiries") is False
    assert await ledger.member("cus_1") == (0, 100)
    lapsed_at = expires_after(Term("activity", "month", 6), NOW - 300 * DAY)
    # Each is in time by the one before.
    await earn(ledger, "cus_1", 1, NOW - 150 * DAY, "second")
    await earn(ledger, "cus_1", 1, NOW - 10 * DAY, "third")
    assert await ledger.member("cus_1") == (102, 102)
    entries = await ledger.fetch(
        "SELECT kind, points, occurred_at FROM entries WHERE kind IN ('expiry', 'reinstatement') ORDER BY sequence"
    )
    assert [tuple(row) for row in entries] == [("expiry", -100, lapsed_at), ("reinstatement", 100, lapsed_at)]
    told = await ledger.fetch("SELECT payload::jsonb AS told FROM event_log WHERE type LIKE '%points_restored%'")
    assert [(row["told"]["points"], row["told"]["reason"]) for row in told] == [(100, "activity")]
    assert [number for _, _, number in await ledger.told()] == list(range(1, 6))
    as_of = (await client.get("/v1/members/cus_1", params={"as_of": (lapsed_at + DAY).isoformat()})).json()
    assert as_of["balance"] == 101
    assert is_sound(await ledger.proof())


async def test_activity_after_the_end_comes_too_late(client, ledger):
    await client.put(POLICY, json=SIX_MONTHS)
    await earn(ledger, "cus_1", 100, NOW - 300 * DAY, "first")
    await earn(ledger, "cus_1", 1, NOW - 10 * DAY, "second")
    assert await ledger.member("cus_1") == (1, 101)


async def test_spending_and_small_orders_put_the_end_off(client, ledger, story):
    await client.put(POLICY, json={**SIX_MONTHS, "unit": "day", "units": 30})
    await earn(ledger, "cus_1", 100, NOW - 60 * DAY, "first")
    assert await ledger.member("cus_1") == (0, 100)
    small = story.placed("ord_1", 50)
    await ledger.hear(small.model_copy(update={"placed_at": NOW - 40 * DAY}))
    assert await ledger.member("cus_1") == (0, 100)
    await ledger.hear(small.model_copy(update={"order_id": "ord_2", "placed_at": NOW - 20 * DAY}))
    assert await ledger.member("cus_1") == (100, 100)
    async with UnitOfWork(ledger.database) as uow:
        await points.draw(uow, [Draw("cus_1", 1, "red_1")])
        await uow.commit()
    [row] = (await client.get("/v1/members/cus_1/expirations")).json()["data"]
    assert row["points"] == row["extendable"] == 99
    assert datetime.fromisoformat(row["expires_at"]) == expires_after(Term("activity", "day", 30), datetime.now(UTC))


async def test_what_one_of_a_family_does_keeps_the_points_of_all(client, ledger):
    await client.put(POLICY, json=SIX_MONTHS)
    await earn(ledger, "cus_1", 100, NOW - 300 * DAY, "first")
    await earn(ledger, "cus_2", 5, NOW - 150 * DAY, "second")
    await run(ledger, "book_expiries")
    assert await ledger.member("cus_1") == (0, 100)
    await ledger.hear(CustomerMerged(merge_id="mrg_1", merged_id="cus_1", survivor_id="cus_2", merged_at=NOW))
    assert await ledger.member("cus_2") == (105, 105)
    assert is_sound(await ledger.proof())


async def test_a_reminder_is_told_once_for_each_lead_time(client, ledger):
    await client.put(POLICY, json={**SIX_MONTHS, "unit": "day", "units": 100, "reminder_days": [30, 7]})
    for customer, days_left, amount in (("cus_a", 40, 1), ("cus_b", 20, 2), ("cus_c", 5, 3)):
        await earn(ledger, customer, amount, NOW - (100 - days_left) * DAY, customer)
    await earn(ledger, "cus_d", 4, NOW, "d", expires_at=NOW + 25 * DAY)
    for _ in range(2):
        assert await run(ledger, "remind_of_expiries") is False
    assert sorted(await expiring(ledger)) == [("cus_b", 2, 30), ("cus_c", 3, 7), ("cus_d", 4, 30)]
    await earn(ledger, "cus_b", 1, NOW - DAY, "active")
    await run(ledger, "remind_of_expiries", NOW + 15 * DAY)
    assert (await expiring(ledger))[3:] == [("cus_a", 1, 30)]
    await run(ledger, "remind_of_expiries", NOW + 19 * DAY)
    assert (await expiring(ledger))[4:] == [("cus_d", 4, 7)]


async def test_a_forecast_tells_what_expires_when(client, ledger):
    await client.put(POLICY, json=SIX_MONTHS)
    await earn(ledger, "cus_1", 10, NOW - 20 * DAY, "a")
    await earn(ledger, "cus_2", 20, NOW, "b", expires_at=NOW + 40 * DAY)
    await earn(ledger, "cus_3", 30, NOW, "c", expires_at=NOW + 40 * DAY)
    until = (NOW + 300 * DAY).isoformat()
    rows = (await client.get("/v1/expirations", params={"until": until})).json()["data"]
    ends = expires_after(Term("activity", "month", 6), NOW - 20 * DAY)
    assert [(row["starts_on"], row["points"], row["extendable"], row["members"]) for row in rows] == [
        ((NOW + 40 * DAY).date().isoformat(), 50, 0, 2),
        (ends.date().isoformat(), 10, 10, 1),
    ]
    months = (await client.get("/v1/expirations", params={"until": until, "by": "month"})).json()["data"]
    assert sum(row["points"] for row in months) == 60
    assert (await client.get("/v1/expirations", params={"until": "2001-01-01T00:00:00Z"})).status_code == 422


async def test_a_member_reads_his_own(client, ledger, token_of):
    await earn(ledger, "cus_1", 10, NOW, "a", expires_at=NOW + DAY)
    headers = {"authorization": f"Bearer {token_of('cus_1')}"}
    mine = await client.get("/v1/members/cus_1/expirations", headers=headers)
    assert [row["points"] for row in mine.json()["data"]] == [10]
    assert (await client.get("/v1/members/cus_2/expirations", headers=headers)).status_code == 404


async def test_lots_are_listed_in_the_order_in_which_they_are_spent(client, ledger):
    await client.put(POLICY, json=SIX_MONTHS)
    ends = expires_after(Term("activity", "month", 6), NOW - DAY)
    for days, name in ((150, "a"), (90, "b"), (1, "c")):
        await earn(ledger, "cus_1", days, NOW - days * DAY, name)
    await earn(ledger, "cus_1", 2, NOW - 200 * DAY, "d", expires_at=NOW + 10 * DAY)
    await earn(ledger, "cus_1", 3, NOW - 200 * DAY, "e", expires_at=ends + DAY)
    expected = [(2, NOW + 10 * DAY), (150, ends), (90, ends), (1, ends), (3, ends + DAY)]
    for limit in (1, 2, 100):
        seen, cursor = [], None
        while True:
            page = (await client.get("/v1/members/cus_1/lots", params={"limit": limit, **({"cursor": cursor} if cursor else {})})).json()
            seen += [(lot["granted"], datetime.fromisoformat(lot["expires_at"])) for lot in page["data"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == expected
    async with UnitOfWork(ledger.database) as uow:
        await points.draw(uow, [Draw("cus_1", 153, "red_1")])
        await uow.commit()
    left = await ledger.fetch("SELECT granted, remaining FROM lots WHERE remaining > 0 ORDER BY granted")
    assert [tuple(row) for row in left] == [(1, 1), (3, 3), (90, 89)]


@pytest.fixture
async def tiers(client):
    for place, code in enumerate(("green", "gold")):
        made = await client.post("/v1/tiers", json={"code": code, "name": {"en": code}, "rank": place + 1, "threshold": 100 * (place + 1)})
        assert made.status_code == 201, made.json()


async def test_a_tier_that_does_not_exist_is_refused(client, tiers):
    refused = await client.put(POLICY, json={**SIX_MONTHS, "exempt_tiers": ["green", "platinum"]})
    assert (refused.status_code, refused.json()["code"]) == (422, "expiry_tier_unknown")
    assert refused.json()["errors"][0]["pointer"] == "/exempt_tiers/1"
    assert refused.json()["tier"] == "platinum"
    body = {**SIX_MONTHS, "exempt_tiers": ["gold", "green"]}
    made = await client.put(POLICY, json=body)
    assert (made.status_code, made.json()["exempt_tiers"]) == (200, ["gold", "green"])
    # What was taken once is the same policy, also when a tier of it is gone.
    tag = (await client.get("/v1/tiers/green")).headers["etag"]
    gone = await client.delete("/v1/tiers/green", headers={"if-match": tag})
    assert gone.status_code == 204, gone.json()
    assert (await client.put(POLICY, json=body)).json() == made.json()


TIER = """
INSERT INTO tier_changes (id, programme_id, customer_id, tier, changed_at, reason, scheme_version, recorded_at)
VALUES ($1, $2, 'cus_1', $3, $4, 'test', 1, $4)
"""


async def test_nothing_expires_in_a_tier_that_is_exempt(client, ledger, tiers):
    await client.put(POLICY, json={**SIX_MONTHS, "exempt_tiers": ["gold"]})
    await earn(ledger, "cus_1", 100, NOW - 500 * DAY, "first")
    await ledger.fetch(TIER, "tch_1", PROGRAMME_ID, "gold", NOW - 400 * DAY)
    assert await ledger.member("cus_1") == (100, 100)
    assert (await client.get("/v1/members/cus_1/expirations")).json() == {"data": [], "next_cursor": None}
    await ledger.fetch(TIER, "tch_2", PROGRAMME_ID, None, NOW - 100 * DAY)
    ends = expires_after(Term("activity", "month", 6), NOW - 100 * DAY)
    [row] = (await client.get("/v1/members/cus_1/expirations")).json()["data"]
    assert (row["points"], datetime.fromisoformat(row["expires_at"])) == (100, ends)
    await ledger.fetch("UPDATE tier_changes SET superseded_at = now() WHERE id = 'tch_2'")
    await ledger.fetch(TIER, "tch_3", PROGRAMME_ID, None, NOW - 300 * DAY)
    assert await ledger.member("cus_1") == (0, 100)


async def test_a_tier_that_came_after_the_end_saves_nothing(client, ledger, tiers):
    await client.put(POLICY, json={**SIX_MONTHS, "exempt_tiers": ["gold"]})
    await earn(ledger, "cus_1", 100, NOW - 500 * DAY, "first")
    await ledger.fetch(TIER, "tch_1", PROGRAMME_ID, "gold", NOW - 300 * DAY)
    assert await ledger.member("cus_1") == (0, 100)


async def test_a_gift_of_what_expires_never_lasts_as_long_as_the_policy_says(client, ledger, tiers):
    await client.put(POLICY, json={**SIX_MONTHS, "exempt_tiers": ["gold"]})
    await earn(ledger, "cus_1", 100, NOW - 500 * DAY, "first")
    await earn(ledger, "cus_2", 1, NOW - 3 * DAY, "second")
    await ledger.fetch(TIER, "tch_1", PROGRAMME_ID, "gold", NOW - 400 * DAY)
    given = await client.post("/v1/transfers", json={"customer_id": "cus_1", "to_customer_id": "cus_2", "points": 40})
    assert given.status_code == 201, given.json()
    rows = (await client.get("/v1/members/cus_2/expirations")).json()["data"]
    own = expires_after(Term("activity", "month", 6), datetime.now(UTC))
    assert (rows[-1]["points"], datetime.fromisoformat(rows[-1]["expires_at"])) == (40, own)

"""What members are owed: to the point what the ledger says, and a forecast that knows how wrong it was."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from math import exp, pi, sin
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_model import EVER, Model
from ledger_pair import PEOPLE
from test_histories import BEGINNING, Histories, steps, terms

from loyalty.holds import service as holds
from loyalty.ledger import service as points
from loyalty.ledger.rules import Draw, Grant
from loyalty.liability import repository, service
from loyalty.liability.rules import HORIZONS, LEVEL, TESTED_AHEAD, Flow, coverage_of, forecast, interval, shares_of, widened
from loyalty.programmes.the_programme import PROGRAMME_ID
from shared.database.unit_of_work import UnitOfWork

VALUE = f"/v1/programmes/{PROGRAMME_ID}/point-value"
DAY = timedelta(days=1)
NOW = datetime.now(UTC)
# Bookings of these are dated when the last of a lot went or came, which no instant between can tell.
SIMPLE = {"earn", "order", "grant", "spend", "transfer", "policy", "wait", "book"}


def invented(months, seed, moods=None):
    """Return flows of a programme in which points last a year: spent most from the second to the sixth month, and by the month's mood."""
    random, flows = Random(seed), []
    for cohort in range(months):
        left = earned = random.randint(80_000, 120_000)
        for month in range(cohort, months):
            age = month - cohort
            redeemed = int(left * (0.02 + 0.05 * (1 <= age <= 5)) * random.lognormvariate(0, 0.15) * (exp(moods[month]) if moods else 1))
            redeemed = min(redeemed, left)
            gone = int((left - redeemed) * (1.0 if age == 12 else 0.002))
            flows.append(Flow(cohort, month, earned if age == 0 else 0, redeemed, gone))
            left -= redeemed + gone
    return flows


def test_shares_are_those_of_all_cohorts_at_an_age():
    flows = [Flow(0, 0, 100, 10, 0), Flow(0, 1, 0, 45, 45), Flow(1, 1, 100, 20, 0)]
    assert shares_of(flows, 2) == {0: (0.15, 0.0), 1: (0.5, 0.5)}
    assert shares_of(flows, 1) == {0: (0.1, 0.0)}


def test_a_forecast_takes_what_is_held_through_the_ages_before_it():
    flows = [Flow(cohort, cohort + age, 1_000 * (age == 0), (100, 450)[age], (0, 450)[age]) for cohort in range(40) for age in (0, 1)]
    told = forecast([flow for flow in flows if flow.month < 40], 40)
    assert (told.reason, told.months, told.expected, told.low, told.high) == (None, 40, 450, 450, 450)
    assert told.cohorts[-1].outstanding == 900


def test_a_short_history_gets_no_number():
    assert forecast([], 10).reason == "nothing_redeemed"
    assert forecast([Flow(0, 0, 100, 0, 0)], 60).reason == "nothing_redeemed"
    told = forecast(invented(20, 1), 20)
    assert (told.reason, told.expected) == ("history_short", 0)


def test_the_interval_holds_what_comes():
    """Of sixty programmes, the year after the forecast falls into the interval about as often as it says, and never much less."""
    hits = 0
    for seed in range(60):
        flows = invented(60, seed)
        told = forecast([flow for flow in flows if flow.month < 48], 48)
        actual = sum(flow.redeemed for flow in flows if flow.month >= 48 and flow.cohort < 48)
        hits += told.low <= actual <= told.high
        assert told.low <= told.expected <= told.high
    assert hits >= LEVEL * 60


def _of_its_own(months, random):
    return [0.0] * months


def _alike_in_all(months, random):
    return [random.gauss(0, 0.15) for _ in range(months)]


def _by_season(months, random):
    shift = random.randrange(12)
    return [0.3 * sin(2 * pi * (month + shift) / 12) + random.gauss(0, 0.05) for month in range(months)]


def _lasting(months, random):
    return list(accumulate((random.gauss(0, 0.12) for _ in range(months)), lambda mood, change: 0.7 * mood + change))


@pytest.mark.parametrize("moods", [_of_its_own, _alike_in_all, _by_season, _lasting])
def test_the_intervals_hold_what_they_promise(moods):
    """Of eighty programmes, what comes in any number of months, and in all, falls into the intervals at least as often as they say."""
    hits, promised = Counter(), Counter()
    for seed in range(80):
        now = 36 if seed % 2 else 54
        flows = invented(now + 12, seed, moods(now + 12, Random(seed + 1_000)))
        told = forecast([flow for flow in flows if flow.month < now], now)
        assert [horizon.ahead for horizon in told.horizons] == list(HORIZONS)
        for ahead, one in [*((horizon.ahead, horizon) for horizon in told.horizons), (12, told)]:
            actual = sum(flow.redeemed for flow in flows if now <= flow.month < now + ahead and flow.cohort < now)
            hits[ahead, one is told] += one.low <= actual <= one.high
            promised[ahead, one is told] += one.level
    missed = {what: (hits[what], promised[what]) for what in promised if hits[what] < promised[what]}
    assert not missed


@given(st.lists(st.floats(-1, 5), min_size=8, max_size=100))
def test_the_interval_is_made_of_errors_by_rank(errors):
    low, high, level = interval(errors)
    assert low in errors
    assert high in errors
    assert sum(low <= error <= high for error in errors) / (len(errors) + 1) >= min(LEVEL, (len(errors) - 1) / (len(errors) + 1)) - 1e-9
    assert level >= min(LEVEL, 1 - 2 / (len(errors) + 1)) - 1e-9


def test_coverage_looks_only_at_what_was_known():
    told = forecast(invented(60, 3), 60)
    checks = {horizon.ahead: horizon.checks for horizon in told.horizons}
    for horizon in told.horizons:
        coverage, evaluations = coverage_of(checks, horizon.ahead)
        assert (coverage, evaluations) == (horizon.coverage, horizon.evaluations)
        assert 0 < evaluations < len(horizon.checks)
        assert coverage is not None
        assert 0 <= coverage <= 1
        # Of what is known only later it makes no difference what it was.
        past = {ahead: [check for check in of_it if check.month + ahead <= 40] for ahead, of_it in checks.items()}
        earlier = forecast([flow for flow in invented(60, 3) if flow.month < 40], 40)
        assert coverage_of(past, horizon.ahead) == coverage_of({one.ahead: one.checks for one in earlier.horizons}, horizon.ahead)
    assert told.checks == checks[TESTED_AHEAD]
    assert coverage_of({TESTED_AHEAD: told.checks[:8]}, TESTED_AHEAD) == (None, 0)


@given(st.dictionaries(st.sampled_from(HORIZONS), st.lists(st.floats(-1, 5), min_size=8, max_size=30), min_size=1))
def test_an_interval_of_more_months_is_no_narrower(errors):
    found = widened(errors)
    narrower = None
    for ahead in sorted(errors):
        low, high, level = found[ahead]
        own_low, own_high, own_level = interval(errors[ahead])
        assert (low <= own_low, high >= own_high, level) == (True, True, own_level)
        assert narrower is None or (low <= narrower[0] and high >= narrower[1])
        narrower = (low, high)


def test_points_that_are_spent_once_a_year_are_forecast_for_the_months_that_tell():
    """In most months nothing is expected of the next one, so there is nothing to compare with."""
    flows = [
        Flow(cohort, cohort + age, 1_000 * (age == 0), (390 + cohort) * (age == 6), (610 - cohort) * (age == 7))
        for cohort in range(0, 60, 12)
        for age in range(12)
    ]
    told = forecast(flows, 60)
    assert told.reason is None
    assert 1 not in [horizon.ahead for horizon in told.horizons]
    assert TESTED_AHEAD in [horizon.ahead for horizon in told.horizons]
    assert all(len(horizon.checks) >= 8 for horizon in told.horizons)


def test_a_horizon_needs_a_history_as_long():
    told = forecast(invented(28, 1), 28)
    assert [horizon.ahead for horizon in told.horizons] == [1, 3, 6]
    assert [len(horizon.checks) for horizon in told.horizons] == [16, 14, 11]
    assert told.low <= told.expected <= told.high


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(first=terms, script=st.lists(steps, max_size=20), books=st.booleans())
async def test_the_roll_forward_is_the_ledger_to_the_point(empty_ledger, first, script, books):
    async with empty_ledger() as ledger, UnitOfWork(ledger.database) as uow:
        await uow.connection.execute("SELECT ensure_members($1, $2)", PROGRAMME_ID, list(PEOPLE))
        both = Histories(uow, Model(everybody=PEOPLE), books=books)
        for step in (("policy", first), *script):
            await both.step(*step)
        since, until = BEGINNING - 9 * DAY, both.at + timedelta(minutes=1)
        lines = await service.roll_forward(uow.connection, PROGRAMME_ID, since, until, "month")
        standing = 0
        for line in lines:
            assert line.opening == standing
            standing += line.issued - line.redeemed - line.expired + line.adjusted + line.transferred - line.reversed
            assert line.closing == standing
            assert line.transferred == 0
        counting = sum(both.model.held(lot, both.at) if both.model.lapsed(lot, both.at) else lot.left for lot in both.model.lots) - sum(
            both.model.owed.values()
        )
        assert standing == counting
        then = await repository.outstanding_then(uow.connection, PROGRAMME_ID, both.at, EVER)
        assert {row.wallet: row.outstanding for row in then}["points"] == counting
        if {kind for kind, *_ in script} <= SIMPLE:
            for moment in both.told:
                told = await service.roll_forward(uow.connection, PROGRAMME_ID, since, moment, "year")
                then = await repository.outstanding_then(uow.connection, PROGRAMME_ID, moment - timedelta(microseconds=1), EVER)
                assert {row.wallet: row.outstanding for row in then}["points"] == (told[-1].closing if told else 0)
        flows = await repository.flows(uow.connection, PROGRAMME_ID, "points", both.at, EVER)
        assert sum(flow.earned - flow.redeemed - flow.gone for flow in flows) == counting + sum(both.model.owed.values())


@pytest.fixture
async def shop(client, ledger, story, clock):
    """Points of an order, a gift, a rule; some spent, pending, held and expired."""
    clock.advance(datetime.now(UTC) + timedelta(minutes=1) - clock.now())
    await client.put(VALUE, json={"amount_minor": 1, "points": 2, "currency": "EUR", "effective_from": "2000-01-01T00:00:00Z"})
    order = story.placed("ord_1", 10_000)
    await ledger.hear(order, story.returned(order, "ret_1", 3_000))
    async with UnitOfWork(ledger.database) as uow:
        await points.grant(
            uow,
            [
                Grant("cus_1", 40, "a", NOW - 40 * DAY, rule_version="rul_1@2"),
                Grant("cus_2", 9, "b", NOW - 40 * DAY, rule_version="rul_1@2", expires_at=NOW - 5 * DAY),
                Grant("cus_2", 7, "c", NOW - DAY, kind="adjustment", counter="adjustment"),
                Grant("cus_2", 20, "d", NOW - DAY, available_from=NOW + 9 * DAY),
                Grant("cus_2", 5, "e", NOW - DAY, wallet="tier_points"),
            ],
        )
        await points.draw(uow, [Draw("cus_1", 15, "red_1")])
        await holds.place(uow, "cus_1", 4, seconds=600)
        await uow.commit()
    return client


async def test_liability_is_what_members_hold(shop):
    told = (await shop.get("/v1/liability")).json()
    assert (told["outstanding"], told["pending"], told["value_minor"], told["currency"]) == (122, 20, 61, "EUR")
    assert [(one["wallet"], one["outstanding"], one["value_minor"]) for one in told["wallets"]] == [
        ("points", 122, 61),
        ("tier_points", 5, None),
    ]
    assert (told["breakage"]["reliable"], told["breakage"]["reason"], told["breakage"]["breakage"]) == (False, "history_short", None)
    moments = {"as_of": (NOW + DAY).isoformat(), "known_at": (NOW + DAY).isoformat()}
    assert (await shop.get("/v1/liability", params=moments)).json()["outstanding"] == 122
    then = (await shop.get("/v1/liability", params={"as_of": (NOW - 20 * DAY).isoformat()})).json()
    assert then["outstanding"] == 70 + 40 + 9
    assert (await shop.get("/v1/liability", params={"known_at": (NOW - DAY).isoformat()})).json()["outstanding"] == 0


async def test_a_roll_forward_is_a_table_too(shop):
    period = {"from": "2026-01-01T00:00:00Z", "until": (NOW + DAY).isoformat(), "by": "year"}
    told = (await shop.get("/v1/liability/roll-forward", params=period)).json()
    [line] = [one for one in told["data"] if one["wallet"] == "points"]
    assert {name: value for name, value in line.items() if value and name not in ("wallet", "begins_on")} == {
        "issued": 169,
        "redeemed": 15,
        "expired": 9,
        "adjusted": 7,
        "reversed": 30,
        "closing": 122,
    }
    table = await shop.get("/v1/liability/roll-forward", params={**period, "format": "csv"})
    assert table.headers["content-type"].startswith("text/csv")
    assert table.text.splitlines()[:2] == [
        "wallet,begins_on,opening,issued,redeemed,expired,adjusted,transferred,reversed,closing",
        "points,2026-01-01,0,169,15,9,7,0,30,122",
    ]
    wrong = await shop.get("/v1/liability/roll-forward", params={"from": "2026-01-01T00:00:00Z", "until": "2025-01-01T00:00:00Z"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "report_period_invalid")


async def test_costs_are_told_by_rule(shop):
    told = (await shop.get("/v1/liability/costs", params={"from": "2026-01-01T00:00:00Z", "until": (NOW + DAY).isoformat()})).json()
    rows = {one["source"]: (one["points_given"], one["points_taken_back"], one["cost_minor"]) for one in told["data"]}
    assert rows == {"rate@1": (100, 30, 35), "rul_1@2": (49, 0, 25), "other": (20, 0, 10), "adjustment": (7, 0, 4)}
    assert told["points"] == 146


async def test_a_point_value_is_set_and_never_changed(client):
    assert (await client.get(VALUE)).json() == {"current": None, "versions": []}
    body = {"amount_minor": 1, "points": 2, "currency": "EUR", "effective_from": "2026-01-01T00:00:00Z"}
    first = await client.put(VALUE, json=body)
    assert first.status_code == 200
    assert (await client.put(VALUE, json=body)).json() == first.json()
    other = await client.put(VALUE, json={**body, "points": 3})
    assert (other.status_code, other.json()["code"]) == (409, "point_value_exists")
    assert (await client.get(VALUE)).json() == {"current": first.json(), "versions": [first.json()]}
    assert (await client.put(VALUE, json={**body, "currency": "euro"})).status_code == 422


async def test_breakage_is_told_by_month(shop):
    told = (await shop.get("/v1/liability/breakage")).json()
    assert told["estimate"]["reliable"] is False
    assert sum(one["outstanding"] for one in told["cohorts"]) == 70 + 40 + 7 + 20 - 15
    assert all(one["expected_redemptions"] is None for one in told["cohorts"])

"""How balances went within a period, against the plainest computation."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.holdings.errors import PeriodRefused
from customers.holdings.repository import BEHAVIOUR
from customers.holdings.rules import MAX_PERIOD, check_period
from shared.testing.plans import plan_of

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HOLDING = {"customer_external_id": "C-1", "product_kind": "deposit", "currency": "EUR", "opened_at": "2025-01-15T00:00:00Z"}
moments = st.none() | st.integers(-5_000, 5_000).map(lambda hours: NOW + timedelta(hours=hours))


@given(moments, moments)
def test_a_period_ends_now_at_the_latest(starts_at, ends_at):
    try:
        since, until = check_period(starts_at, ends_at, NOW)
    except PeriodRefused:
        assert starts_at is not None
        assert starts_at >= min(ends_at or NOW, NOW)
    else:
        assert since < until <= NOW
        assert until - since <= MAX_PERIOD
        assert starts_at in (None, since)


def expected(balances, since, until) -> dict:
    """Every balance holds until the next; what held at the beginning counts from there."""
    before = [each for each in balances if each[0] <= since][-1:]
    run = before + [each for each in balances if since < each[0] < until]
    if not run:
        return {"readings": 0, "average_minor": None, "lowest_minor": None, "inflow_minor": 0, "outflow_minor": 0, "known_from": None}
    ends = [at for at, _ in run[1:]] + [until]
    spans = [(minor, end - max(at, since)) for (at, minor), end in zip(run, ends, strict=True)]
    seconds = [(minor, Fraction(span / timedelta(seconds=1))) for minor, span in spans]
    average = sum(minor * span for minor, span in seconds) / sum(span for _, span in seconds)
    changes = [after[1] - before[1] for before, after in pairwise(run)]
    return {
        "known_from": max(run[0][0], since),
        "readings": sum(since <= at for at, _ in run),
        "first_minor": run[0][1],
        "last_minor": run[-1][1],
        "lowest_minor": min(minor for _, minor in run),
        "highest_minor": max(minor for _, minor in run),
        "average_minor": int(average + Fraction(1, 2)),
        "inflow_minor": sum(change for change in changes if change > 0),
        "outflow_minor": -sum(change for change in changes if change < 0),
    }


@pytest.fixture
async def holding(client) -> str:
    answer = await client.post("/v1/holdings", json=HOLDING)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


@pytest.mark.parametrize("seed", range(8))
async def test_it_is_what_the_balances_say(client, holding, seed):
    chance = Random(seed)
    days = sorted(chance.sample(range(1, 200), chance.randrange(0, 12)))
    balances = [(NOW - (200 - day) * DAY, chance.randrange(0, 10_000)) for day in days]
    for at, minor in chance.sample(balances, len(balances)):
        await client.post(f"/v1/holdings/{holding}/balances", json={"balance_minor": minor, "at": at.isoformat()})
    for _ in range(4):
        since, until = NOW - chance.randrange(100, 220) * DAY, NOW - chance.randrange(0, 100) * DAY
        answer = await client.get(f"/v1/holdings/{holding}/behaviour", params={"from": since.isoformat(), "to": until.isoformat()})
        assert answer.status_code == 200, answer.text
        shown = answer.json()
        shown["known_from"] = shown["known_from"] and datetime.fromisoformat(shown["known_from"])
        wanted = expected(balances, since, until)
        assert {name: shown[name] for name in wanted} == wanted


async def test_a_year_until_now_is_usual(client, holding):
    shown = (await client.get(f"/v1/holdings/{holding}/behaviour")).json()
    assert (shown["starts_at"], shown["ends_at"], shown["currency"]) == ("2025-03-02T12:00:00Z", "2026-03-02T12:00:00Z", "EUR")
    refused = await client.get(f"/v1/holdings/{holding}/behaviour", params={"from": "2026-03-03T00:00:00Z"})
    assert (refused.status_code, refused.json()["code"]) == (422, "holding_period_refused")
    assert (await client.get("/v1/holdings/hld_unknown/behaviour")).status_code == 404


async def test_it_reads_the_balances_of_one_holding(database):
    async with database.acquire() as connection:
        await connection.execute(
            """
            INSERT INTO customers (id, kind, root_id) VALUES ('cus_1', 'individual', 'cus_1');
            INSERT INTO holdings (id, customer_id, product_kind, currency, opened_at, falling_days)
            SELECT 'hld_' || n, 'cus_1', 'deposit', 'EUR', now(), 30 FROM generate_series(1, 500) AS n;
            INSERT INTO holding_balances (holding_id, at, balance_minor)
            SELECT 'hld_' || 1 + n % 500, now() - n * interval '1 hour', n FROM generate_series(1, 9000) AS n;
            ANALYZE holdings; ANALYZE holding_balances;
            """
        )
        plan = await plan_of(connection, BEHAVIOUR, "'hld_5', now() - interval '9 days', now()")
    assert "Seq Scan" not in plan, plan
    assert "pk_holding_balances" in plan

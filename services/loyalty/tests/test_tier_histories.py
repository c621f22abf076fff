"""Whatever is told, in any order, split and told twice: what is booked of tiers is what the events say. Nothing stays of who is erased."""

from datetime import UTC, datetime
from random import Random
from zoneinfo import ZoneInfo

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty.app import SERVICE
from loyalty.tiers.rules import Fact, History, Scheme, Tier, chronicle
from shared.contracts.customers import CustomerErased
from shared.testing.bus import deliver

TIERS = [Tier("silver", 400), Tier("gold", 900), Tier("black", 1_600)]
_SCHEME = """
INSERT INTO tier_schemes (programme_id, version, effective_from, zone, qualification, tiers)
SELECT id, 1, '2020-01-01', $1, $2, $3 FROM programmes
"""
schemes = st.builds(
    Scheme,
    version=st.just(1),
    effective_from=st.just(datetime(2020, 1, 1, tzinfo=UTC)),
    zone=st.sampled_from([ZoneInfo("Europe/Riga"), ZoneInfo("America/New_York")]),
    tiers=st.just(TIERS),
    unit=st.sampled_from(["days", "months"]),
    window=st.integers(1, 40),
    grace_days=st.integers(0, 5),
    downgrade=st.sampled_from(["hard", "soft", "none"]),
)


# How much comes back, and after how many days.
returns = st.none() | st.tuples(st.integers(1, 900), st.integers(0, 30))
KEPT = ("tier_standings", "tier_changes", "tier_overrides", "challenge_orders", "challenge_returns", "challenge_facts", "badge_awards")


async def publish(ledger, scheme: Scheme) -> None:
    how = {
        "measure": "spend",
        "wallet": "points",
        "period": {"kind": "rolling", "unit": scheme.unit, "length": scheme.window, "hold_months": 0},
        "grace_days": scheme.grace_days,
        "downgrade": scheme.downgrade,
    }
    tiers = [{"code": tier.code, "threshold": tier.threshold, "name": {"en": tier.code}, "benefits": {}} for tier in TIERS]
    await ledger.fetch(_SCHEME, scheme.zone.key, how, tiers)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    scheme=schemes,
    sums=st.lists(
        st.tuples(st.integers(1, 900), st.integers(0, 60), st.none() | st.tuples(st.integers(1, 900), st.integers(0, 30))), max_size=6
    ),
    seed=st.integers(0, 2**32),
)
async def test_what_is_booked_is_what_the_events_say(empty_ledger, story, scheme, sums, seed):
    chance, events, facts = Random(seed), [], []
    for number, (amount, day, back) in enumerate(sums):
        order = story.placed(f"ord_{number}", amount, on=day)
        events.append(order)
        facts.append(Fact(order.placed_at, order.placed_at, amount))
        if back is not None:
            returned = story.returned(order, f"ret_{number}", min(back[0], amount), on=day + back[1])
            events.append(returned)
            facts.append(Fact(order.placed_at, returned.returned_at, -returned.amount_minor))
    told = chance.sample(events + events, 2 * len(events))
    async with empty_ledger() as ledger:
        await publish(ledger, scheme)
        while told:
            many = chance.randint(1, len(told))
            await ledger.hear(*told[:many])
            told = told[many:]
        now = datetime.now(UTC)
        expected = [(c.at, c.tier, c.previous, c.reason) for c in chronicle(History(facts=facts), [scheme]) if c.at <= now]
        rows = await ledger.fetch(
            "SELECT changed_at, tier, previous, reason FROM tier_changes WHERE superseded_at IS NULL ORDER BY changed_at"
        )
        assert [tuple(row) for row in rows] == expected
        heard = await ledger.fetch("SELECT payload, sequence FROM event_log WHERE type LIKE '%tier_changed%' ORDER BY sequence")
        assert [row["sequence"] for row in heard] == list(range(1, len(heard) + 1))
        last = orjson.loads(heard[-1]["payload"]).get("tier") if heard else None
        assert last == (expected[-1][1] if expected else None)


async def test_nothing_stays_of_who_is_erased_and_nothing_comes_back(ledger, story):
    await publish(ledger, Scheme(1, datetime(2020, 1, 1, tzinfo=UTC), ZoneInfo("UTC"), TIERS, unit="months", window=12))
    goal = {"goal": {"kind": "count", "target": 1}, "condition": None, "max_times": None}
    reward = {"points": 5, "wallet": "points", "expires_days": None, "badge": "first", "voucher_batch_id": None}
    await ledger.fetch("INSERT INTO badges (programme_id, code, name) SELECT id, 'first', '{}' FROM programmes")
    await ledger.fetch(
        "INSERT INTO challenges (id, programme_id, name, terms, starts_at) SELECT 'chl_1', id, '{}', $1, '2020-01-01' FROM programmes",
        goal | {"reward": reward},
    )
    order = story.placed("ord_1", 1_000)
    await ledger.hear(story.registered(), order)
    erased = CustomerErased(erasure_id="era_1", customer_id="cus_1", customer_ids=["cus_1"], requested_at=datetime.now(UTC))
    await deliver(ledger.database, SERVICE, [(erased, 1)])
    await ledger.hear(story.placed("ord_2", 1_000), story.returned(order, "ret_1", 10))
    for table in KEPT:
        assert await ledger.fetch(f"SELECT FROM {table} WHERE customer_id = 'cus_1'") == [], table

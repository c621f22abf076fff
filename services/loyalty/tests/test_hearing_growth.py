"""What an order makes Postgres read does not grow with what its member did before. Rows are counted: they are the same on each machine."""

from datetime import timedelta
from typing import Any

import pytest
from test_earning import publish
from test_hearing import CAPPED, DONE, FIRST, GOALS, TEA, WELCOME, put

from loyalty.programmes.the_programme import PROGRAMME_ID
from shared.contracts.customers import Line, OrderPlaced

FEW, MANY, BATCH = 10, 1_000, 100
_SET_UP = f"""
INSERT INTO velocity_limits (id, name, action, subject, measure, window_seconds, maximum, on_exceed)
SELECT 'lim_1', 'x', 'earning', 'member', 'count', 60, 1000000, 'review';
INSERT INTO referral_schemes (version, created_by, terms) SELECT 2, 'x', terms || '{{"is_active": true}}' FROM referral_schemes;
INSERT INTO referral_codes (code, customer_id) VALUES ('C1', 'cus_referrer');
INSERT INTO referrals (id, code, referrer_id, referred_id, scheme_version, used_at, lapses_at)
SELECT 'rfl_' || id, 'C1', 'cus_referrer', id, 2, timestamptz '2026-01-31', timestamptz '2026-02-02' FROM unnest($1::text[]) AS id;
INSERT INTO offer_campaigns (id, programme_id, name, strategy, parameters, benefit, validity_days, control_share_bp, max_per_member,
    needs_activation, salt)
VALUES ('ofc_1', '{PROGRAMME_ID}', '{{"en": "x"}}', 'affinity', '{{}}', '{{"kind": "points", "points": 1}}', 366, 0, 3, false, 's');
INSERT INTO offers (id, campaign_id, customer_id, is_control, target_kind, target, reason, made_at, valid_until)
SELECT 'ofr_' || id, 'ofc_1', id, false, 'sku', 'T', '{{}}', timestamptz '2026-01-31', timestamptz '2027-01-30'
FROM unnest($1::text[]) AS id;
"""
_READ = """
SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) AS rows FROM pg_stat_xact_user_tables WHERE schemaname = 'loyalty'
"""


def order(customer: str, number: int) -> OrderPlaced:
    lines = [Line(sku=sku, quantity=1, amount_minor=400, category="tea" if sku == "T" else "cup") for sku in ("T", "C")]
    at = FIRST + timedelta(hours=number)
    return OrderPlaced(order_id=f"{customer}_{number}", customer_id=customer, placed_at=at, currency="EUR", amount_minor=800, lines=lines)


async def rows_read(ledger) -> dict[str, int]:
    return {row["relname"]: row["rows"] for row in await ledger.fetch(_READ)}


@pytest.fixture
async def grown(ledger, story) -> Any:
    """A ledger in which everything is in use, with a member who has bought very often beside one who has not."""
    await publish(ledger, CAPPED | {"budget": 10**6}, TEA, WELCOME, DONE)
    for number, terms in enumerate(GOALS):
        await put(ledger, f"chl_{number}", **terms | {"max_times": None})
    await ledger.hear(*(story.registered(name) for name in ("cus_few", "cus_many", "cus_referrer")))
    for statement in _SET_UP.split(";\n"):
        await ledger.fetch(statement, *([["cus_few", "cus_many"]] if "$1" in statement else []))
    # Both begin with the same hours; the last orders of the one who buys often are long after.
    await ledger.hear(*(order("cus_few", number) for number in range(FEW)))
    for start in range(0, MANY, BATCH):
        await ledger.hear(*(order("cus_many", number) for number in range(start, start + BATCH)))
    for row in await ledger.fetch("SELECT relname FROM pg_class WHERE relnamespace = 'loyalty'::regnamespace AND relkind = 'r'"):
        await ledger.fetch(f"ANALYZE {row['relname']}")
    return ledger


async def test_an_order_reads_as_much_after_very_many_as_after_few(grown):
    read: dict[str, list[dict[str, int]]] = {"cus_few": [], "cus_many": []}
    for number in range(MANY, MANY + 3):
        for customer, told in read.items():
            before = await rows_read(grown)
            await grown.hear(order(customer, number))
            after = await rows_read(grown)
            told.append({name: after[name] - before.get(name, 0) for name in after})
    few, many = ({name: sum(one[name] for one in told) for name in told[-1]} for told in read.values())
    grows = {name: (few[name], many[name]) for name in many if many[name] > 1.5 * few[name] + 30}
    assert not grows, grows
    assert sum(many.values()) <= 1.5 * sum(few.values())

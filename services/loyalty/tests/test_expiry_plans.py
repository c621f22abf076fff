"""What expires when, of one wallet or soon of all, needs an index however many lots there are."""

from loyalty.expiry import repository
from loyalty.ledger import reading
from loyalty.programmes.the_programme import PROGRAMME_ID
from shared.testing.plans import plan_of

_P = f"'{PROGRAMME_ID}'"
_SOON = "now() + interval '1 day'"
_STATEMENTS = [
    ("ix_lots_open", "SELECT * FROM wallet_state(ARRAY[7::bigint], now())", ""),
    ("ix_lots_pending", "SELECT * FROM wallet_state(ARRAY[7::bigint], now())", ""),
    ("ix_lots_open", repository._OF_MEMBER, f"'cus_7', {_P}, NULL, '-infinity', '', 21, 200"),
    ("ix_lots_open", reading._LOTS, "'cus_7', 20, -1, -1, now(), 'x', 9000000000000000"),
    ("ix_lots_due", repository._OF_PROGRAMME, f"{_P}, now(), {_SOON}, 'day'"),
    ("ix_expiry_watches_due_at", repository._OF_PROGRAMME, f"{_P}, now(), {_SOON}, 'day'"),
    ("ix_lots_due", repository._FIXED_DUE, f"now(), 7, {_SOON}, 20"),
    ("ix_expiry_watches_due_at", repository._WATCHED_DUE, f"{_P}, now(), 1, 20"),
    ("ix_expiry_watches_due_at", repository._HAS_DUE, "now() - interval '1 day'"),
    ("ix_expiry_reminders_customer_id", repository._COLLECT, "ARRAY['cus_7']"),
]
_FILL = f"""
INSERT INTO members (customer_id) SELECT 'cus_' || n FROM generate_series(1, 3000) AS n;
INSERT INTO accounts (programme_id, kind, customer_id) SELECT {_P}, 'member', customer_id FROM members;
INSERT INTO lots (id, account_id, entry_id, granted, remaining, earned_at, available_from, expires_at, expiry_version)
SELECT 'lot_' || id || '_' || n, id, 'ent_' || id || '_' || n, 9, 9, now(), now() + n * interval '1 hour',
       now() + (n + id % 700) * interval '1 day', n % 2
FROM accounts, generate_series(1, 4) AS n WHERE customer_id IS NOT NULL;
INSERT INTO expiry_watches (account_id, due_at) SELECT id, now() + id % 700 * interval '1 day' FROM accounts WHERE customer_id IS NOT NULL;
INSERT INTO expiry_reminders (customer_id, account_id, expires_at, days)
SELECT customer_id, id, now(), 7 FROM accounts WHERE customer_id IS NOT NULL;
INSERT INTO entries (id, account_id, customer_id, kind, source_id, points, counter, occurred_at, recorded_at, sequence, hash)
SELECT 'ent_' || id || '_' || n, id, customer_id, 'accrual', id || '_' || n, 9, 'issuance', now() - n * interval '1 hour', now(), n, ''
FROM accounts, generate_series(1, 4) AS n WHERE customer_id IS NOT NULL;
INSERT INTO orders (order_id, customer_id, programme_id, rate_version, placed_at, amount_minor)
SELECT 'ord_' || id, customer_id, {_P}, 0, now(), 1 FROM accounts WHERE customer_id IS NOT NULL;
INSERT INTO expiry_policies (programme_id, version, kind, unit, units, zone, effective_from)
VALUES ({_P}, 1, 'activity', 'month', 1, 'UTC', now());
ANALYZE entries; ANALYZE orders; ANALYZE members; ANALYZE accounts; ANALYZE lots; ANALYZE expiry_watches; ANALYZE expiry_reminders;
"""


async def test_the_indexes_are_used(database):
    # One test for all: filling the tables takes longer than asking for the plans.
    missed = {}
    async with database.acquire() as connection:
        await connection.execute(_FILL)
        for index, statement, values in _STATEMENTS:
            plan = await plan_of(connection, statement, values)
            if index not in plan:
                missed[index, statement[:60]] = plan
    assert not missed, "\n\n".join(f"{what}:\n{plan}" for what, plan in missed.items())


SCANNED = """
SELECT relname, seq_scan FROM pg_stat_xact_user_tables
WHERE schemaname = current_schema() AND relname IN ('lots', 'accounts', 'entries', 'orders', 'hold_lots') ORDER BY relname
"""
PASS = [
    "SELECT * FROM lot_expiries(ARRAY(SELECT id FROM lots WHERE account_id = 7 AND remaining > 0), now())",
    "SELECT * FROM due_lots(20, ARRAY[7, 8, 9]::bigint[], now())",
    "SELECT * FROM next_lapses(ARRAY[7, 8, 9]::bigint[], now())",
]


async def test_a_few_lots_are_looked_up_by_their_keys(database):
    async with database.acquire() as connection:
        await connection.execute(_FILL)
        for statement in PASS:
            before = await connection.fetch(SCANNED)
            assert len(before) == 5
            assert await connection.fetch(statement) is not None
            assert await connection.fetch(SCANNED) == before, statement

"""The schema: up, as described, down, up; and what nobody may do to the past."""

import asyncio

import asyncpg
import pytest

from loyalty.app import SERVICE
from loyalty.programmes.the_programme import PROGRAMME_ID
from shared.database import alembic_env

APPEND_ONLY = ["entries", "postings", "lot_draws", "order_returns", "programme_rates", "seals", "seal_leaves", "expiry_policies"]


@pytest.fixture
async def history(ledger, story):
    order = story.placed("ord_1", 1_000)
    await ledger.hear(story.registered(), order, story.returned(order, "ret_1", 500))
    return ledger


async def refused(ledger, statement: str) -> asyncpg.PostgresError:
    async with ledger.database.acquire() as connection:
        with pytest.raises(asyncpg.PostgresError) as raised:
            async with connection.transaction():
                await connection.execute(statement)
    return raised.value


async def test_up_check_down_up(committed_dsn):
    await asyncio.to_thread(alembic_env.check, SERVICE.migrations, committed_dsn)
    await asyncio.to_thread(alembic_env.downgrade, SERVICE.migrations, committed_dsn, "base")
    connection = await asyncpg.connect(committed_dsn)
    left = await connection.fetch("SELECT relname FROM pg_class WHERE relnamespace = 'loyalty'::regnamespace AND relkind IN ('r', 'p')")
    functions = await connection.fetch("SELECT proname FROM pg_proc WHERE pronamespace = 'loyalty'::regnamespace")
    await connection.close()
    assert [row["relname"] for row in left] == ["alembic_version"]
    assert functions == []
    await asyncio.to_thread(alembic_env.upgrade, SERVICE.migrations, committed_dsn)
    await asyncio.to_thread(alembic_env.check, SERVICE.migrations, committed_dsn)


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("change", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"], ids=["update", "delete", "truncate"])
async def test_the_past_has_no_right_to_change(history, table, change):
    [row] = await history.fetch(f"SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum = 1")
    statement = change.format(table, row["attname"], row["attname"])
    refusal = await refused(history, statement)
    assert isinstance(refusal, asyncpg.InsufficientPrivilegeError)
    assert "permission denied" in str(refusal)


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("change", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"], ids=["update", "delete", "truncate"])
async def test_the_past_cannot_be_changed_even_by_who_takes_the_right_back(history, table, change):
    await history.fetch(f"GRANT ALL ON {table} TO CURRENT_USER")
    [row] = await history.fetch(f"SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum = 1")
    assert "append-only" in str(await refused(history, change.format(table, row["attname"], row["attname"])))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM lots",
        "UPDATE lots SET granted = 1",
        "UPDATE lots SET earned_at = now()",
        "UPDATE lots SET expires_at = now()",
        "UPDATE entry_notes SET entry_id = 'x'",
        "UPDATE hold_lots SET points = 1",
        "DELETE FROM orders",
        "UPDATE orders SET amount_minor = 1",
    ],
)
async def test_of_lots_and_orders_only_what_is_left_may_change(history, statement):
    assert isinstance(await refused(history, statement), asyncpg.InsufficientPrivilegeError)


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("INSERT INTO postings SELECT 'ent_new', id, 5 FROM accounts WHERE kind = 'member'", asyncpg.CheckViolationError),
        ("INSERT INTO postings SELECT id, 999, 5 FROM entries UNION ALL SELECT id, 998, -5 FROM entries", asyncpg.ForeignKeyViolationError),
        (
            "INSERT INTO postings SELECT 'ent_none', id, CASE kind WHEN 'member' THEN 1 ELSE -1 END FROM accounts",
            asyncpg.CheckViolationError,
        ),
        (
            "INSERT INTO lots (id, account_id, entry_id, granted, remaining, earned_at) VALUES ('lot_x', 999, 'ent_x', 1, 1, now())",
            asyncpg.ForeignKeyViolationError,
        ),
        (
            (
                "INSERT INTO orders (order_id, customer_id, programme_id, rate_version, placed_at, amount_minor)"
                " VALUES ('ord_x', 'cus_none', 'prg_x', 1, now(), 1)"
            ),
            asyncpg.ForeignKeyViolationError,
        ),
        ("UPDATE lots SET remaining = granted + 1", asyncpg.CheckViolationError),
        ("UPDATE lots SET remaining = -1", asyncpg.CheckViolationError),
        (
            """INSERT INTO entries (id, customer_id, account_id, counter, kind, source_id, points, occurred_at, sequence, hash)
            SELECT 'ent_two', customer_id, account_id, counter, kind, source_id, points, now(), 9, '' FROM entries""",
            asyncpg.UniqueViolationError,
        ),
        (
            """INSERT INTO entries (id, customer_id, account_id, counter, kind, source_id, points, occurred_at, sequence, hash)
            SELECT 'ent_two', customer_id, account_id, counter, kind, 'other', -points, now(), 9, '' FROM entries""",
            asyncpg.CheckViolationError,
        ),
        ("INSERT INTO accounts (programme_id, kind) SELECT id, 'issuance' FROM programmes", asyncpg.UniqueViolationError),
        ("INSERT INTO accounts (programme_id, kind) SELECT id, 'member' FROM programmes", asyncpg.CheckViolationError),
    ],
)
async def test_the_database_refuses_what_cannot_be(history, statement, error):
    assert isinstance(await refused(history, statement), error)


async def test_the_seeded_programme_gives_a_point_for_a_hundred_minor_units(ledger):
    [row] = await ledger.fetch("SELECT programme_id, version, numerator, denominator FROM programme_rates")
    assert tuple(row) == (PROGRAMME_ID, 1, 1, 100)

"""The migrations describe what the models describe, and go down as they came up."""

import asyncio

import asyncpg

from customers.app import SERVICE
from shared.database import alembic_env


async def tables(dsn: str) -> set[str]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'customers'")
    finally:
        await connection.close()
    return {row["tablename"] for row in rows} - {"alembic_version"}


async def test_up_check_down_up(committed_dsn):
    await asyncio.to_thread(alembic_env.check, SERVICE.migrations, committed_dsn)
    before = await tables(committed_dsn)
    assert {"customers", "orders", "order_returns", "event_log"} <= before
    await asyncio.to_thread(alembic_env.downgrade, SERVICE.migrations, committed_dsn, "base")
    assert await tables(committed_dsn) == set()
    await asyncio.to_thread(alembic_env.upgrade, SERVICE.migrations, committed_dsn)
    assert await tables(committed_dsn) == before

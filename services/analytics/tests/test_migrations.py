"""The schema: up, compared with the described tables, down, up."""

import asyncio

import asyncpg

from analytics.app import SERVICE
from shared.database import alembic_env

_TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'analytics' AND tablename <> 'alembic_version'"


async def test_the_migrations_go_up_agree_with_the_models_and_go_down_and_up_again(committed_dsn):
    await asyncio.to_thread(alembic_env.check, SERVICE.migrations, committed_dsn)
    await asyncio.to_thread(alembic_env.downgrade, SERVICE.migrations, committed_dsn, "base")
    connection = await asyncpg.connect(committed_dsn)
    try:
        assert await connection.fetchval(_TABLES) == 0
        await asyncio.to_thread(alembic_env.upgrade, SERVICE.migrations, committed_dsn)
        assert await connection.fetchval("SELECT version FROM analytics.projection") == 0
    finally:
        await connection.close()
    await asyncio.to_thread(alembic_env.check, SERVICE.migrations, committed_dsn)

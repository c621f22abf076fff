"""The script for people with psql alone leads to the same rights as the Python that the runner uses."""

import asyncio
import os
import subprocess
from pathlib import Path

import asyncpg

from shared.embedded import EmbeddedPostgres, prepare_database
from shared.embedded.postgres import wheel_binaries

SERVICES = ("customers", "feedback", "loyalty", "analytics")
SCRIPT = Path(__file__).parents[3] / "deploy" / "postgres" / "prepare.sh"
RIGHTS = """
SELECT nspname::text, pg_get_userbyid(nspowner)::text, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_'
UNION ALL
SELECT rolname::text, setconfig::text, rolconnlimit::text FROM pg_roles
LEFT JOIN pg_db_role_setting ON setrole = pg_roles.oid AND setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL
SELECT 'database', datacl::text, datlocale FROM pg_database WHERE datname = current_database()
ORDER BY 1, 2
"""


async def rights(postgres: EmbeddedPostgres, database: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(postgres.dsn(database))
    try:
        return await connection.fetch(RIGHTS)
    finally:
        await connection.close()


async def test_script_and_module_give_the_same_rights(postgres: EmbeddedPostgres) -> None:
    passwords = {name: f"secret of '{name}" for name in SERVICES}
    await prepare_database(postgres.dsn(), "by_module", SERVICES, passwords)
    environment = {
        "PATH": f"{wheel_binaries()}:{os.environ['PATH']}",
        "ADMIN_DATABASE_URL": postgres.dsn(),
        "DATABASE_NAME": "by_script",
    } | {f"{name.upper()}_DATABASE_PASSWORD": password for name, password in passwords.items()}
    for _ in range(2):
        await asyncio.to_thread(subprocess.run, [SCRIPT], env=environment, check=True, timeout=30)
    assert await rights(postgres, "by_script") == await rights(postgres, "by_module")
    await (await asyncpg.connect(postgres.dsn("by_script", "loyalty", passwords["loyalty"]))).close()

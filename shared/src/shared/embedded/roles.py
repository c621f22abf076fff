"""The database of the suite and what each service may do in it: a role and a schema each, nothing in common but extensions.

The rights themselves are in `sql/database.sql` and `sql/service.sql`, which also serve those who prepare a server of their own with psql.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

# Two processes that prepare one server at a time would trip over each other's catalogue rows.
_LOCK_KEY = 0x5265_6775_6C61_7273
_LOCK = "SELECT pg_advisory_lock($1)"
_DATABASE_EXISTS = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)"
# Sort order by code point, on every platform the same.
_CREATE_DATABASE = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"
_SET_SERVICE = "SELECT set_config('regulars.service', $1, false), set_config('regulars.password', $2, false)"
_QUOTE = "SELECT quote_ident($1)"


async def prepare_database(admin_dsn: str, database: str, services: Sequence[str], passwords: Mapping[str, str]) -> None:
    """Create the database, and for each service its role and schema. What is there already is brought to the same state.

    Args:
        admin_dsn: URL of any database of the server, as a role that may create databases, roles and extensions.
        database: name of the database of the suite.
        services: names of the services; role and schema are called the same.
        passwords: password of each service's role.
    """
    admin = await asyncpg.connect(admin_dsn)
    try:
        await admin.execute(_LOCK, _LOCK_KEY)
        if not await admin.fetchval(_DATABASE_EXISTS, database):
            await admin.execute(_CREATE_DATABASE.format(await admin.fetchval(_QUOTE, database)))
        await _grant(with_database(admin_dsn, database), services, passwords)
    finally:
        await admin.close()


async def _grant(dsn: str, services: Sequence[str], passwords: Mapping[str, str]) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute(_script("database.sql"))
            for service in services:
                await connection.execute(_SET_SERVICE, service, passwords[service])
                await connection.execute(_script("service.sql"))
    finally:
        await connection.close()


def with_database(dsn: str, database: str) -> str:
    """Return the URL with another database in it."""
    return urlunsplit(urlsplit(dsn)._replace(path="/" + quote(database, safe="")))


def with_login(dsn: str, role: str, password: str) -> str:
    """Return the URL with another role and password in it."""
    parts = urlsplit(dsn)
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(role, safe='')}:{quote(password, safe='')}@{address}"))


def _script(name: str) -> str:
    return (files("shared.embedded") / "sql" / name).read_text()


def main() -> None:
    """Prepare a server from the environment: ADMIN_DATABASE_URL, DATABASE_NAME, and <SERVICE>_DATABASE_PASSWORD for each service."""
    suffix = "_DATABASE_PASSWORD"
    passwords = {name.removesuffix(suffix).lower(): value for name, value in os.environ.items() if name.endswith(suffix)}
    database = os.environ.get("DATABASE_NAME", "regulars")
    asyncio.run(prepare_database(os.environ["ADMIN_DATABASE_URL"], database, sorted(passwords), passwords))


if __name__ == "__main__":
    main()

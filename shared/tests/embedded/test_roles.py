"""Each service's role owns one schema and sees no other."""

import asyncpg
import pytest

from shared.embedded import EmbeddedPostgres, prepare_database

SERVICES = ("customers", "loyalty")
PASSWORDS = {"customers": "c'1", "loyalty": 'l"2'}


async def test_a_service_cannot_read_another(postgres: EmbeddedPostgres) -> None:
    await prepare_database(postgres.dsn(), "regulars", SERVICES, PASSWORDS)
    customers, loyalty = [await asyncpg.connect(postgres.dsn("regulars", name, PASSWORDS[name])) for name in SERVICES]
    try:
        await customers.execute("CREATE TABLE person (name text); INSERT INTO person VALUES ('Ada')")
        assert await customers.fetchval("SELECT name FROM customers.person") == "Ada"
        for statement in (
            "SELECT * FROM customers.person",
            "CREATE TABLE customers.mine (x int)",
            "CREATE TABLE public.mine (x int)",
            "CREATE TABLE extensions.mine (x int)",
            "CREATE TEMP TABLE mine (x int)",
            "CREATE SCHEMA mine",
            "SET ROLE customers",
            "CREATE ROLE another",
            "SELECT pg_read_file('postgresql.conf')",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await loyalty.execute(statement)
    finally:
        await customers.close()
        await loyalty.close()


async def test_a_service_works_in_its_own_schema_with_the_extensions(postgres: EmbeddedPostgres) -> None:
    await prepare_database(postgres.dsn(), "regulars", SERVICES, PASSWORDS)
    loyalty = await asyncpg.connect(postgres.dsn("regulars", "loyalty", PASSWORDS["loyalty"]))
    try:
        await loyalty.execute("CREATE TABLE mine (email citext, name text); CREATE INDEX ON mine USING gin (name gin_trgm_ops)")
        assert await loyalty.fetchval("SELECT schemaname FROM pg_tables WHERE tablename = 'mine'") == "loyalty"
        assert await loyalty.fetchval("SELECT unaccent('Čaks') = 'Caks' AND 'A'::citext = 'a'")
        assert await loyalty.fetchval("SHOW statement_timeout") == "30s"
    finally:
        await loyalty.close()


async def test_preparing_twice_changes_the_password_only(postgres: EmbeddedPostgres) -> None:
    await prepare_database(postgres.dsn(), "regulars", SERVICES, PASSWORDS)
    await prepare_database(postgres.dsn(), "regulars", SERVICES, PASSWORDS | {"loyalty": "changed"})
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres.dsn("regulars", "loyalty", PASSWORDS["loyalty"]))
    await (await asyncpg.connect(postgres.dsn("regulars", "loyalty", "changed"))).close()


async def test_a_service_connects_to_no_other_database(postgres: EmbeddedPostgres) -> None:
    await prepare_database(postgres.dsn(), "first", ["customers"], PASSWORDS)
    await prepare_database(postgres.dsn(), "second", ["loyalty"], PASSWORDS)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(postgres.dsn("first", "loyalty", PASSWORDS["loyalty"]))

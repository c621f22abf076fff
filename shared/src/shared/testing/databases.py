"""Databases for tests: one migrated template a service, cheap copies of it, and a connection that is rolled back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import asyncpg

from shared.contracts.registry import PRODUCERS
from shared.database import alembic_env
from shared.database.pool import Connection, PoolDatabase
from shared.embedded import EmbeddedPostgres, prepare_database
from shared.embedded.roles import with_database, with_login
from shared.service import Service

# Copies the files: a tenth of what writing each page to the log takes, where a checkpoint costs nothing because nothing is synced.
_COPY = "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY"
_TABLE_LOCK_WAITS = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND mode = 'ExclusiveLock')"
# Not a secret: the server lives as long as the tests and listens on the loopback address only.
_PASSWORD = "test"  # noqa: S105


class RolledBackDatabase:
    """Lends one connection, inside a transaction that the test rolls back; a transaction of the code under test is a savepoint."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """Lend the connection to one borrower at a time."""
        async with self._lock:
            yield self.connection

    async def close(self) -> None:
        """Do nothing: the fixture owns the connection."""


@dataclass
class TestServer:
    """A Postgres server for tests and the templates that were migrated on it."""

    __test__ = False

    postgres: EmbeddedPostgres
    templates: dict[Path, str] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=count)

    async def dsn_of_copy(self, service: Service) -> str:
        """Return the service's own DSN of a fresh database with the service's migrated schema."""
        template = await self._template(service)
        name = f"copy_{service.name}_{next(self._numbers)}"
        admin = await asyncpg.connect(self.postgres.dsn())
        try:
            await admin.execute(_COPY.format(name, template))
        finally:
            await admin.close()
        return await self._prepared(name, service)

    async def drop(self, dsn: str) -> None:
        """Drop the database of a DSN, and whoever is still connected to it."""
        admin = await asyncpg.connect(self.postgres.dsn())
        try:
            await admin.execute(f"DROP DATABASE IF EXISTS {dsn.rpartition('/')[2]} WITH (FORCE)")
        finally:
            await admin.close()

    def admin_dsn(self, dsn: str) -> str:
        """Return the superuser's DSN of the same database."""
        return with_database(self.postgres.dsn(), dsn.rpartition("/")[2])

    async def _template(self, service: Service) -> str:
        # By migrations, not by name: a sample service of a test may be called like a real one.
        if service.migrations not in self.templates:
            name = f"template_{service.name}_{next(self._numbers)}"
            dsn = await self._prepared(name, service)
            # Alembic runs an event loop of its own, so it gets a thread of its own.
            await asyncio.to_thread(alembic_env.upgrade, service.migrations, dsn)
            self.templates[service.migrations] = name
        return self.templates[service.migrations]

    async def _prepared(self, name: str, service: Service) -> str:
        services = sorted({*PRODUCERS, service.name})
        await prepare_database(self.postgres.dsn(), name, services, dict.fromkeys(services, _PASSWORD))
        return with_login(with_database(self.postgres.dsn(), name), service.name, _PASSWORD)


async def open_pool(dsn: str) -> PoolDatabase:
    """Open a small pool on a test database."""
    return await PoolDatabase.connect(dsn, min_size=1, max_size=8, application_name="tests")


@asynccontextmanager
async def rolled_back(connection: Connection) -> AsyncIterator[Connection]:
    """Undo in the end what is done meanwhile: by a transaction, or a savepoint when one is open already."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield connection
    finally:
        await transaction.rollback()


async def until_table_lock_waits(database: PoolDatabase) -> None:
    """Wait until somebody waits to have a table for himself, as an erasure does for those who write."""
    async with asyncio.timeout(10), database.acquire() as connection:
        while not await connection.fetchval(_TABLE_LOCK_WAITS):
            pass


@dataclass
class SharedPools:
    """One pool a service, opened at its first test."""

    server: TestServer
    _pools: dict[Path, PoolDatabase] = field(default_factory=dict)

    async def of(self, service: Service) -> PoolDatabase:
        """Return the pool of a service."""
        if service.migrations not in self._pools:
            self._pools[service.migrations] = await open_pool(await self.server.dsn_of_copy(service))
        return self._pools[service.migrations]

    @asynccontextmanager
    async def lend(self, service: Service) -> AsyncIterator[Connection]:
        """Lend a connection on the migrated schema of a service; what is written on it is rolled back.

        A fixture of a module or class fills tables by it once for many tests that read them, each within `rolled_back` of its own.
        """
        pool = await self.of(service)
        async with pool.acquire() as connection, rolled_back(connection):
            yield connection

    async def close(self) -> None:
        """Close all pools."""
        for pool in self._pools.values():
            await pool.close()

"""The pytest plugin of Regulars.

A service's `conftest.py` overrides the fixture `service`; everything else follows from it:

- `database`: one connection inside a transaction that is rolled back after the test; for nearly all tests.
- `committed_database`: a pool on a database of the test's own, for what needs real commits or several connections.
- `clock`: stands still until it is advanced.
"""

import gc
import logging
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from shared.clock import FrozenClock
from shared.database.pool import PoolDatabase
from shared.embedded import EmbeddedPostgres, free_port
from shared.service import Service
from shared.testing.databases import RolledBackDatabase, SharedPools, TestServer, open_pool

# Vacuuming at moments of its own, Postgres would plan the same statement now so, now so, and beside other tests be slower than they.
_SETTINGS = {"autovacuum": "off"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the long tests when several workers share the run: the short ones fill what is left of the others' time."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """Spare the garbage collector the modules and tests, which stay to the end, each time it looks."""
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


@pytest.fixture(scope="session")
def service() -> Service:
    """The service under test; each service's conftest overrides it."""
    raise NotImplementedError("override the fixture `service` in conftest.py")


@pytest.fixture(scope="session")
def test_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestServer]:
    """A Postgres server of this test process, gone with it."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    home = Path(tmp_path_factory.mktemp("postgres"))
    postgres = EmbeddedPostgres(home, free_port(), "test", _SETTINGS, durable=False)
    postgres.start()
    try:
        yield TestServer(postgres)
    finally:
        postgres.destroy()


@pytest_asyncio.fixture(scope="session")
async def pools(test_server: TestServer) -> AsyncIterator[SharedPools]:
    """The pools whose tests are all rolled back, one a service: a run may hold the tests of several services."""
    kept = SharedPools(test_server)
    try:
        yield kept
    finally:
        await kept.close()


@pytest_asyncio.fixture
async def database(pools: SharedPools, service: Service) -> AsyncIterator[RolledBackDatabase]:
    """One connection on the migrated schema; what the test writes is rolled back."""
    async with pools.lend(service) as connection:
        yield RolledBackDatabase(connection)


@pytest_asyncio.fixture
async def committed_dsn(test_server: TestServer, service: Service) -> AsyncIterator[str]:
    """The DSN of a migrated database of the test's own."""
    dsn = await test_server.dsn_of_copy(service)
    try:
        yield dsn
    finally:
        await test_server.drop(dsn)


@pytest_asyncio.fixture
async def committed_database(committed_dsn: str) -> AsyncIterator[PoolDatabase]:
    """A pool on a migrated database of the test's own: real commits, several connections."""
    pool = await open_pool(committed_dsn)
    try:
        yield pool
    finally:
        await pool.close()


@pytest.fixture
def clock() -> FrozenClock:
    """A clock that stands at noon of a fixed day until it is advanced."""
    return FrozenClock(datetime(2026, 3, 2, 12, 0, tzinfo=UTC))

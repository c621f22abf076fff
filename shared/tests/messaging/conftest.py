"""The sample service, its tables, and brokers to talk through."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

sys.path.insert(0, str(Path(__file__).parent))

import messaging_sample

from shared.database.pool import PoolDatabase
from shared.embedded import free_port
from shared.embedded.tansu import TansuBroker
from shared.service import Service


@pytest.fixture(scope="session")
def service() -> Service:
    return messaging_sample.SERVICE


@pytest.fixture(autouse=True)
def no_poison() -> Iterator[None]:
    messaging_sample.POISONS.clear()
    yield
    messaging_sample.POISONS.clear()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[TansuBroker]:
    """An empty broker of the test's own."""
    server = TansuBroker(tmp_path, free_port())
    server.start()
    yield server
    server.stop()


class Effects:
    """What the sample's handlers have written."""

    def __init__(self, database: PoolDatabase) -> None:
        self._database = database

    async def all(self) -> list[tuple[str, int]]:
        return [(row["aggregate_id"], row["sequence"]) for row in await self.fetch("SELECT * FROM effects ORDER BY place")]

    async def fetch(self, query: str, *arguments: object):
        async with self._database.acquire() as connection:
            return await connection.fetch(query, *arguments)

    async def value(self, query: str, *arguments: object):
        async with self._database.acquire() as connection:
            return await connection.fetchval(query, *arguments)


@pytest_asyncio.fixture
async def effects(committed_database: PoolDatabase) -> AsyncIterator[Effects]:
    yield Effects(committed_database)

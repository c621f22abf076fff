"""The service under test, over HTTP, on a migrated database."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from httpx2 import ASGITransport, AsyncClient

from customers.app import SERVICE
from customers.attributes.service import forget_cached
from customers.settings import CustomersSettings
from shared.clock import FrozenClock
from shared.contracts.base import Event, event_type
from shared.contracts.registry import TOPICS
from shared.database.pool import Database
from shared.http import create_app
from shared.http.api_keys import generate_key
from shared.http.jobs import JobRunner
from shared.service import Service

# Test files import the helpers that lie beside them.
sys.path.insert(0, str(Path(__file__).parent))

assert TOPICS  # the registry declares every event
SERVER_KEY = generate_key().key
SETTINGS = CustomersSettings.model_validate({"database_url": "postgresql://unused", "bootstrap_server_key": SERVER_KEY})


@pytest.fixture(scope="session")
def service() -> Service:
    return SERVICE


@pytest.fixture(autouse=True)
def _no_cached_definitions() -> None:
    """Each test has a database of its own making, with its own definitions of attributes."""
    forget_cached()


def client_of(database: Database, clock: FrozenClock, service: Service = SERVICE) -> tuple[Any, AsyncClient]:
    app = create_app(service, SETTINGS, database=database, clock=clock)
    headers = {"authorization": f"Bearer {SERVER_KEY}"}
    return app, AsyncClient(transport=ASGITransport(app), base_url="http://customers", headers=headers)


@pytest_asyncio.fixture
async def client(database, clock) -> AsyncIterator[AsyncClient]:
    """A client with all rights, in a transaction that is rolled back."""
    app, client = client_of(database, clock)
    async with app.router.lifespan_context(app), client:
        yield client


@pytest_asyncio.fixture
async def committed_client(committed_database, clock) -> AsyncIterator[AsyncClient]:
    """A client with all rights on a database of the test's own, for what needs several connections."""
    app, client = client_of(committed_database, clock)
    async with app.router.lifespan_context(app), client:
        yield client


@pytest_asyncio.fixture
async def quiet_client(database, clock) -> AsyncIterator[AsyncClient]:
    """A client with all rights of a service that does no jobs by itself: the test does them by `work`."""
    app, client = client_of(database, clock, replace(SERVICE, jobs={}))
    async with app.router.lifespan_context(app), client:
        yield client


@pytest_asyncio.fixture
async def quiet_committed_client(committed_database, clock) -> AsyncIterator[AsyncClient]:
    """As `quiet_client`, on a database of the test's own."""
    app, client = client_of(committed_database, clock, replace(SERVICE, jobs={}))
    async with app.router.lifespan_context(app), client:
        yield client


@pytest.fixture
def work(database) -> Callable[[], Awaitable[None]]:
    """Does all jobs that wait."""

    async def do() -> None:
        runner = JobRunner(database, SERVICE.jobs)
        while await runner.run_one():
            pass

    return do


Published = Callable[..., Awaitable[list[tuple[Event, int]]]]

# The ids of events are ordered by time.
_PUBLISHED = "SELECT type, payload, sequence FROM event_log WHERE aggregatetype = ANY($1::text[]) ORDER BY id"


@pytest.fixture
def published(database) -> Published:
    """Returns the events of customers and orders so far, each read as its contract, with its sequence."""

    async def read(*aggregates: str) -> list[tuple[Event, int]]:
        async with database.acquire() as connection:
            rows = await connection.fetch(_PUBLISHED, aggregates or ["customer", "order"])
        events = []
        for row in rows:
            kind = event_type(row["type"])
            assert kind is not None
            # Strict: the payload holds exactly what the contract declares.
            kind.model_validate(orjson.loads(row["payload"]))
            events.append((kind.read(row["payload"]), row["sequence"]))
        return events

    return read

"""The analytics service for the fixtures of the shared plugin, and a client of its HTTP interface."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from analytics.app import SERVICE
from analytics.rfm.service import Snapshots
from analytics.settings import AnalyticsSettings
from shared.database.unit_of_work import UnitOfWork
from shared.http import create_app
from shared.http.access_events import issue_key
from shared.http.scopes import ALL_SCOPES
from shared.service import Service

# The modules beside the tests: a recomputation in plain Python, and how events are sent to the handlers.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def service() -> Service:
    return SERVICE


@pytest.fixture(scope="session")
def settings() -> AnalyticsSettings:
    return AnalyticsSettings(database_url="postgresql://unused")  # pyright: ignore[reportArgumentType]


async def key_with(database, scopes=ALL_SCOPES) -> str:
    async with UnitOfWork(database) as uow:
        issued = await issue_key(uow, name="test", scopes=scopes)
        await uow.commit()
    return issued.key


@asynccontextmanager
async def open_client(database, settings, clock, scopes=ALL_SCOPES) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(SERVICE, settings, database=database, clock=clock)
    # Every read sees what was written just before it.
    app.state.rfm_snapshots = Snapshots(fresh_seconds=0)
    headers = {"authorization": f"Bearer {await key_with(database, scopes)}"}
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
            yield client


@pytest.fixture(scope="session")
def client_of():
    """Open a client: `async with client_of(database, settings, clock, scopes=(…)) as client`."""
    return open_client


@pytest_asyncio.fixture
async def client(database, settings, clock) -> AsyncIterator[httpx2.AsyncClient]:
    """A client with all scopes on a database that is rolled back."""
    async with open_client(database, settings, clock) as client:
        yield client

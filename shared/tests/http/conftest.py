"""The sample service, served in process over ASGI."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from fastapi import FastAPI

sys.path.insert(0, str(Path(__file__).parent))

from regulars_sample.app import SERVICE

from shared.clock import FrozenClock
from shared.database.pool import Database, PoolDatabase
from shared.database.unit_of_work import UnitOfWork
from shared.http import create_app
from shared.http.access_events import issue_key
from shared.http.scopes import ALL_SCOPES
from shared.service import Service
from shared.settings import ServiceSettings

Opener = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]


@pytest.fixture(scope="session")
def service() -> Service:
    return SERVICE


@pytest.fixture
def settings() -> ServiceSettings:
    return ServiceSettings(database_url="postgresql://unused", max_body_bytes=100_000)  # pyright: ignore[reportArgumentType]


def make_app(database: Database, settings: ServiceSettings, clock: FrozenClock, **options: Any) -> FastAPI:
    return create_app(SERVICE, settings, database=database, clock=clock, **options)


@asynccontextmanager
async def open_client(app: FastAPI, key: str | None = None) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
            yield client


async def new_key(database: Database, scopes: tuple[str, ...] = ALL_SCOPES) -> str:
    async with UnitOfWork(database) as uow:
        issued = await issue_key(uow, name="test", scopes=scopes)
        await uow.commit()
    return issued.key


@pytest_asyncio.fixture
async def client(database: Database, settings: ServiceSettings, clock: FrozenClock) -> AsyncIterator[httpx2.AsyncClient]:
    """A client with all scopes on a database that is rolled back."""
    async with open_client(make_app(database, settings, clock), await new_key(database)) as client:
        yield client


@pytest_asyncio.fixture
async def committed_client(
    committed_database: PoolDatabase, settings: ServiceSettings, clock: FrozenClock
) -> AsyncIterator[httpx2.AsyncClient]:
    """A client with all scopes on a database of the test's own."""
    async with open_client(make_app(committed_database, settings, clock), await new_key(committed_database)) as client:
        yield client

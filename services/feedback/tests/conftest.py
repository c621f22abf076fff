"""The service under test, over HTTP, on a migrated database."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from httpx2 import ASGITransport, AsyncClient

from feedback.app import SERVICE
from feedback.settings import FeedbackSettings
from shared.clock import FrozenClock
from shared.contracts.feedback import ResponseRecorded
from shared.database.pool import Database
from shared.database.unit_of_work import UnitOfWork
from shared.http import create_app
from shared.http.access_events import ensure_signing_key, issue_key
from shared.http.scopes import ALL_SCOPES, MEMBER_SCOPES
from shared.http.tokens import SigningKey, mint_member_token
from shared.service import Service

# The module beside the tests: how answers are recorded and listed.
sys.path.insert(0, str(Path(__file__).parent))

SETTINGS = FeedbackSettings.model_validate({"database_url": "postgresql://unused"})
SIGNING_KEY = SigningKey.load(None)


@pytest.fixture(scope="session")
def service() -> Service:
    return SERVICE


async def key_with(database: Database, *scopes: str) -> str:
    """A server key with these scopes, as if its event had been heard."""
    async with UnitOfWork(database) as uow:
        issued = await issue_key(uow, name="test", scopes=scopes)
        await uow.commit()
    return issued.key


def client_of(database: Database, clock: FrozenClock, key: str) -> tuple[Any, AsyncClient]:
    app = create_app(SERVICE, SETTINGS, database=database, clock=clock)
    return app, AsyncClient(transport=ASGITransport(app), base_url="http://feedback", headers={"authorization": f"Bearer {key}"})


@pytest_asyncio.fixture
async def client(database, clock) -> AsyncIterator[AsyncClient]:
    """A client with all scopes, in a transaction that is rolled back."""
    await ensure_signing_key(database, SIGNING_KEY)
    app, client = client_of(database, clock, await key_with(database, *ALL_SCOPES))
    async with app.router.lifespan_context(app), client:
        yield client


@pytest_asyncio.fixture
async def committed_client(committed_database, clock) -> AsyncIterator[AsyncClient]:
    """A client with all scopes on a database of the test's own, for what needs several connections."""
    app, client = client_of(committed_database, clock, await key_with(committed_database, *ALL_SCOPES))
    async with app.router.lifespan_context(app), client:
        yield client


@pytest.fixture
def member_token(clock) -> Callable[[str], str]:
    """Mints a token for a customer, with a key that the client's service knows."""

    def mint(customer_id: str) -> str:
        return mint_member_token(SIGNING_KEY, customer_id=customer_id, scopes=MEMBER_SCOPES, now=clock.now(), minted_by="test")

    return mint


_PUBLISHED = """
SELECT payload, sequence, key FROM event_log
WHERE type = 'regulars.feedback.response_recorded.v1' ORDER BY position
"""


@pytest.fixture
def published(database) -> Callable[[], Awaitable[list[ResponseRecorded]]]:
    """Returns the events so far, each read as its contract."""

    async def read() -> list[ResponseRecorded]:
        async with database.acquire() as connection:
            rows = await connection.fetch(_PUBLISHED)
        events = [ResponseRecorded.read(row["payload"]) for row in rows]
        assert [row["key"] for row in rows] == [event.key for event in events]
        assert {row["sequence"] for row in rows} <= {1}
        return events

    return read

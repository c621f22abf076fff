"""The service under test, and a ledger that hears stories of customers."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from loyalty.app import SERVICE
from loyalty.handlers import HANDLERS
from loyalty.members import service as members
from loyalty.settings import LoyaltySettings
from loyalty.verification.repository import Proof, verify
from shared.contracts.base import Event
from shared.contracts.customers import ApiKeyIssued, CustomerRegistered, Line, OrderPlaced, OrderReturned, SigningKeyPublished
from shared.database.pool import Database
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Envelope, Received
from shared.http import create_app
from shared.http.api_keys import generate_key
from shared.http.tokens import SigningKey, mint_member_token
from shared.ids import new_uuid
from shared.service import Service
from shared.testing.databases import RolledBackDatabase

# The model that the ledger is compared with stands beside the tests.
sys.path.append(str(Path(__file__).parent))

FIRST_DAY = datetime(2026, 1, 1, 9, 30, tzinfo=UTC)


class Ledger:
    """The service's handlers on one database, and what they did there."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def hear(self, *events: Event) -> None:
        """Hand events to their handlers: neighbours of one type as one batch, each batch in its own transaction."""
        for kind, batch in groupby(events, type):
            async with UnitOfWork(self.database) as uow:
                await HANDLERS[kind](uow, [received(event) for event in batch])
                await uow.commit()

    async def fetch(self, query: str, *arguments: object) -> list[Any]:
        async with self.database.acquire() as connection:
            return await connection.fetch(query, *arguments)

    async def told(self) -> list[tuple[str, str, int]]:
        """Return aggregate, type and sequence of each published event, in order."""
        rows = await self.fetch("SELECT aggregateid, type, sequence FROM event_log ORDER BY position")
        return [(row["aggregateid"], row["type"].split(".")[2], row["sequence"]) for row in rows]

    async def member(self, customer_id: str) -> tuple[int, int]:
        """Return a member's balance and lifetime points."""
        async with self.database.acquire() as connection:
            state = await members.member(connection, customer_id)
        return state.points.balance, state.points.lifetime

    async def entries(self, customer_id: str) -> list[tuple[str, str | None, int]]:
        rows = await self.fetch("SELECT kind, order_id, points FROM entries WHERE customer_id = $1 ORDER BY occurred_at, id", customer_id)
        return [(row["kind"], row["order_id"], row["points"]) for row in rows]

    async def proof(self) -> Proof:
        async with self.database.acquire() as connection:
            return await verify(connection)


class Story:
    """Makes the events of customers: `registered`, `placed`, `returned`; amounts are in minor units."""

    def registered(self, customer: str = "cus_1", on: int = 0) -> CustomerRegistered:
        return CustomerRegistered(customer_id=customer, kind="individual", registered_at=FIRST_DAY + timedelta(days=on))

    def placed(self, order: str, amount: int, customer: str = "cus_1", on: int = 1) -> OrderPlaced:
        return OrderPlaced(
            order_id=order,
            customer_id=customer,
            placed_at=FIRST_DAY + timedelta(days=on),
            currency="EUR",
            amount_minor=amount,
            lines=[Line(sku="A", quantity=1, amount_minor=amount)],
        )

    def returned(self, order: OrderPlaced, name: str, amount: int, total: int | None = None, on: int = 9) -> OrderReturned:
        return OrderReturned(
            return_id=name,
            order_id=order.order_id,
            customer_id=order.customer_id,
            placed_at=order.placed_at,
            returned_at=FIRST_DAY + timedelta(days=on),
            currency="EUR",
            amount_minor=amount,
            order_amount_minor=order.amount_minor,
            returned_total_minor=amount if total is None else total,
            lines=[Line(sku="A", quantity=1, amount_minor=amount)],
        )


def received(event: Event) -> Received[Any]:
    envelope = Envelope(new_uuid(), event.type, "/regulars/customers", event.aggregate_id, event.key, 1, FIRST_DAY)
    return Received(event, envelope)


async def issued_key(ledger: Ledger, *scopes: str) -> str:
    """Return a new key with these scopes, or all of loyalty's."""
    made = generate_key()
    allowed = sorted(scopes or ("loyalty:manage", "loyalty:read", "loyalty:write"))
    await ledger.hear(ApiKeyIssued(key_id=made.key_id, secret_sha256=made.sha256.hex(), name="test", scopes=allowed, issued_at=FIRST_DAY))
    return made.key


@pytest.fixture(scope="session")
def service() -> Service:
    return SERVICE


@pytest.fixture(scope="session")
def story() -> Story:
    return Story()


@pytest.fixture
def ledger(database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def committed_ledger(committed_database) -> Ledger:
    """A ledger whose transactions really commit, on several connections."""
    return Ledger(committed_database)


@pytest.fixture
def committed_key(committed_ledger) -> Callable[..., Awaitable[str]]:
    """Issues keys that the committed database has heard of."""
    return partial(issued_key, committed_ledger)


@pytest.fixture(scope="session")
def empty_ledger(pools, service) -> Callable[[], AbstractAsyncContextManager[Ledger]]:
    """Returns an empty ledger as often as a property needs one; what was written in it is rolled back."""

    @asynccontextmanager
    async def lend() -> AsyncIterator[Ledger]:
        async with pools.lend(service) as connection:
            yield Ledger(RolledBackDatabase(connection))

    return lend


@pytest.fixture
async def server_key(ledger) -> str:
    """A key that may read and change loyalty, heard of as the service hears of all keys."""
    return await issued_key(ledger)


@pytest.fixture
async def token_of(ledger, clock) -> Callable[[str], str]:
    """Mints tokens of members with a signing key that the service has heard of."""
    key = SigningKey.generate()
    await ledger.hear(SigningKeyPublished(kid=key.kid, jwk=dict(key.jwk), published_at=FIRST_DAY))

    def mint(customer_id: str) -> str:
        return mint_member_token(key, customer_id=customer_id, scopes=["loyalty:read"], now=clock.now(), minted_by="key_1")

    return mint


@pytest.fixture
async def client(database, clock, server_key) -> AsyncIterator[httpx2.AsyncClient]:
    """The service over HTTP, called with the server key."""
    app = create_app(SERVICE, LoyaltySettings(database_url=SecretStr("postgresql://unused")), database=database, clock=clock)
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        headers = {"authorization": f"Bearer {server_key}"}
        async with httpx2.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
            yield client

"""A service that listens to its own orders and writes down, in order, what it applied."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shared.contracts.customers import CustomerRegistered, CustomerUpdated, OrderPlaced, OrderReturned
from shared.database.chassis import chassis_metadata
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received
from shared.messaging.handlers import PermanentError
from shared.service import Service
from shared.settings import ServiceSettings

METADATA = chassis_metadata()
sa.Table(
    "effects",
    METADATA,
    sa.Column("place", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("event_id", sa.Uuid, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("aggregate_id", sa.Text, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
# An order of this amount is refused by its handler, for as long as it is in here.
POISONS: set[int] = set()
POISON = 13

_INSERT = """
INSERT INTO effects (event_id, key, aggregate_id, sequence, type)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[])
"""


async def _write(uow: UnitOfWork, events: Sequence[Received[Any]]) -> None:
    rows = [(e.envelope.id, e.envelope.key, e.envelope.aggregate_id, e.envelope.sequence, e.envelope.type) for e in events]
    await uow.connection.execute(_INSERT, *(list(column) for column in zip(*rows, strict=True)))


async def on_placed(uow: UnitOfWork, events: Sequence[Received[OrderPlaced]]) -> None:
    await _write(uow, events)
    if any(e.event.amount_minor in POISONS for e in events):
        raise PermanentError("refused")


async def on_registered(uow: UnitOfWork, events: Sequence[Received[CustomerRegistered]]) -> None:
    await _write(uow, events)
    for e in events:
        changed = CustomerUpdated(customer_id=e.event.customer_id, changed=["language"], kind=e.event.kind, updated_at=NOON)
        uow.publish(changed, sequence=2, cause=e.envelope)


async def reset(uow: UnitOfWork) -> None:
    await uow.connection.execute("DELETE FROM effects")


SERVICE = Service(
    name="customers",
    title="Sample",
    settings=ServiceSettings,
    routers=(),
    handlers={CustomerRegistered: on_registered, OrderPlaced: on_placed, OrderReturned: _write},
    migrations=Path(__file__).parent / "migrations",
    reset_projection=reset,
)


def registered(customer: str) -> CustomerRegistered:
    return CustomerRegistered(customer_id=customer, kind="individual", registered_at=NOON)


def updated(customer: str) -> CustomerUpdated:
    return CustomerUpdated(customer_id=customer, changed=["language"], kind="individual", updated_at=NOON)


def placed(order: str, customer: str = "ann", amount_minor: int = 100) -> OrderPlaced:
    return OrderPlaced(order_id=order, customer_id=customer, placed_at=NOON, currency="EUR", amount_minor=amount_minor, lines=[])


def returned(order: str, customer: str = "ann") -> OrderReturned:
    return OrderReturned(
        return_id=f"ret_{order}",
        order_id=order,
        customer_id=customer,
        placed_at=NOON,
        returned_at=NOON,
        currency="EUR",
        amount_minor=1,
        order_amount_minor=100,
        returned_total_minor=1,
        lines=[],
    )

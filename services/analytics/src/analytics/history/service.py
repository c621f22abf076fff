"""Hears of customers, tells the checksum of the whole projection, and empties it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from analytics.history.repository import CustomerFact, HistoryRepository, TableSum
from analytics.history.rules import moment, text
from shared.contracts.customers import CustomerRegistered, CustomerUpdated
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received


@dataclass(frozen=True, slots=True)
class Checksum:
    """The fingerprint of all facts and roll-ups.

    Attributes:
        sha256: equal for equal contents, however they came about.
        tables: each table's part of it.
    """

    sha256: str
    tables: Sequence[TableSum]


async def lock(uow: UnitOfWork) -> None:
    """Take what every handler takes before anything else, so that none waits for another in a ring."""
    await HistoryRepository(uow.connection).lock()


async def on_customers_registered(uow: UnitOfWork, events: Sequence[Received[CustomerRegistered]]) -> None:
    """Add customers to the history."""
    facts = [
        CustomerFact(
            text(received.event.customer_id, "customer_id"),
            received.event.kind,
            received.event.country,
            received.event.language,
            moment(received.event.registered_at, "registered_at"),
            received.envelope.sequence,
        )
        for received in events
    ]
    await lock(uow)
    await HistoryRepository(uow.connection).put_customers(facts)


async def on_customers_updated(uow: UnitOfWork, events: Sequence[Received[CustomerUpdated]]) -> None:
    """Bring customers up to date, unless something later is known."""
    facts = [
        CustomerFact(
            text(received.event.customer_id, "customer_id"),
            received.event.kind,
            received.event.country,
            received.event.language,
            None,
            received.envelope.sequence,
        )
        for received in events
    ]
    await lock(uow)
    await HistoryRepository(uow.connection).put_customers(facts)


async def checksum(history: HistoryRepository) -> Checksum:
    """Return the fingerprint of all facts and roll-ups."""
    tables = await history.table_sums()
    lines = "\n".join(f"{table.name} {table.rows} {table.sum}" for table in tables)
    return Checksum(hashlib.sha256(lines.encode()).hexdigest(), tables)


async def reset_projection(uow: UnitOfWork) -> None:
    """Empty all facts and roll-ups, so that the events can fill them again."""
    await lock(uow)
    await HistoryRepository(uow.connection).empty()

"""Erased customers in a service: their ids are kept, so that what comes late cannot bring anything of them back.

Every transaction that stores something of a customer reads `erased_customers` with FOR KEY SHARE, first or in the same statement. An
erasure locks the table against these readers: it waits for the transactions that have read it, and those that come later read its
tombstones. So nothing can slip in between, at no cost for who writes. Who reads without FOR KEY SHARE, such as a backup, stores nothing
and holds nobody up.
"""

from collections.abc import Iterable, Sequence

from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received
from shared.messaging.handlers import Handler

_LOCK = "LOCK TABLE erased_customers IN EXCLUSIVE MODE"
_BURY = "INSERT INTO erased_customers (customer_id, erasure_id) SELECT id, $2 FROM unnest($1::text[]) AS t (id) ON CONFLICT DO NOTHING"
_ERASED = "SELECT customer_id FROM erased_customers WHERE customer_id = ANY ($1::text[]) FOR KEY SHARE"


async def erased_among(connection: Connection, customer_ids: Iterable[str | None]) -> set[str]:
    """Return those of the customers who were erased; who stores something of the others may do so in this transaction."""
    asked = list({customer_id for customer_id in customer_ids if customer_id is not None})
    return {row["customer_id"] for row in await connection.fetch(_ERASED, asked)} if asked else set()


async def lock_tombstones(connection: Connection) -> None:
    """Wait for everybody who stores something of a customer, and hold others off until this transaction ends."""
    await connection.execute(_LOCK)


async def bury(connection: Connection, customer_ids: Sequence[str], erasure_id: str) -> None:
    """Keep the ids of erased customers."""
    await connection.execute(_BURY, customer_ids, erasure_id)


def unless_erased(handler: Handler, field: str = "customer_id") -> Handler:
    """Return the handler without the events of erased customers.

    Args:
        handler: of events that tell of a customer.
        field: name of the events' field with his id; events without one are handed on.
    """

    async def handle(uow: UnitOfWork, events: Sequence[Received]) -> None:
        erased = await erased_among(uow.connection, (getattr(event, field) for event, _ in events))
        kept = [received for received in events if getattr(received.event, field) not in erased] if erased else events
        if kept:
            await handler(uow, kept)

    return handle

"""What is kept of somebody who was watched: shown to him, and deleted when he wants to be forgotten."""

from typing import Any

from loyalty.abuse import repository, reviewing
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork


async def erase(uow: UnitOfWork, customer_ids: list[str]) -> dict[str, int]:
    """End freezes and reviews of erased customers and delete what was written; return how much, by kind of record."""
    # Nothing of what waits happens any more.
    for review_id in await repository.open_reviews_of(uow.connection, customer_ids):
        await reviewing.conclude(uow, review_id, "rejected", "erasure", None)
    return await repository.erase(uow.connection, customer_ids)


async def collect(connection: Connection, customer_ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what is kept of customers, by kind of record."""
    return await repository.collect(connection, customer_ids)

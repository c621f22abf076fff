"""Restriction of processing: what is kept of a customer may not be used (GDPR article 18)."""

from datetime import datetime
from typing import Any

from asyncpg import Record

from customers.audit.service import Entry
from customers.audit.service import record as audit
from customers.links.repository import family
from customers.privacy.restrictions import repository
from customers.privacy.restrictions.errors import RestrictionNotFound
from customers.profiles.errors import CustomerNotFound
from shared.contracts.customers import ProcessingRestricted
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork


async def restrict(uow: UnitOfWork, customer_id: str, reason: str, actor: str) -> Record:
    """Restrict the processing of a customer's data; it holds for all his records until it is lifted.

    Raises:
        CustomerNotFound: there is none.
    """
    if not await repository.is_known(uow.connection, customer_id):
        raise CustomerNotFound
    row = await repository.restrict(uow.connection, customer_id, reason, actor)
    _publish(uow, customer_id, row["version"], row["changed_at"], restricted=True)
    await audit(uow.connection, [Entry(actor, "processing_restricted", customer_id)])
    return row


async def lift(uow: UnitOfWork, customer_id: str, actor: str) -> None:
    """Lift the restriction of a customer, on whichever of his records it was set.

    Raises:
        CustomerNotFound: there is none.
        RestrictionNotFound: there is no restriction.
    """
    ids = (await family(uow.connection, customer_id)).ids
    lifted = await repository.lift(uow.connection, ids, actor)
    if not lifted:
        raise RestrictionNotFound
    for row in lifted:
        _publish(uow, row["customer_id"], row["version"], row["changed_at"], restricted=False)
    await audit(uow.connection, [Entry(actor, "restriction_lifted", row["customer_id"]) for row in lifted])


async def of(connection: Connection, customer_id: str) -> Record:
    """Return the restriction that holds for a customer.

    Raises:
        CustomerNotFound: there is none.
        RestrictionNotFound: there is no restriction.
    """
    ids = (await family(connection, customer_id)).ids
    rows = await repository.of(connection, ids)
    if not rows or not rows[0]["restricted"]:
        raise RestrictionNotFound
    return rows[0]


def _publish(uow: UnitOfWork, customer_id: str, version: int, at: datetime, *, restricted: bool) -> None:
    uow.publish(ProcessingRestricted(customer_id=customer_id, restricted=restricted, changed_at=at), sequence=version)


async def erase(connection: Connection, ids: list[str]) -> dict[str, int]:
    """Delete the restrictions of records."""
    return {"restrictions": await repository.erase(connection, ids)}


async def collect(connection: Connection, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the restrictions of records."""
    return {"restrictions": [dict(row) for row in await repository.of(connection, ids)]}

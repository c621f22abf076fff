"""Freezing members: nothing can be spent, and what they earn goes on or waits."""

from datetime import UTC, datetime
from typing import Any

from asyncpg import Record

from loyalty.abuse import repository
from loyalty.abuse.errors import MemberAlreadyFrozen, MemberNotFrozen
from loyalty.members import service as members
from shared.contracts.loyalty import MemberFrozen as MemberFrozenEvent
from shared.contracts.loyalty import MemberUnfrozen
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork

_LAST = (datetime(9999, 12, 31, tzinfo=UTC), "")


async def freeze(uow: UnitOfWork, customer_id: str, *, earning: str, reason: str, caller: str) -> Record:
    """Freeze a member.

    Args:
        uow: commits it.
        customer_id: whom; his family cannot spend either.
        earning: `continues`, or `waits` until a review decides.
        reason: why.
        caller: who does it.

    Raises:
        MemberNotFound: there is no such member.
        MemberAlreadyFrozen: he is.
    """
    await members.admit(uow.connection, customer_id)
    row = await repository.freeze(uow.connection, customer_id, earning, reason, caller)
    if row is None:
        raise MemberAlreadyFrozen
    event = MemberFrozenEvent(freeze_id=row["id"], customer_id=customer_id, earning=earning, frozen_at=row["frozen_at"])
    uow.publish(event, sequence=1)
    return row


async def unfreeze(uow: UnitOfWork, customer_id: str, *, reason: str, caller: str) -> Record:
    """Let a member and his family spend again; what waits stays with its review.

    Raises:
        MemberNotFound: there is no such member.
        MemberNotFrozen: nobody froze him.
    """
    await members.admit(uow.connection, customer_id)
    rows = await repository.unfreeze(uow.connection, customer_id, reason, caller)
    if not rows:
        raise MemberNotFrozen
    for row in rows:
        event = MemberUnfrozen(freeze_id=row["id"], customer_id=row["customer_id"], unfrozen_at=row["unfrozen_at"])
        uow.publish(event, sequence=2)
    return max(rows, key=lambda row: row["frozen_at"])


async def freezes_of(connection: Connection, customer_id: str, fetch: int, after: tuple[Any, ...] | None) -> list[Record]:
    """Return when a member was frozen, newest first.

    Raises:
        MemberNotFound: there is no such member.
    """
    await members.require(connection, customer_id)
    return await repository.freezes(connection, customer_id, fetch, after or _LAST)

"""Badges: made by people, given by challenges, tiers and by hand; nobody has one twice."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from loyalty.badges import repository
from loyalty.badges.errors import BadgeNotAwarded, BadgeNotFound
from loyalty.badges.repository import BadgeRow, NewAward
from loyalty.badges.schemas import BadgeDraft, BadgeGift
from loyalty.members import service as members
from shared.contracts.loyalty import BadgeAwarded, BadgeTakenBack
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.http.etags import check_version


async def found(connection: Connection, programme_id: str, code: str) -> BadgeRow:
    """Return a badge.

    Raises:
        BadgeNotFound: there is none.
    """
    row = await repository.find(connection, programme_id, code)
    if row is None:
        raise BadgeNotFound
    return row


async def make(uow: UnitOfWork, programme_id: str, wanted: BadgeDraft) -> BadgeRow:
    """Make a badge.

    Raises:
        BadgeExists: another has its code.
    """
    await repository.insert(uow.connection, programme_id, wanted.model_dump(mode="json"))
    return await found(uow.connection, programme_id, wanted.code)


async def amend(uow: UnitOfWork, programme_id: str, code: str, changes: Mapping[str, Any], expected: int) -> BadgeRow:
    """Change a badge.

    Raises:
        BadgeNotFound: there is none.
        PreconditionFailed: it was changed meanwhile.
    """
    check_version(expected, (await found(uow.connection, programme_id, code)).version)
    await repository.change(uow.connection, programme_id, code, changes)
    return await found(uow.connection, programme_id, code)


async def award(uow: UnitOfWork, programme_id: str, awards: Sequence[NewAward]) -> list[asyncpg.Record]:
    """Give badges to whoever does not have them, and tell of it; return what was given."""
    rows = await repository.award(uow.connection, programme_id, awards)
    for row in rows:
        event = BadgeAwarded(
            award_id=row["id"], customer_id=row["customer_id"], badge=row["badge"], source=row["source"], awarded_at=row["awarded_at"]
        )
        uow.publish(event, sequence=1)
    return rows


async def award_for_tiers(uow: UnitOfWork, programme_id: str, reached: Sequence[tuple[str, str, datetime]]) -> None:
    """Give the badges of tiers to who has reached them, as `(customer, tier, moment)`."""
    if reached:
        badges = await repository.of_tiers(uow.connection, programme_id, sorted({tier for _, tier, _ in reached}))
        some = [
            NewAward(badge, customer_id, "tier", tier, None, at)
            for customer_id, reached_tier, at in reached
            for badge, tier in badges
            if tier == reached_tier
        ]
        await award(uow, programme_id, some)


async def revoke(uow: UnitOfWork, completion_ids: Sequence[str]) -> None:
    """Take back the badges that completions gave, and tell of it."""
    _tell_taken(uow, await repository.revoke(uow.connection, completion_ids))


async def give(uow: UnitOfWork, programme_id: str, customer_id: str, wanted: BadgeGift, *, now: datetime) -> bool:
    """Give a member a badge by hand; return whether he did not have it.

    Raises:
        MemberNotFound: there is no such member.
        BadgeNotFound: there is no such badge.
    """
    await members.admit(uow.connection, customer_id)
    await found(uow.connection, programme_id, wanted.badge)
    given = NewAward(wanted.badge, customer_id, "hand", None, wanted.reason, now)
    return bool(await award(uow, programme_id, [given]))


async def take(uow: UnitOfWork, programme_id: str, customer_id: str, code: str) -> None:
    """Take a badge from a member.

    Raises:
        MemberNotFound: there is no such member.
        BadgeNotAwarded: he does not have it.
    """
    await members.admit(uow.connection, customer_id)
    rows = await repository.take(uow.connection, programme_id, customer_id, code)
    if not rows:
        raise BadgeNotAwarded
    _tell_taken(uow, rows)


def _tell_taken(uow: UnitOfWork, rows: Sequence[asyncpg.Record]) -> None:
    for row in rows:
        event = BadgeTakenBack(award_id=row["id"], customer_id=row["customer_id"], badge=row["badge"], taken_back_at=row["revoked_at"])
        uow.publish(event, sequence=2)

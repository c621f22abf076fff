"""A member's card: a number that tills read, and that leads to him until it is replaced."""

from typing import Any

from loyalty.cards import repository
from loyalty.cards.errors import CardNotFound, CardReplaced
from loyalty.cards.repository import CardRow
from loyalty.cards.rules import new_number
from loyalty.members import service as members
from loyalty.members.errors import MemberNotFound
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork


async def issue(uow: UnitOfWork, customer_id: str) -> tuple[CardRow, bool]:
    """Return a member's card and whether it was made just now.

    Raises:
        MemberNotFound: there is no such member.
    """
    await members.require(uow.connection, customer_id)
    known = await repository.current(uow.connection, customer_id)
    if known is not None:
        return known, False
    return await _issued(uow.connection, customer_id)


async def replace(uow: UnitOfWork, customer_id: str) -> CardRow:
    """End a member's card, which was lost, and give him another.

    Raises:
        MemberNotFound: there is no such member.
        CardNotFound: he has none.
    """
    await members.require(uow.connection, customer_id)
    known = await repository.current(uow.connection, customer_id)
    if known is None or not await repository.end(uow.connection, known.customer_id):
        raise CardNotFound
    return (await _issued(uow.connection, known.customer_id))[0]


async def of_member(connection: Connection, customer_id: str) -> CardRow:
    """Return a member's card.

    Raises:
        MemberNotFound: there is no such member.
        CardNotFound: he has none yet.
    """
    await members.require(connection, customer_id)
    card = await repository.current(connection, customer_id)
    if card is None:
        raise CardNotFound
    return card


async def by_number(connection: Connection, number: str) -> CardRow:
    """Return the card that a till has read.

    Raises:
        CardNotFound: there is none with this number.
        CardReplaced: it counts no more.
    """
    card = await repository.find(connection, number)
    if card is None:
        raise CardNotFound
    if card.ended_at is not None:
        raise CardReplaced
    return card


async def erase(connection: Connection, customer_ids: list[str]) -> dict[str, int]:
    """Delete the cards of erased customers."""
    return {"member_cards": await repository.erase(connection, customer_ids)}


async def collect(connection: Connection, customer_ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the cards of customers."""
    return {"member_cards": await repository.collect(connection, customer_ids)}


async def _issued(connection: Connection, customer_id: str) -> tuple[CardRow, bool]:
    card = await repository.issue(connection, customer_id, new_number())
    if card is not None:
        return card, True
    # Somebody else was quicker; a number that exists already is too rare to try twice for.
    known = await repository.current(connection, customer_id)
    if known is None:
        raise MemberNotFound
    return known, False

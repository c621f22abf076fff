"""What can be done with duplicates."""

from collections.abc import Sequence
from typing import Any, Literal

from customers.duplicates import marks, repository, sharing, telling
from customers.duplicates.errors import DuplicateDecided, DuplicateNotFound, DuplicateOfItself
from customers.duplicates.matching import Match, matches
from customers.duplicates.repository import StoredPair
from customers.duplicates.rules import likeness, pair
from customers.links.repository import families, family
from customers.merges import service as merges
from customers.profiles.errors import CustomerNotFound
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork

Status = Literal["open", "rejected", "confirmed"]
# After every pair.
_BEYOND = (101, "")


async def candidates(connection: Connection, customer_id: str, min_score: int) -> list[Match]:
    """Return who may be the same person as a customer, as things are now.

    Raises:
        CustomerNotFound: there is no such customer.
    """
    root_id = (await family(connection, customer_id)).root_id
    persons = await repository.persons(connection, [root_id])
    if root_id not in persons:
        raise CustomerNotFound
    return (await matches(connection, [persons[root_id]], min_score=min_score))[root_id]


async def listed(connection: Connection, status: Status, min_score: int, after: tuple[int, str] | None, limit: int) -> list[StoredPair]:
    """Return pairs, the surest first; no open pair of whom relatives were rejected as each other."""
    found: list[StoredPair] = []
    # Of a forged cursor not even the number need be one that the database can hold.
    place = _BEYOND if after is None else (max(-1, min(after[0], _BEYOND[0])), after[1])
    while len(found) < limit:
        rows = await repository.page(connection, status, min_score, place, limit)
        found += await _undecided(connection, rows) if status == "open" else rows
        if len(rows) < limit:
            break
        place = (rows[-1].score, rows[-1].id)
    return found[:limit]


async def get(connection: Connection, pair_id: str) -> StoredPair:
    """Return a pair.

    Raises:
        DuplicateNotFound: there is none.
    """
    found = await repository.get(connection, pair_id)
    if found is None:
        raise DuplicateNotFound
    return found


async def reject(uow: UnitOfWork, pair_id: str, decided_by: str) -> StoredPair:
    """Note that a pair is of two persons; it is never proposed again, nor are others of their families.

    Raises:
        DuplicateNotFound: there is no such pair.
        DuplicateDecided: somebody confirmed it.
    """
    present = await repository.lock(uow.connection, pair_id)
    if present is None:
        raise DuplicateNotFound
    if present.status == "confirmed":
        raise DuplicateDecided(status=present.status)
    if present.status == "rejected":
        return present
    pair = await repository.decide(uow.connection, present.id, "rejected", decided_by)
    telling.decided(uow, pair)
    return pair


async def confirm(uow: UnitOfWork, pair_id: str, survivor_id: str | None, decided_by: str) -> StoredPair:
    """Merge the customers of a pair; the older record survives unless the caller chose. Confirming it again changes nothing.

    Raises:
        DuplicateNotFound: there is no such pair, or the survivor is none of it.
        DuplicateDecided: somebody rejected it.
        AlreadyOne: they were merged otherwise.
        FamilyTooLarge: they would be too many records.
    """
    present = await repository.lock(uow.connection, pair_id)
    if present is None or survivor_id not in (None, present.first_id, present.second_id):
        raise DuplicateNotFound
    if present.status != "open":
        if present.status == "confirmed":
            return present
        raise DuplicateDecided(status=present.status)
    stays, goes = present.first_id, present.second_id
    if survivor_id == goes:
        stays, goes = goes, stays
    merge, _ = await merges.merge(uow, stays, goes, token=None, reason="duplicate", actor=decided_by)
    confirmed = await repository.decide(uow.connection, pair_id, "confirmed", decided_by, merge.id)
    telling.decided(uow, confirmed)
    return confirmed


async def pair_of(connection: Connection, one: str, other: str) -> StoredPair:
    """Return the pair of two customers, whether somebody proposed it or not.

    Raises:
        CustomerNotFound: one of them does not exist.
        DuplicateOfItself: both ids stand for one customer.
    """
    known = await families(connection, [one, other])
    if len(known) < len({one, other}):
        raise CustomerNotFound
    if known[one].root_id == known[other].root_id:
        raise DuplicateOfItself
    first, second = pair(known[one].root_id, known[other].root_id)
    persons = await repository.persons(connection, [first, second])
    return await repository.find_or_store(connection, first, second, likeness(persons[first], persons[second]))


async def erase(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Delete what is kept of records here; return how many rows by table."""
    return {
        "duplicate_pairs": await repository.erase(connection, ids),
        "duplicate_checks": await marks.erase(connection, ids),
        "identity_sharings": await sharing.erase(connection, ids),
    }


async def collect(connection: Connection, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what is kept of records here, by table; the other customer of a pair is not told."""
    return {
        "duplicate_pairs": await repository.collect(connection, ids),
        "duplicate_checks": await marks.collect(connection, ids),
        "identity_sharings": await sharing.collect(connection, ids),
    }


async def _undecided(connection: Connection, rows: Sequence[StoredPair]) -> list[StoredPair]:
    rejected = await repository.rejected(connection, [row.first_id for row in rows]) if rows else set()
    return [row for row in rows if (row.first_id, row.second_id) not in rejected]

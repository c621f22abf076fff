"""What can be done with notes."""

from collections.abc import Mapping
from typing import Any

from asyncpg import Record

from customers.links.repository import family
from customers.notes import repository
from customers.notes.errors import NoteNotFound
from customers.profiles.errors import CustomerNotFound
from customers.timeline import service as timeline
from customers.timeline.service import Touch
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.http.etags import check_version


async def write(uow: UnitOfWork, customer_id: str, author: str, text: str, *, pinned: bool) -> Record:
    """Write a note about the record that the id names; it appears on the timeline, without its words.

    Raises:
        CustomerNotFound: there is none.
    """
    note = await repository.insert(uow.connection, customer_id, author, text, pinned=pinned)
    if note is None:
        raise CustomerNotFound
    touch = Touch(customer_id, "note", note["id"], note["created_at"], summary={"author": author})
    await timeline.record(uow.connection, [touch])
    return note


async def amend(uow: UnitOfWork, customer_id: str, note_id: str, patch: Mapping[str, Any], match: int) -> Record:
    """Change a note that the client has read.

    Raises:
        CustomerNotFound: there is no such customer.
        NoteNotFound: he has no such note.
        PreconditionFailed: it was changed since.
    """
    note = await _locked(uow.connection, customer_id, note_id, match)
    text = patch.get("text") or note["text"]
    pinned = note["is_pinned"] if patch.get("pinned") is None else patch["pinned"]
    if (text, pinned) == (note["text"], note["is_pinned"]):
        return note
    return await repository.update(uow.connection, note_id, text, pinned=pinned)


async def delete(uow: UnitOfWork, customer_id: str, note_id: str, match: int) -> None:
    """Delete a note; the timeline still tells that there was one.

    Raises:
        CustomerNotFound: there is no such customer.
        NoteNotFound: he has no such note.
        PreconditionFailed: it was changed since.
    """
    await _locked(uow.connection, customer_id, note_id, match)
    await repository.delete(uow.connection, note_id)


async def found(connection: Connection, customer_id: str, note_id: str) -> Record:
    """Return a note on any record of a customer.

    Raises:
        CustomerNotFound: there is no such customer.
        NoteNotFound: he has no such note.
    """
    note = await repository.get(connection, note_id, (await family(connection, customer_id)).ids)
    if note is None:
        raise NoteNotFound
    return note


async def listed(connection: Connection, customer_id: str, after: tuple[Any, ...] | None, limit: int, *, pinned: bool) -> list[Record]:
    """Return the notes on all records of a customer, newest first, after a sort key.

    Raises:
        CustomerNotFound: there is none.
    """
    return await repository.page(connection, (await family(connection, customer_id)).ids, after, limit, pinned=pinned)


async def erase(connection: Connection, ids: list[str]) -> dict[str, int]:
    """Delete what was written about customers; return how many of each kind."""
    return {"notes": await repository.erase(connection, ids)}


async def collect(connection: Connection, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what was written about customers."""
    return {"notes": [dict(row) for row in await repository.collect(connection, ids)]}


async def _locked(connection: Connection, customer_id: str, note_id: str, match: int) -> Record:
    note = await repository.lock(connection, note_id, (await family(connection, customer_id)).ids)
    if note is None:
        raise NoteNotFound
    check_version(match, note["version"])
    return note

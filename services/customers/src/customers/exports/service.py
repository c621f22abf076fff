"""What can be done with exports."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

from asyncpg import Record

from customers.audit import service as audit
from customers.audit.service import Entry
from customers.exports import job, repository
from customers.exports.errors import ExportFieldUnknown, ExportFileGone, ExportInTheClear, ExportNotFinished, ExportNotFound
from customers.exports.rules import COLUMNS, is_known
from customers.exports.schemas import ExportDraft
from customers.privacy.questions import check_question
from shared.database.pool import Connection, Database
from shared.database.unit_of_work import UnitOfWork
from shared.http import Caller
from shared.http.jobs import enqueue
from shared.ids import new_id

_SEES_CONTACTS = "contacts:read"


async def order(uow: UnitOfWork, caller: Caller, draft: ExportDraft, keep_until: datetime) -> Record:
    """Queue an export; return its row.

    Raises:
        ExportFieldUnknown: customers have no such field.
        ContactsNotSearchable: the filter asks for contact data, which the caller may not see.
    """
    asked = draft.filter.model_dump(exclude_none=True, exclude_defaults=True)
    await check_question(uow.connection, caller, asked, draft.filter.attributes)
    fields = draft.fields or list(COLUMNS)
    for place, name in enumerate(fields):
        if not is_known(name):
            raise ExportFieldUnknown(pointer=f"/fields/{place}")
    export_id = new_id("exp")
    job_id = await enqueue(uow, job.KIND, {"export_id": export_id}, caller=caller.principal)
    wanted = draft.filter.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    masked = _SEES_CONTACTS not in caller.scopes
    values = (export_id, job_id, caller.principal, draft.format, wanted, list(dict.fromkeys(fields)), masked, keep_until)
    row = await repository.insert(uow.connection, values)
    await audit.record(uow.connection, [Entry(caller.principal, "customers_exported", subject_id=export_id, fields=row["fields"])])
    return row


async def found(connection: Connection, export_id: str) -> Record:
    """Return an export.

    Raises:
        ExportNotFound: there is none.
    """
    row = await repository.get(connection, export_id)
    if row is None:
        raise ExportNotFound
    return row


async def downloadable(uow: UnitOfWork, caller: Caller, export_id: str) -> Record:
    """Return an export whose file the caller may have; the audit log is told of it.

    Raises:
        ExportNotFound: there is none.
        ExportFileGone: its time is over.
        ExportNotFinished: it is at work, or failed.
        ExportInTheClear: it holds what the caller may not see.
    """
    row = await found(uow.connection, export_id)
    if row["status"] == "expired":
        raise ExportFileGone
    if row["status"] != "succeeded":
        raise ExportNotFinished
    if not row["masked"] and _SEES_CONTACTS not in caller.scopes:
        raise ExportInTheClear(scope=_SEES_CONTACTS)
    await audit.record(uow.connection, [Entry(caller.principal, "export_downloaded", subject_id=export_id, fields=row["fields"])])
    return row


async def pieces(database: Database, export_id: str) -> AsyncIterator[bytes]:
    """Yield the file of an export; a connection is lent for each piece of it."""
    number = 0
    while True:
        async with database.acquire() as connection:
            content = await repository.piece(connection, export_id, number)
        if content is None:
            return
        yield content
        number += 1


async def forget_expired(uow: UnitOfWork, now: datetime) -> bool:
    """Delete files whose time is over; see `shared.messaging.passes`."""
    await repository.expire(uow.connection, now)
    return False


async def erase(connection: Connection, ids: list[str]) -> dict[str, int]:
    """Delete every file: whoever is erased may be in any of them, and an export is quickly made anew; those at work are by themselves."""
    return {"export_files": await repository.expire_all(connection, ids)}


async def collect(connection: Connection, ids: list[str]) -> dict[str, list[Mapping[str, Any]]]:
    """Return what exports keep of customers: copies of their profiles, for hours; nothing else."""
    del connection, ids
    return {}

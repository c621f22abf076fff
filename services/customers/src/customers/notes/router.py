"""Routes of notes."""

from datetime import datetime
from typing import Annotated

from fastapi import Query, Response

from customers.dependencies import ReadsCustomers, WritesCustomers
from customers.fields import CustomerIdInPath
from customers.notes import service
from customers.notes.errors import NoteNotFound
from customers.notes.schemas import Note, NoteDraft, NoteIdInPath, NotePatch
from customers.profiles.errors import CustomerNotFound
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, Reads, Uow, problems
from shared.http.etags import IfMatch, set_etag
from shared.http.merge_patch import changes
from shared.http.pagination import Page, PageQuery

router = APIRouter(prefix="/v1/customers/{customer_id}/notes", tags=["notes"])

_NOT_FOUND = (CustomerNotFound, NoteNotFound)
_Pinned = Annotated[bool, Query(description="Only those that are to be seen first.")]


@router.post("", operation_id="notes_create", status_code=201, responses=problems(CustomerNotFound))
async def write(customer_id: CustomerIdInPath, draft: NoteDraft, response: Response, uow: Uow, caller: WritesCustomers) -> Note:
    """Write a note about a customer; the caller is its author."""
    note = await service.write(uow, customer_id, caller.principal, draft.text, pinned=draft.pinned)
    set_etag(response, note["version"])
    response.headers["location"] = f"/v1/customers/{customer_id}/notes/{note['id']}"
    return Note.of(note)


@router.get("", operation_id="notes_list", responses=problems(CustomerNotFound))
async def list_notes(
    customer_id: CustomerIdInPath,
    page: PageQuery,
    connection: Reads,
    _: ReadsCustomers,
    pinned: _Pinned = False,
) -> Page[Note]:
    """List the notes about a customer, newest first, whichever of his records they were written about."""
    rows = await service.listed(connection, customer_id, page.key(datetime, str), page.fetch, pinned=pinned)
    return page.page(rows, key=lambda row: (row["created_at"], row["id"]), item=Note.of)


@router.get("/{note_id}", operation_id="notes_get", responses=problems(*_NOT_FOUND))
async def get(customer_id: CustomerIdInPath, note_id: NoteIdInPath, response: Response, connection: Reads, _: ReadsCustomers) -> Note:
    """Return a note."""
    note = await service.found(connection, customer_id, note_id)
    set_etag(response, note["version"])
    return Note.of(note)


@router.patch("/{note_id}", operation_id="notes_update", responses=problems(*_NOT_FOUND, PreconditionFailed, PreconditionRequired))
async def amend(
    customer_id: CustomerIdInPath, note_id: NoteIdInPath, patch: NotePatch, match: IfMatch, response: Response, uow: Uow, _: WritesCustomers
) -> Note:
    """Change a note."""
    note = await service.amend(uow, customer_id, note_id, changes(patch), match)
    set_etag(response, note["version"])
    return Note.of(note)


@router.delete(
    "/{note_id}", operation_id="notes_delete", status_code=204, responses=problems(*_NOT_FOUND, PreconditionFailed, PreconditionRequired)
)
async def delete(customer_id: CustomerIdInPath, note_id: NoteIdInPath, match: IfMatch, uow: Uow, _: WritesCustomers) -> None:
    """Delete a note."""
    await service.delete(uow, customer_id, note_id, match)

"""Notes about customers: a slice with a create, a read, a list, a change, a batch, and routes that go wrong."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query, Response
from pydantic import Field, TypeAdapter

from shared.contracts.customers import CustomerRegistered
from shared.database.single_write import Row
from shared.errors import Conflict, NotFound
from shared.http import APIRouter, Caller, IfMatch, OneWrite, Page, PageQuery, Reads, Uow, problems, requires
from shared.http.batches import BatchAnswer, BatchRequest, ItemResult, answer_body, created, existed, read_items
from shared.http.etags import check_version, set_etag
from shared.http.merge_patch import changes
from shared.http.schemas import InputModel, OutputModel, ShortText
from shared.ids import new_id

router = APIRouter(prefix="/v1/notes", tags=["notes"])

Reader = Annotated[Caller, requires("customers:read")]
Writer = Annotated[Caller, requires("customers:write")]
OwnReader = Annotated[Caller, requires("loyalty:read", own="customer_id")]

COLUMNS = "id, customer_id, title, stars, remark, version, written_at"
INSERT = f"INSERT INTO notes (id, customer_id, title, stars) VALUES ($1, $2, $3, $4) RETURNING {COLUMNS}"
FIND = f"SELECT {COLUMNS} FROM notes WHERE id = $1"
LIST = f"""
SELECT {COLUMNS} FROM notes
WHERE ($1::text IS NULL OR title LIKE $1 || '%') AND ($2::timestamptz IS NULL OR (written_at, id) < ($2, $3))
ORDER BY written_at DESC, id DESC LIMIT $4
"""
FIELDS = ("text", "text", "text", "integer", "timestamptz")
UPSERT = "INSERT INTO notes (id, customer_id, title, stars) VALUES ($1, $2, $3, $4) ON CONFLICT (title) DO NOTHING RETURNING id"


class NoteNotFound(NotFound):
    code = "note_not_found"
    title = "There is no such note."


class TitleTaken(Conflict):
    code = "title_taken"
    title = "There is a note with this title."


class NewNote(InputModel):
    customer_id: ShortText = Field(examples=["cus_1"])
    title: ShortText = Field(examples=["Likes tea"])
    stars: int = Field(default=0, ge=-(2**31), lt=2**62, examples=[3])


class NoteChange(InputModel):
    title: ShortText = Field(default="", examples=["Likes coffee"])
    remark: ShortText | None = Field(default=None, examples=["since May"])


class Note(OutputModel):
    id: str = Field(examples=["not_1"])
    customer_id: str
    title: str
    stars: int
    remark: str | None
    written_at: datetime


NEW_NOTE = TypeAdapter(NewNote)


@router.post("", operation_id="notes_create", status_code=201, responses=problems())
async def create(note: NewNote, uow: Uow, _caller: Writer, response: Response) -> Note:
    """Write a note down."""
    row = await uow.connection.fetchrow(INSERT, new_id("not"), note.customer_id, note.title, note.stars)
    assert row is not None
    uow.publish(CustomerRegistered(customer_id=row["id"], kind="individual", registered_at=row["written_at"]), sequence=1)
    set_etag(response, row["version"])
    return Note.model_validate(dict(row))


@router.post("/alone", operation_id="notes_create_alone", status_code=201, responses=problems(TitleTaken))
async def create_alone(note: NewNote, write: OneWrite, _caller: Writer, response: Response) -> Note:
    """Write a note down, in one statement, if its title is free."""
    note_id = new_id("not")
    row = Row(_adding, (note_id, note.customer_id, note.title, note.stars, write.at), lambda error: error or TitleTaken())
    write.write(row, CustomerRegistered(customer_id=note_id, kind="individual", registered_at=write.at), sequence=1)
    set_etag(response, 1)
    return Note(id=note_id, remark=None, written_at=write.at, **note.model_dump())


def _adding(first: int) -> str:
    values = ", ".join(f"${number}::{kind}" for number, kind in enumerate(FIELDS, first))
    into = "INSERT INTO notes (id, customer_id, title, stars, written_at)"
    return f"made AS ({into} VALUES ({values}) ON CONFLICT (title) DO NOTHING RETURNING id)"


@router.post("/batch", operation_id="notes_create_batch", response_model=BatchAnswer, response_model_exclude_none=True)
async def create_batch(batch: BatchRequest[NewNote], uow: Uow, _caller: Writer) -> Any:
    """Write many notes down."""
    results: list[ItemResult] = []
    for item in read_items(NEW_NOTE, batch.items):
        if isinstance(item, ItemResult):
            results.append(item)
            continue
        id_ = new_id("not")
        made = await uow.connection.fetchval(UPSERT, id_, item.customer_id, item.title, item.stars)
        results.append(created(id_) if made else existed(id_))
    return answer_body(results)


@router.get("", operation_id="notes_list")
async def list_notes(
    page: PageQuery, connection: Reads, _caller: Reader, begins: Annotated[str | None, Query(max_length=50)] = None
) -> Page[Note]:
    """List notes, newest first."""
    moment, id_ = page.key(datetime, str) or (None, None)
    rows = await connection.fetch(LIST, begins, moment, id_, page.fetch)
    return page.page(rows, key=lambda row: (row["written_at"], row["id"]), item=lambda row: Note.model_validate(dict(row)))


@router.get("/{note_id}", operation_id="notes_get", responses=problems(NoteNotFound))
async def get(note_id: str, connection: Reads, _caller: Reader, response: Response) -> Note:
    """Read a note."""
    row = await connection.fetchrow(FIND, note_id)
    if row is None:
        raise NoteNotFound
    set_etag(response, row["version"])
    return Note.model_validate(dict(row))


@router.patch("/{note_id}", operation_id="notes_update", responses=problems(NoteNotFound))
async def update(note_id: str, change: NoteChange, version: IfMatch, uow: Uow, _caller: Writer, response: Response) -> Note:
    """Change a note."""
    row = await uow.connection.fetchrow(f"{FIND} FOR UPDATE", note_id)
    if row is None:
        raise NoteNotFound
    check_version(version, row["version"])
    values = dict(row) | changes(change)
    row = await uow.connection.fetchrow(
        f"UPDATE notes SET title = $2, remark = $3, version = version + 1 WHERE id = $1 RETURNING {COLUMNS}",
        note_id,
        values["title"],
        values["remark"],
    )
    assert row is not None
    set_etag(response, row["version"])
    return Note.model_validate(dict(row))


@router.get("/of/{customer_id}", operation_id="notes_of_customer")
async def of_customer(customer_id: str, connection: Reads, _caller: OwnReader) -> list[Note]:
    """List a customer's notes; members may read their own."""
    rows = await connection.fetch(f"SELECT {COLUMNS} FROM notes WHERE customer_id = $1 LIMIT 100", customer_id)
    return [Note.model_validate(dict(row)) for row in rows]


failures = APIRouter(prefix="/v1/failures", tags=["failures"])


@failures.post("/{how}", operation_id="failures_fail", status_code=201)
async def fail(how: Literal["raise", "divide", "text", "overflow", "slow", "deferred"], uow: Uow, _caller: Writer) -> dict[str, str]:
    """Go wrong in a chosen way."""
    statements = {
        "divide": "SELECT 1 / 0",
        "slow": "SELECT pg_sleep(30)",
        "deferred": "INSERT INTO late (id) VALUES (1)",
    }
    if how == "raise":
        raise RuntimeError("a secret that must not leave")
    if how == "text":
        await uow.connection.execute("SELECT $1::text", "lone \ud800")
    if how == "overflow":
        await uow.connection.execute("SELECT $1::int", 2**40)
    await uow.connection.execute(statements[how])
    return {"how": how}

"""What can be done with imports."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from asyncpg import Record

from customers.attributes import service as attributes
from customers.audit.service import Entry
from customers.audit.service import record as audit
from customers.imports import job, repository
from customers.imports import undo as undo_job
from customers.imports.detection import detect_delimiter, detect_encoding
from customers.imports.errors import (
    EncodingUnknown,
    FileEmpty,
    FormatUnknown,
    ImportAlreadyUndone,
    ImportFileGone,
    ImportNotFinished,
    ImportNotFound,
    ImportNotPreviewed,
    ImportNotRunning,
    UploadMalformed,
)
from customers.imports.mapping import TARGETS, Link, check_header, check_links, matched_by, suggested
from customers.imports.records import Shape, read_header, skip_mark
from customers.imports.schemas import OPTIONS, FieldMapping, ImportOptions
from customers.imports.targets import ATTRIBUTES, IDENTITIES
from customers.imports.upload import Upload
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.http import Caller
from shared.http.jobs import cancel_job, enqueue

# What an upload leaves behind that never became an import.
_ORPHAN_AGE = timedelta(days=1)
_HAS_WRITTEN = frozenset({"succeeded", "failed", "cancelled"})
_ENDED = frozenset({"previewed", "succeeded", "failed", "cancelled", "undone"})
_JSON_OPTIONS = frozenset({"mapping", "dry_run"})


def read_options(given: Mapping[str, str]) -> ImportOptions:
    """Return the options that came as texts: parameters of the query, or parts of the form.

    Raises:
        ValidationError: some are not as described.
        UploadMalformed: one that holds JSON does not.
    """
    fields: dict[str, Any] = {}
    for name, text in given.items():
        if name == "options":
            fields |= _json(name, text)
        elif name in _JSON_OPTIONS:
            fields[name] = _json(name, text)
        else:
            fields[name] = text
    return OPTIONS.validate_python(fields)


def _json(name: str, text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise UploadMalformed("This is not JSON.", pointer=f"/{name}") from None


async def accept(uow: UnitOfWork, caller: Caller, upload: Upload, options: ImportOptions, keep_until: datetime) -> Record:
    """Queue the import of a file that has been taken in; return its row.

    Raises:
        FormatUnknown: and what else can be wrong with the file's beginning or with the mapping.
    """
    known = await attributes.catalogue(uow.connection)
    reading, match = await asyncio.to_thread(_reading, upload, options, known.unique)
    job_id = await enqueue(uow, job.KIND, {"import_id": upload.import_id}, caller=caller.principal, total=upload.size)
    action = "import_previewed" if options.dry_run else "customers_imported"
    await audit(uow.connection, [Entry(caller.principal, action, subject_id=upload.import_id)])
    start, first_row = reading["shape"]["start"], reading["shape"]["first_row"]
    common = (upload.import_id, job_id, caller.principal, options.dry_run, options.source, match, options.mode)
    return await repository.insert(uow.connection, (*common, reading, upload.size, upload.sha256, start, first_row, keep_until))


def _reading(upload: Upload, options: ImportOptions, unique: Sequence[str]) -> tuple[dict[str, Any], str]:
    """Return how the file is read, from its beginning, and what its rows are matched by."""
    kind = options.format or upload.format
    if kind is None:
        raise FormatUnknown(pointer="/format")
    sample = upload.sample
    encoding = options.encoding or detect_encoding(sample, whole=upload.is_whole)
    # UTF-16 was rewritten on its way in.
    encoding = "utf-8" if encoding == "utf-16" else encoding
    shape = Shape("ndjson" if kind == "ndjson" else "csv", encoding, start=skip_mark(sample) if encoding == "utf-8" else 0)
    if shape.format == "csv":
        shape = _with_header(shape, sample, options)
    links = _links(shape, sample, options)
    check_links(links, shape.columns, TARGETS)
    match = ",".join(matched_by(options.match, links, unique))
    return {"shape": asdict(shape), "links": [asdict(link) for link in links], "empty": options.empty}, match


def _with_header(shape: Shape, sample: bytes, options: ImportOptions) -> Shape:
    start, first_row = shape.start, 2
    try:
        text = sample[start:].decode(shape.encoding, "ignore" if len(sample) >= _CUT_BYTES else "strict")
        # A line that spreadsheets write for each other.
        if text[:4].lower() == "sep=":
            line = sample[start:].split(b"\n", 1)[0] + b"\n"
            start, first_row, text = start + len(line), 3, text.partition("\n")[2]
        delimiter = options.delimiter or detect_delimiter(text)
        columns, start = read_header(sample, shape.encoding, delimiter, start)
    except UnicodeDecodeError:
        raise EncodingUnknown(pointer="/encoding") from None
    if not columns:
        raise FileEmpty
    # Spreadsheets end rows with empty cells.
    while columns and not columns[-1]:
        columns.pop()
    check_header(columns)
    return replace(shape, delimiter=delimiter, columns=tuple(columns), start=start, first_row=first_row)


# A sample of this length may end within a character.
_CUT_BYTES = 262_144


def _links(shape: Shape, sample: bytes, options: ImportOptions) -> list[Link]:
    if options.mapping is None:
        return suggested(shape.columns or _names(sample), TARGETS)
    return [
        Link(column, target)
        if isinstance(target, str)
        else Link(column, target.field, tuple(target.transforms), target.date_format, _folded(target))
        for column, target in options.mapping.items()
    ]


def _folded(target: FieldMapping) -> dict[str, str]:
    return {name.casefold(): value for name, value in target.values.items()}


def _names(sample: bytes) -> Sequence[str]:
    """Return the names that the objects in a sample of NDJSON use; each of the interface's own fields is one."""
    names = dict.fromkeys(sorted(TARGETS))
    for line in sample.split(b"\n")[:1_000]:
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(value, dict):
            names |= dict.fromkeys(name for name in value if name.startswith((ATTRIBUTES, IDENTITIES)))
    return list(names)


async def found(connection: Connection, import_id: str) -> Record:
    """Return an import.

    Raises:
        ImportNotFound: there is none.
    """
    row = await repository.get(connection, import_id)
    if row is None:
        raise ImportNotFound
    return row


async def apply(uow: UnitOfWork, caller: Caller, import_id: str) -> Record:
    """Do in earnest what a dry run has found out.

    Raises:
        ImportNotFound: there is none.
        ImportNotPreviewed: it is no finished dry run.
        ImportFileGone: its time is over.
    """
    row = await _locked(uow, import_id)
    if row["status"] != "previewed":
        raise ImportNotPreviewed
    if not await repository.read_file(uow.connection, import_id, 0, 1):
        raise ImportFileGone
    job_id = await enqueue(uow, job.KIND, {"import_id": import_id}, caller=caller.principal, total=row["file_bytes"])
    await audit(uow.connection, [Entry(caller.principal, "customers_imported", subject_id=import_id)])
    await repository.drop_errors(uow.connection, import_id)
    shape = row["reading"]["shape"]
    return await repository.restart(uow.connection, import_id, job_id, shape["start"], shape["first_row"])


async def cancel(uow: UnitOfWork, import_id: str) -> Record:
    """Stop an import; what it has written so far stays, and can be undone.

    Raises:
        ImportNotFound: there is none.
        ImportNotRunning: it has ended already.
    """
    row = await _locked(uow, import_id)
    if row["status"] not in {"queued", "previewing", "running", "previewed"}:
        raise ImportNotRunning
    await cancel_job(uow.connection, row["job_id"], row["caller"])
    await repository.set_status(uow.connection, import_id, "cancelled")
    await repository.drop_file(uow.connection, import_id)
    return await found(uow.connection, import_id)


async def undo(uow: UnitOfWork, caller: Caller, import_id: str) -> Record:
    """Queue the undoing of an import.

    Raises:
        ImportNotFound: there is none.
        ImportAlreadyUndone: it is undone, or on its way.
        ImportNotFinished: it is at work, or was a dry run.
    """
    row = await _locked(uow, import_id)
    if row["status"] in {"undoing", "undone"}:
        raise ImportAlreadyUndone
    if row["status"] not in _HAS_WRITTEN or row["dry_run"]:
        raise ImportNotFinished
    made_or_changed = row["created"] + row["updated"]
    job_id = await enqueue(uow, undo_job.KIND, {"import_id": import_id}, caller=caller.principal, total=made_or_changed)
    await audit(uow.connection, [Entry(caller.principal, "import_undone", subject_id=import_id)])
    await repository.set_job(uow.connection, import_id, job_id)
    await repository.set_status(uow.connection, import_id, "undoing")
    return await found(uow.connection, import_id)


async def _locked(uow: UnitOfWork, import_id: str) -> Record:
    row = await repository.lock(uow.connection, import_id)
    if row is None:
        raise ImportNotFound
    return row


def has_ended(row: Record) -> bool:
    """Tell whether nothing more will happen to an import by itself."""
    return row["status"] in _ENDED


async def forget_expired(uow: UnitOfWork, now: datetime) -> bool:
    """Delete files and errors that have outlived their time, and uploads that never became an import; see `shared.messaging.passes`."""
    connection = uow.connection
    ids = await repository.expired(connection, now)
    orphans = await repository.orphans(connection, now - _ORPHAN_AGE)
    for import_id in (*ids, *orphans):
        await _forget(connection, import_id)
    return bool(ids or orphans)


async def _forget(connection: Connection, import_id: str) -> None:
    await repository.drop_file(connection, import_id)
    await repository.drop_errors(connection, import_id)
    await repository.forget_expiry(connection, import_id)


async def erase(connection: Connection, ids: list[str]) -> dict[str, int]:
    """Delete every file that waits for somebody: whoever is erased may be in it, written in any way, and it is quickly sent again.

    A file at work goes on and is deleted at its end; what it tells of the erased is refused as the policy on erased identities says.
    Errors of imports hold no values.
    """
    waiting = await repository.waiting_files(connection, ids)
    for import_id in waiting:
        await repository.set_status(connection, import_id, "cancelled", "customer_erased")
        await _forget(connection, import_id)
    return {"import_files": len(waiting)}


async def collect(connection: Connection, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return which imports have told something of customers."""
    return {"imports": [dict(row) for row in await repository.told_of(connection, ids)]}

"""How an import goes on, as server-sent events; and its errors, as a file."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Sequence

import orjson
from asyncpg import Record

from customers.imports import repository, service
from customers.imports.schemas import ImportCounts, ImportUndo
from shared.http.state import AppState

_FOLLOW_SECONDS = 0.3
# A comment now and then keeps proxies from cutting a quiet stream.
_QUIET_ROUNDS = 50
_ERRORS_A_ROUND = 5_000
_NAMES = ("row", "pointer", "code", "detail")


async def events(state: AppState, import_id: str, last: str | None) -> AsyncIterator[bytes]:
    """Yield the progress of an import until it ends."""
    quiet = 0
    while True:
        async with state.opened().acquire() as connection:
            row = await service.found(connection, import_id)
        name = f"{row['status']}-{row['position']}-{row['undone_to'] or ''}"
        if name != last:
            last, quiet = name, 0
            yield b"id: %b\nevent: progress\ndata: %b\n\n" % (name.encode(), _told(row))
        if service.has_ended(row) or state.draining:
            return
        quiet += 1
        if quiet % _QUIET_ROUNDS == 0:
            yield b": still here\n\n"
        await asyncio.sleep(_FOLLOW_SECONDS)


def _told(row: Record) -> bytes:
    told = {"status": row["status"], "progress": row["position"] / row["file_bytes"], **ImportCounts.model_validate(dict(row)).model_dump()}
    if row["status"] in ("undoing", "undone"):
        told["undo"] = ImportUndo.model_validate(dict(row)).model_dump()
    return orjson.dumps(told)


async def errors_file(state: AppState, import_id: str, *, as_csv: bool) -> AsyncIterator[bytes]:
    """Yield what is wrong with the rows of a file, in their order; a connection is lent for each part of it."""
    after = (-1, -1)
    if as_csv:
        yield _csv_line(_NAMES)
    while True:
        async with state.opened().acquire() as connection:
            rows = await repository.errors(connection, import_id, after, _ERRORS_A_ROUND)
        for row in rows:
            values = [row[name] for name in _NAMES]
            yield _csv_line(values) if as_csv else orjson.dumps(dict(zip(_NAMES, values, strict=True))) + b"\n"
        if len(rows) < _ERRORS_A_ROUND:
            return
        after = (rows[-1]["row"], rows[-1]["place"])


def _csv_line(values: Sequence[object]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(values)
    return out.getvalue().encode()

"""The job that writes the file of an export, page by page of the list."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from asyncpg import Record

from customers.attributes import service as attributes
from customers.exports import repository
from customers.exports.errors import ExportNotFound
from customers.exports.rules import COLUMNS, csv_lines, masked, ndjson_lines, picked
from customers.exports.schemas import ExportFilter
from customers.profiles import service as profiles
from customers.profiles.dependencies import CustomerFilter
from customers.profiles.repository import Listed
from customers.profiles.rules import FIELDS
from customers.search.rules import search_for
from shared.errors import DomainError
from shared.http.jobs import Job

KIND = "customers_export"
PAGE = 2_000
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UNFILTERED = ("q", "attributes")


class _Overtaken(Exception):
    """Somebody else writes the file, or it is void because a customer was erased who may be in it."""


async def run(job: Job) -> Mapping[str, Any]:
    """Write the file of an export; see `shared.service.JobFunction`. A killed one begins anew, and so does one that is void."""
    export_id = job.arguments["export_id"]
    while True:
        async with job.unit_of_work() as uow:
            row = await repository.begin(uow.connection, export_id)
        if row is None:
            raise ExportNotFound
        writer = _Writer(job, row)
        try:
            await writer.write()
            await writer.end("succeeded")
        except _Overtaken:
            async with job.database.acquire() as connection:
                if await repository.is_void(connection, export_id):
                    continue
            return {"export_id": export_id}
        except Exception as error:
            with suppress(_Overtaken):
                await writer.end("failed", error.code if isinstance(error, DomainError) else "internal_error")
            raise
        return {"export_id": export_id, "rows": writer.rows, "file_bytes": writer.size}


class _Writer:
    """Writes one file in pieces of one size.

    Attributes:
        rows: customers so far.
        size: bytes so far.
    """

    def __init__(self, job: Job, row: Record) -> None:
        self.rows = 0
        self.size = 0
        self._job = job
        self._export_id: str = row["id"]
        self._run: int = row["runs"]
        self._row = row
        self._buffer = bytearray()
        self._number = 0

    async def write(self) -> None:
        """Write the whole file."""
        wanted = _wanted(self._row["filter"])
        async with self._job.database.acquire() as connection:
            personal = (await attributes.catalogue(connection)).personal
        is_csv, fields = self._row["format"] == "csv", self._row["fields"]
        if is_csv:
            # Spreadsheets take a file without it for one in the machine's own code page.
            await self._add(_BYTE_ORDER_MARK + csv_lines([fields]))
        after: tuple[Any, ...] | None = None
        while True:
            async with self._job.database.acquire() as connection:
                page = await profiles.listed(connection, wanted, after, PAGE)
            await self._add(await asyncio.to_thread(_lines, page, fields, personal if self._row["masked"] else None, is_csv=is_csv))
            self.rows += len(page)
            await self._job.progress(self.rows)
            if len(page) < PAGE:
                break
            after = page[-1].sort_key
        await self._flush(0)

    async def end(self, status: str, error_code: str | None = None) -> None:
        """Say how it ended."""
        async with self._job.unit_of_work() as uow:
            if not await repository.end(uow.connection, self._export_id, self._run, status, self.rows, self.size, error_code):
                raise _Overtaken

    async def _add(self, content: bytes) -> None:
        self._buffer += content
        await self._flush(repository.PIECE_BYTES)

    async def _flush(self, least: int) -> None:
        while self._buffer and len(self._buffer) >= least:
            piece = bytes(self._buffer[: repository.PIECE_BYTES])
            del self._buffer[: repository.PIECE_BYTES]
            async with self._job.database.acquire() as connection:
                if not await repository.put_piece(connection, self._export_id, self._run, self._number, piece):
                    raise _Overtaken
            self._number += 1
            self.size += len(piece)


def _wanted(given: Mapping[str, Any]) -> CustomerFilter:
    told = ExportFilter.model_validate(given)
    values = {name: value for name, value in told if value is not None and name not in _UNFILTERED}
    return CustomerFilter(values, None if told.q is None else search_for(told.q), "created_at", told.attributes)


def _lines(page: Sequence[Listed], fields: Sequence[str], personal: frozenset[str] | None, *, is_csv: bool) -> bytes:
    rows = []
    for customer, _ in page:
        values: dict[str, Any] = {name: getattr(customer.profile, name) for name in FIELDS}
        if personal is not None:
            values = masked(values, personal)
        rows.append(picked(values | {name: getattr(customer, name) for name in _OWN}, fields))
    return csv_lines(rows) if is_csv else ndjson_lines(rows, fields)


_OWN = tuple(name for name in COLUMNS if name not in FIELDS)

"""The job that goes through a file: reads the next piece while the last one is written, and goes on where a killed one stopped."""

import asyncio
from collections.abc import Mapping
from datetime import date
from typing import Any

from asyncpg import DeadlockDetectedError, LockNotAvailableError, Record

from customers.attributes import service as attributes
from customers.attributes.rules import Catalogue
from customers.imports import repository, writing
from customers.imports.errors import ImportFileGone, ImportNotFound
from customers.imports.mapping import Link
from customers.imports.outcomes import OUTCOMES, SAMPLE_SIZE, Order
from customers.imports.records import MAX_RECORD_BYTES, Shape
from customers.imports.targets import identity_of
from customers.imports.validation import Parsed, Plan
from customers.imports.workers import Parse, reading
from shared.errors import DomainError
from shared.http.jobs import Job

KIND = "customers_import"
# As many as one transaction publishes events of, and few enough that it holds its locks for a moment only.
MAX_ROWS = 2_000
# More than the longest record, and about as much as so many rows take.
_READ_BYTES = 2 * MAX_RECORD_BYTES
# Between the attempts to write a piece.
_PAUSES_SECONDS = (0.1, 0.4, 1.6)
_RUNNING = frozenset({"queued", "previewing", "running"})


class _Stopped(Exception):
    """The import was cancelled, or another runner works on it."""


async def run(job: Job) -> Mapping[str, Any]:
    """Preview or apply an import; see `shared.service.JobFunction`."""
    import_id = job.arguments["import_id"]
    try:
        row = await _begin(job, import_id)
        await _go_through(job, row)
        return await _end(job, import_id)
    except _Stopped:
        return {"import_id": import_id, "status": "cancelled"}
    except DomainError as error:
        await _fail(job, import_id, error.code)
        raise
    except Exception:
        await _fail(job, import_id, "internal_error")
        raise


async def _begin(job: Job, import_id: str) -> Record:
    async with job.unit_of_work() as uow:
        row = await repository.lock(uow.connection, import_id)
        if row is None:
            raise ImportNotFound
        if row["status"] not in _RUNNING:
            raise _Stopped
        await repository.set_status(uow.connection, import_id, "previewing" if row["dry_run"] else "running")
    return row


async def _go_through(job: Job, row: Record) -> None:
    async with job.database.acquire() as connection:
        known = await attributes.catalogue(connection)
    plan = plan_of(row["reading"], row["match"], row["created_at"].date(), known)
    asked = (row["mode"], row["source"], row["caller"], row["dry_run"])
    notes = any(identity_of(link.field) is not None for link in plan.links)
    order = Order(row["id"], plan.match, *asked, known.required, plan.columns, notes)
    position, next_row, end = row["position"], row["next_row"], row["file_bytes"]
    async with reading(end - position) as parse:
        ahead = asyncio.ensure_future(_parsed(job, row["id"], plan, parse, position, next_row, end))
        try:
            while position < end:
                parsed = await ahead
                behind = (position + parsed.length, parsed.next_row)
                if behind[0] < end:
                    ahead = asyncio.ensure_future(_parsed(job, row["id"], plan, parse, *behind, end))
                await _persist(job, order, parsed, position, behind)
                position, next_row = behind
                await job.progress(position, end)
        finally:
            ahead.cancel()


async def _parsed(job: Job, import_id: str, plan: Plan, parse: Parse, position: int, next_row: int, end: int) -> Parsed:
    async with job.database.acquire() as connection:
        piece = await repository.read_file(connection, import_id, position, _READ_BYTES)
    if not piece:
        raise ImportFileGone
    return await parse(plan, piece, next_row, MAX_ROWS, position + len(piece) >= end)


async def _persist(job: Job, order: Order, parsed: Parsed, position: int, behind: tuple[int, int]) -> None:
    """Write a piece, again when another transaction was in the way."""
    for pause_seconds in _PAUSES_SECONDS:
        try:
            await _apply(job, order, parsed, position, behind)
        except (DeadlockDetectedError, LockNotAvailableError):
            await asyncio.sleep(pause_seconds)
        else:
            return
    await _apply(job, order, parsed, position, behind)


async def _apply(job: Job, order: Order, parsed: Parsed, position: int, behind: tuple[int, int]) -> None:
    """Write a piece and move the import behind it, in one transaction."""
    async with job.unit_of_work() as uow:
        row = await repository.lock(uow.connection, order.import_id)
        if row is None or row["status"] not in _RUNNING or row["position"] != position:
            raise _Stopped
        outcome = await writing.write(uow, order, parsed.drafts)
        for refused in dict.fromkeys(refusal.row for refusal in parsed.refusals):
            outcome.count("refused", refused)
        await repository.add_errors(uow.connection, order.import_id, [*parsed.refusals, *outcome.refusals])
        samples = {name: [*row["samples"].get(name, ()), *outcome.samples[name]][:SAMPLE_SIZE] for name in OUTCOMES}
        matched = {**row["matched"], **{target: row["matched"].get(target, 0) + rows for target, rows in outcome.matched.items()}}
        counts = [parsed.read, *(outcome.counts[name] for name in OUTCOMES)]
        if await repository.advance(uow.connection, order.import_id, position, behind, counts, samples, matched) is None:
            raise _Stopped


async def _end(job: Job, import_id: str) -> Mapping[str, Any]:
    async with job.unit_of_work() as uow:
        row = await repository.lock(uow.connection, import_id)
        if row is None or row["status"] not in _RUNNING:
            raise _Stopped
        status = "previewed" if row["dry_run"] else "succeeded"
        await repository.set_status(uow.connection, import_id, status)
        if status == "succeeded":
            # The file is of no more use, and full of personal data.
            await repository.drop_file(uow.connection, import_id)
        else:
            await repository.drop_keys(uow.connection, import_id)
    return {"import_id": import_id, "status": status, **{name: row[name] for name in ("rows_read", *OUTCOMES)}}


async def _fail(job: Job, import_id: str, code: str) -> None:
    async with job.unit_of_work() as uow:
        await repository.set_status(uow.connection, import_id, "failed", code)


def plan_of(reading: Mapping[str, Any], match: str, today: date, known: Catalogue) -> Plan:
    """Return the plan that was made when the file arrived."""
    shape = Shape(**{**reading["shape"], "columns": tuple(reading["shape"]["columns"])})
    links = tuple(Link(**{**link, "transforms": tuple(link["transforms"])}) for link in reading["links"])
    return Plan(shape, links, reading["empty"], tuple(match.split(",")), today, known)

"""Long work: accepted with 202, done by a runner that survives a kill, followed by polling or by server-sent events.

A job is a row. Runners claim rows with SKIP LOCKED and beat while they work; a row whose beat has stopped is claimed
again and goes on from its last progress. The time of the last beat is also the runner's right to write: one that was
paused and overtaken finds it changed, and stops.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from shared.database.pool import Connection, Database
from shared.database.unit_of_work import UnitOfWork
from shared.errors import DomainError, Unavailable
from shared.http.postgres_errors import translate
from shared.ids import new_id
from shared.service import JobFunction
from shared.telemetry import where

BEAT_SECONDS = 2.0
# Five missed beats: the runner is dead, or may be taken for it.
LEASE_SECONDS = 10.0
_POLL_SECONDS = 0.5

_log = structlog.get_logger("shared.http.jobs")

_ENQUEUE = "INSERT INTO jobs (id, kind, caller, arguments, total) VALUES ($1, $2, $3, $4, $5)"
# Oldest first, by the partial index on what waits or runs.
_CLAIM = """
UPDATE jobs SET status = 'running', heartbeat_at = clock_timestamp() WHERE id = (
    SELECT id FROM jobs
    WHERE kind = ANY($1::text[])
        AND (status = 'queued' OR (status = 'running' AND heartbeat_at < clock_timestamp() - make_interval(secs => $2)))
    ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id, kind, caller, arguments, done, total, heartbeat_at
"""
_BEAT = """
UPDATE jobs SET heartbeat_at = clock_timestamp(), done = $3, total = $4 WHERE id = $1 AND status = 'running' AND heartbeat_at = $2
RETURNING heartbeat_at
"""
_FINISH = """
UPDATE jobs SET status = $3, result = $4, error_code = $5, done = $6, total = $7, finished_at = clock_timestamp()
WHERE id = $1 AND status = 'running' AND heartbeat_at = $2
"""


_FIND = """
SELECT id, kind, status, done, total, result, error_code, created_at, finished_at FROM jobs WHERE id = $1 AND caller = $2
"""
_CANCEL = """
UPDATE jobs SET status = 'cancelled', finished_at = clock_timestamp() WHERE id = $1 AND caller = $2 AND status IN ('queued', 'running')
RETURNING id
"""


class _Lost(Exception):
    """The job was cancelled, or another runner has it."""


@dataclass
class Job:
    """A job at work, as its function sees it.

    Attributes:
        id: `job_…`.
        caller: principal who asked for it.
        arguments: what it was asked with.
        done: progress so far; above zero at the start when an earlier runner died.
        total: what `done` will be at the end, when known.
        database: for the function's own units of work.
    """

    id: str
    caller: str
    arguments: Mapping[str, Any]
    done: int
    total: int | None
    database: Database
    beaten_at: datetime
    _beating: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def progress(self, done: int, total: int | None = None) -> None:
        """Note how far the work has come; the function calls it after each step that it need not repeat."""
        self.done = done
        self.total = total if total is not None else self.total
        await self.beat()

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[UnitOfWork]:
        """Lend a transaction for one step of the work; it is committed when the block ends without an error."""
        async with UnitOfWork(self.database) as uow:
            yield uow
            await uow.commit()

    async def beat(self) -> None:
        """Show that the runner lives."""
        async with self._beating, self.database.acquire() as connection:
            beaten_at = await connection.fetchval(_BEAT, self.id, self.beaten_at, self.done, self.total)
        if beaten_at is None:
            raise _Lost
        self.beaten_at = beaten_at


async def enqueue(uow: UnitOfWork, kind: str, arguments: Mapping[str, Any], *, caller: str, total: int | None = None) -> str:
    """Queue a job in the caller's transaction and return its id.

    Args:
        uow: commits it.
        kind: name in the service's table of jobs.
        arguments: JSON; no personal data beyond what the job needs.
        caller: `Caller.principal`: he alone may follow and cancel it.
        total: what its progress will be at the end, when known.
    """
    job_id = new_id("job")
    await uow.connection.execute(_ENQUEUE, job_id, kind, caller, dict(arguments), total)
    return job_id


class JobRunner:
    """Does a service's jobs, one at a time."""

    def __init__(self, database: Database, functions: Mapping[str, JobFunction], *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._database = database
        self._functions = functions
        self._lease_seconds = lease_seconds

    async def run(self) -> None:
        """Do jobs until cancelled; what is under way then is taken up by another runner."""
        while True:
            try:
                worked = await self.run_one()
            except Unavailable:
                worked = False
            except Exception as error:
                if translate(error) is None:
                    raise
                worked = False
            if not worked:
                await asyncio.sleep(_POLL_SECONDS)

    async def run_one(self) -> bool:
        """Do the oldest job that waits and return whether there was one."""
        async with self._database.acquire() as connection:
            row = await connection.fetchrow(_CLAIM, list(self._functions), self._lease_seconds)
        if row is None:
            return False
        job = Job(row["id"], row["caller"], row["arguments"], row["done"], row["total"], self._database, row["heartbeat_at"])
        await self._work(job, self._functions[row["kind"]])
        return True

    async def _work(self, job: Job, function: JobFunction) -> None:
        working = asyncio.ensure_future(function(job))
        beating = asyncio.create_task(_beat(job, working))
        try:
            await self._finish(job, "succeeded", result=dict(await working))
        except _Lost:
            _log.info("job_lost", job=job.id)
        except asyncio.CancelledError:
            if not working.cancelled() or (task := asyncio.current_task()) is None or task.cancelling():
                working.cancel()
                raise
            _log.info("job_lost", job=job.id)
        except DomainError as error:
            await self._finish(job, "failed", error_code=error.code)
        except Exception as error:  # noqa: BLE001 - a job that breaks must not end the runner
            _log.error("job_failed", job=job.id, error=type(error).__name__, raised_at=where(error))
            await self._finish(job, "failed", error_code="internal_error")
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating

    async def _finish(self, job: Job, status: str, *, result: Mapping[str, Any] | None = None, error_code: str | None = None) -> None:
        async with job._beating, self._database.acquire() as connection:  # noqa: SLF001 - the two belong together
            await connection.execute(_FINISH, job.id, job.beaten_at, status, result, error_code, job.done, job.total)


async def _beat(job: Job, working: "asyncio.Future[Any]") -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        try:
            await job.beat()
        except _Lost:
            working.cancel()
            return
        except Unavailable:
            continue


async def find_job(connection: Connection, job_id: str, caller: str) -> Mapping[str, Any] | None:
    """Return a caller's job, or None."""
    return await connection.fetchrow(_FIND, job_id, caller)


async def cancel_job(connection: Connection, job_id: str, caller: str) -> bool:
    """Cancel a caller's job that is not finished; its runner stops at its next step. Return whether it was cancelled."""
    return await connection.fetchval(_CANCEL, job_id, caller) is not None

"""Remembers who read contact data, and writes it down in batches beside the requests, so that no read waits for it."""

import asyncio
from typing import Annotated

import structlog
from fastapi import Depends
from starlette.requests import Request

from customers.audit import repository
from customers.audit.repository import Entry
from shared.database.pool import Connection, code_of
from shared.errors import Unavailable
from shared.http.state import AppState, state_of

# What is not written yet after this time is lost when the process is killed.
_FLUSH_SECONDS = 0.05
_RETRY_SECONDS = 1.0
_BATCH = 1_000
# While the log cannot be written nobody reads for long.
_MAX_WAITING = 50_000

_log = structlog.get_logger(__name__)


class ReadLog:
    """What was read by one process and is not written down yet."""

    def __init__(self, state: AppState) -> None:
        self._state = state
        self._waiting: list[Entry] = []
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def note(self, *entries: Entry) -> None:
        """Remember reads; they are in the log soon after.

        Raises:
            Unavailable: so many are not written yet that no more are allowed.
        """
        if len(self._waiting) > _MAX_WAITING:
            raise Unavailable(retry_after_seconds=1)
        self._waiting.extend(entries)
        if self._waiting and self._task is None:
            self._task = asyncio.create_task(self._write_soon())
            self._state.tasks.add(self._task)

    async def flush(self) -> None:
        """Write down all that is remembered."""
        if self._waiting:
            async with self._state.opened().acquire() as connection:
                await self.flush_with(connection)

    async def flush_with(self, connection: Connection) -> None:
        """Write down all that is remembered, through a connection that is at hand."""
        async with self._writing:
            while self._waiting:
                batch = self._waiting[:_BATCH]
                await repository.record(connection, batch)
                del self._waiting[: len(batch)]

    async def _write_soon(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(_FLUSH_SECONDS)
                await self._try_to_flush()
        except asyncio.CancelledError:
            # The service stops; its connections are closed after its tasks.
            await self._try_to_flush()
            raise
        finally:
            if self._task is not None:
                self._state.tasks.discard(self._task)
            self._task = None

    async def _try_to_flush(self) -> None:
        try:
            await self.flush()
        except (Unavailable, OSError, TimeoutError) as error:
            _log.warning("the audit log waits", error=code_of(error))
            await asyncio.sleep(_RETRY_SECONDS)


async def _read_log(request: Request) -> ReadLog:
    kept = request.app.state
    if not hasattr(kept, "read_log"):
        kept.read_log = ReadLog(state_of(request))
    return kept.read_log


Readings = Annotated[ReadLog, Depends(_read_log)]

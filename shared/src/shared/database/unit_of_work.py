"""One transaction, and the events that it causes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from shared.contracts.base import Event
from shared.database.pool import Connection, Database
from shared.envelope import Envelope
from shared.errors import DomainError
from shared.ids import new_uuid
from shared.messaging.failpoints import failpoint
from shared.messaging.outbox import Alongside, PendingEvent, copy_events, write_events
from shared.telemetry import current_traceparent

# A transaction that causes more events than this is a batch that must be cut.
MAX_EVENTS = 20_000


@dataclass(frozen=True, slots=True)
class Origin:
    """Why a unit of work runs.

    Attributes:
        traceparent: W3C trace context, stored with each event so that its handlers join the trace.
    """

    traceparent: str | None = None


class UnitOfWork:
    """A transaction at whose commit the published events are written beside the rows that they tell of.

    Only the edge (the request, the consumed batch, a command) enters and commits it. Leaving it without `commit`
    rolls back.
    """

    def __init__(self, database: Database, *, origin: Origin | None = None, after_commit: Callable[[], None] | None = None) -> None:
        self._database = database
        self._origin = origin or Origin()
        self._after_commit = after_commit
        self._events: list[PendingEvent] = []
        self._caused_events = False
        self._when_refused: list[Callable[[UnitOfWork], Awaitable[None]]] = []
        self._connection: Connection | None = None
        self._finished = False

    @property
    def connection(self) -> Connection:
        """The connection inside the transaction; for repositories only."""
        if self._connection is None:
            raise RuntimeError("the unit of work is not entered")
        return self._connection

    def publish(self, event: Event, *, sequence: int, cause: Envelope | None = None) -> UUID:
        """Announce that something happened; it is stored at the commit and sent after it.

        Args:
            event: what happened.
            sequence: its number within the aggregate, drawn from the aggregate's locked row: 1, 2, 3 … without gaps.
            cause: the event that a handler answers with this one; its trace goes on.

        Returns:
            The event's id.
        """
        if len(self._events) >= MAX_EVENTS:
            raise ValueError(f"more than {MAX_EVENTS} events in one transaction")
        event_id = new_uuid()
        trace = cause.traceparent if cause is not None else current_traceparent.get() or self._origin.traceparent
        self._events.append(PendingEvent(event_id, event, sequence, trace))
        return event_id

    def when_refused(self, work: Callable[["UnitOfWork"], Awaitable[None]]) -> None:
        """Do something, in a transaction of its own, in case a domain error undoes this one: a failed attempt counts all the same.

        Args:
            work: gets a new unit of work, which is committed after it.
        """
        self._when_refused.append(work)

    async def publish_lines(self, lines: Sequence[str], ending: str) -> None:
        """Announce many things of one kind that were prepared beforehand, each the first event of its aggregate or numbered under its lock.

        Args:
            lines: from `event_line`, at most `MAX_EVENTS`.
            ending: what ends the payload of each.
        """
        if len(lines) > MAX_EVENTS:
            raise ValueError(f"more than {MAX_EVENTS} events in one transaction")
        # What was published before is sent before.
        await self.flush()
        if lines:
            self._caused_events = True
            await copy_events(self.connection, lines, ending, current_traceparent.get() or self._origin.traceparent)

    async def flush(self, alongside: Alongside | None = None) -> None:
        """Write the events published so far, and a row beside them; the commit does it anyway."""
        if self._events:
            events, self._events = self._events, []
            self._caused_events = True
            await write_events(self.connection, events, alongside)
        elif alongside is not None:
            await self.connection.execute(alongside.alone, *alongside.arguments)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo, when the block raises, what was written and published in it; the transaction itself goes on."""
        await self.flush()
        try:
            async with self.connection.transaction():
                yield
        except BaseException:
            self._events.clear()
            raise

    async def commit(self, alongside: Alongside | None = None) -> None:
        """Write the published events and commit.

        Args:
            alongside: a last row, written in the round trip of the events.
        """
        failpoint("unit_of_work.before_events")
        await self.flush(alongside)
        failpoint("unit_of_work.before_commit")
        # Over, whatever COMMIT answers: a transaction whose commit failed cannot be rolled back.
        self._finished = True
        await _to_the_end(self._transaction.commit())
        failpoint("unit_of_work.after_commit")
        if self._caused_events and self._after_commit is not None:
            self._after_commit()

    async def __aenter__(self) -> Self:
        self._lease = self._database.acquire()
        self._connection = await self._lease.__aenter__()
        self._transaction = self._connection.transaction()
        try:
            await self._transaction.start()
        except BaseException as error:
            self._finished = True
            await self._lease.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        try:
            if not self._finished and not self.connection.is_closed():
                await _to_the_end(self._transaction.rollback())
        finally:
            self._connection = None
            await self._lease.__aexit__(kind, error, traceback)
        if isinstance(error, DomainError):
            await self._note_refusal()

    async def _note_refusal(self) -> None:
        for work in self._when_refused:
            async with UnitOfWork(self._database, origin=self._origin, after_commit=self._after_commit) as uow:
                await work(uow)
                await uow.commit()


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Await work that must not be cut short: once COMMIT is on the wire its outcome is awaited, whoever gave up waiting."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        raise

"""One transaction, and the events that it causes."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from shared.contracts.base import Event
from shared.database.pool import Connection, Database
from shared.ids import new_uuid
from shared.messaging.outbox import PendingEvent, write_events

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
        self._stack = AsyncExitStack()
        self._events: list[PendingEvent] = []
        self._connection: Connection | None = None
        self._finished = False

    @property
    def connection(self) -> Connection:
        """The connection inside the transaction; for repositories only."""
        if self._connection is None:
            raise RuntimeError("the unit of work is not entered")
        return self._connection

    def publish(self, event: Event, *, sequence: int) -> UUID:
        """Announce that something happened; it is stored at the commit and sent after it.

        Args:
            event: what happened.
            sequence: its number within the aggregate, drawn from the aggregate's locked row: 1, 2, 3 … without gaps.

        Returns:
            The event's id.
        """
        if len(self._events) >= MAX_EVENTS:
            raise ValueError(f"more than {MAX_EVENTS} events in one transaction")
        event_id = new_uuid()
        self._events.append(PendingEvent(event_id, event, sequence, self._origin.traceparent))
        return event_id

    async def flush(self) -> None:
        """Write the events published so far; the commit does it anyway."""
        if self._events:
            events, self._events = self._events, []
            await write_events(self.connection, events)

    async def commit(self) -> None:
        """Write the published events and commit."""
        caused_events = bool(self._events)
        await self.flush()
        # Shielded: once COMMIT is on the wire its outcome must be awaited, whoever gave up waiting.
        await asyncio.shield(self._transaction.commit())
        self._finished = True
        if caused_events and self._after_commit is not None:
            self._after_commit()

    async def __aenter__(self) -> Self:
        self._connection = await self._stack.enter_async_context(self._database.acquire())
        self._transaction = self._connection.transaction()
        try:
            await self._transaction.start()
        except BaseException:
            self._finished = True
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        try:
            if not self._finished and not self.connection.is_closed():
                await asyncio.shield(self._transaction.rollback())
        finally:
            self._connection = None
            await self._stack.aclose()

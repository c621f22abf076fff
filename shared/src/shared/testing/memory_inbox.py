"""A consumer's tables in memory: passes the same contract suite as Postgres, and dies with the process that uses it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from shared.contracts.base import Event
from shared.envelope import Envelope, Received
from shared.messaging.failures import Overtaken
from shared.messaging.gate import Arrival, Known, Reason
from shared.messaging.ports import Outcome
from shared.testing.memory_outbox import Step, no_step

_WAIT_SECONDS = 0.005


@dataclass
class InboxTables:
    """What the tables of one consumer hold, with the effects of its handlers.

    Attributes:
        inbox: ids received.
        versions: number of the last event applied, by stream.
        kept: kept events in the order they came, and why.
        dead: status of each dead letter.
        effects: events applied, in order.
        caused: events published by handlers.
    """

    inbox: set[UUID] = field(default_factory=set)
    versions: dict[str, int] = field(default_factory=dict)
    kept: dict[UUID, tuple[Arrival, Reason]] = field(default_factory=dict)
    dead: dict[UUID, str] = field(default_factory=dict)
    effects: list[Envelope] = field(default_factory=list)
    caused: list[UUID] = field(default_factory=list)
    transactions: "list[MemoryInboxTransaction]" = field(default_factory=list)


@dataclass
class MemoryUnitOfWork:
    """What handlers get in place of a unit of work."""

    effects: list[Envelope] = field(default_factory=list)
    caused: list[UUID] = field(default_factory=list)

    def write(self, received: Received[Any]) -> None:
        """Have an effect."""
        self.effects.append(received.envelope)

    def publish(self, _event: Event, *, sequence: int, cause: Envelope) -> None:
        """Cause an event."""
        del sequence
        self.caused.append(cause.id)


class MemoryInboxStore:
    """See `ports.InboxStore`."""

    transaction_class: "type[MemoryInboxTransaction]"

    def __init__(self, tables: InboxTables, step: Step = no_step) -> None:
        self.tables = tables
        self.step = step

    @asynccontextmanager
    async def begin(self, *, alone: bool = False) -> AsyncIterator[Any]:
        """See `InboxStore.begin`."""
        await self.step()
        transaction = self.transaction_class(self.tables, self.step, alone=alone)
        running = self.tables.transactions
        while any(other.alone or alone for other in running):
            await asyncio.sleep(_WAIT_SECONDS)
            await self.step()
        running.append(transaction)
        try:
            yield transaction
        finally:
            running.remove(transaction)


class MemoryInboxTransaction:
    """See `ports.InboxTransaction`."""

    def __init__(self, tables: InboxTables, step: Step, *, alone: bool) -> None:
        self.alone = alone
        self.tables = tables
        self.step = step
        self.marked: set[UUID] = set()
        self.outcome = Outcome()
        self.unit: Any = MemoryUnitOfWork()

    @property
    def unit_of_work(self) -> Any:
        """See `InboxTransaction.unit_of_work`."""
        return self.unit

    async def admit(self, arrivals: Sequence[Arrival]) -> Known:
        """See `InboxTransaction.admit`."""
        await self.step()
        refused: set[UUID] = set()
        for event_id in sorted({arrival.envelope.id for arrival in arrivals}):
            # An insert waits for the other transaction that has inserted the same and not ended.
            while any(event_id in other.marked for other in self.tables.transactions if other is not self):
                await asyncio.sleep(_WAIT_SECONDS)
                await self.step()
            if event_id in self.tables.inbox:
                refused.add(event_id)
            else:
                self.marked.add(event_id)
        keys = {arrival.envelope.key for arrival in arrivals}
        blocked = frozenset(
            e.envelope.key for e, reason in self.tables.kept.values() if reason is not Reason.EARLY and e.envelope.key in keys
        )
        known = await self.known(arrivals)
        return Known(frozenset(refused), known.versions, blocked, known.early)

    async def kept(self, key: str) -> Sequence[Arrival]:
        """See `InboxTransaction.kept`."""
        await self.step()
        return [event for event, reason in self.tables.kept.values() if reason is not Reason.EARLY and event.envelope.key == key]

    async def known(self, arrivals: Sequence[Arrival]) -> Known:
        """See `InboxTransaction.known`."""
        streams = {arrival.stream for arrival in arrivals}
        versions = {stream: self.tables.versions[stream] for stream in streams if stream in self.tables.versions}
        early = [event for event, reason in self.tables.kept.values() if reason is Reason.EARLY and event.stream in streams]
        return Known(versions=versions, early=early)

    async def settle(self, outcome: Outcome) -> None:
        """See `InboxTransaction.settle`."""
        await self.step()
        if any(self.tables.versions.get(stream, 0) != old for stream, (old, _) in outcome.versions.items()):
            raise Overtaken
        self.outcome = outcome

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """See `InboxTransaction.savepoint`."""
        await self.step()
        effects, caused = len(self.unit.effects), len(self.unit.caused)
        try:
            yield
        except BaseException:
            del self.unit.effects[effects:], self.unit.caused[caused:]
            raise

    async def commit(self) -> None:
        """See `InboxTransaction.commit`."""
        await self.step()
        tables, outcome = self.tables, self.outcome
        if any(tables.versions.get(stream, 0) != old for stream, (old, _) in outcome.versions.items()) or self._misses_one():
            raise Overtaken
        tables.inbox |= self.marked
        tables.versions.update((stream, new) for stream, (_, new) in outcome.versions.items())
        for event, reason in outcome.park:
            tables.kept[event.envelope.id] = (event._replace(parked=True), reason)
        tables.dead.update((dead.arrival.envelope.id, "dead") for dead in outcome.dead)
        tables.dead.update((record.id, "dead") for record in outcome.malformed)
        for event_id in outcome.forget:
            tables.kept.pop(event_id, None)
            if event_id in tables.dead:
                tables.dead[event_id] = "discarded" if event_id in outcome.discarded else "redriven"
        tables.effects.extend(self.unit.effects)
        tables.caused.extend(self.unit.caused)

    def _misses_one(self) -> bool:
        """Whether another worker has kept, as too early, the very event that follows."""
        settled = {event.envelope.id for event, _ in self.outcome.park} | set(self.outcome.forget)
        reached = self.outcome.reached
        return any(
            reason is Reason.EARLY and event.stream in reached and event.envelope.sequence == reached[event.stream] + 1
            for event, reason in self.tables.kept.values()
            if event.envelope.id not in settled
        )


MemoryInboxStore.transaction_class = MemoryInboxTransaction

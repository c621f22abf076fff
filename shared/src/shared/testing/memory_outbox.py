"""The outbox in memory: passes the same contract suite as Postgres, and dies with the process that uses it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from shared.envelope import Message
from shared.messaging.outbox import bucket_of
from shared.messaging.ports import Anchor, Backlog, Memory, OutboxRow
from shared.messaging.transport import Partition

# What every access waits for: time passes, faults strike, the process may turn out to be dead.
Step = Callable[[], Awaitable[None]]


async def no_step() -> None:
    """Let no time pass."""


@dataclass
class OutboxTables:
    """What `event_log`, `outbox_pending` and `broker_offsets` hold."""

    log: dict[int, OutboxRow] = field(default_factory=dict)
    pending: dict[int, OutboxRow] = field(default_factory=dict)
    held: set[int] = field(default_factory=set)
    epoch: int = 1
    anchors: dict[Partition, Anchor] = field(default_factory=dict)
    owners: dict[int, object] = field(default_factory=dict)
    relays: list[object] = field(default_factory=list)
    last_position: int = 0

    def draw_position(self) -> int:
        """Return the next position; it is used up whether or not its transaction commits."""
        self.last_position += 1
        return self.last_position

    def commit(self, rows: Sequence[tuple[int, Message]]) -> None:
        """Make events of one transaction visible."""
        for position, message in rows:
            row = OutboxRow(bucket_of(message.key.decode()), position, message)
            self.log[position] = row
            self.pending[position] = row

    def requeue(self) -> int:
        """Queue the whole log again."""
        queued = len(self.log.keys() - self.pending.keys())
        self.pending = {position: self.log[position] for position in sorted(self.log)}
        return queued


class MemoryOutbox:
    """See `ports.RelayStore`."""

    def __init__(self, tables: OutboxTables, step: Step = no_step) -> None:
        self.tables = tables
        self.is_connected = True
        self._step = step

    async def step(self) -> None:
        """Let the time of a round trip pass."""
        await self._step()
        if not self.is_connected:
            raise ConnectionResetError

    @classmethod
    @asynccontextmanager
    async def open(cls, tables: OutboxTables, step: Step, on_notify: Callable[[], None]) -> AsyncIterator[Any]:
        """Connect, as `PostgresOutbox.open`; nothing notifies."""
        del on_notify
        store = cls(tables, step)
        await step()
        tables.relays.append(store)
        try:
            yield store
        finally:
            store.disconnect()

    def disconnect(self) -> None:
        """Let go of all locks, as the database does when the connection is gone."""
        self.is_connected = False
        self.tables.relays = [relay for relay in self.tables.relays if relay is not self]
        self.tables.owners = {bucket: owner for bucket, owner in self.tables.owners.items() if owner is not self}

    async def pending(self, buckets: Sequence[int], limit: int) -> Sequence[OutboxRow]:
        """See `OutboxStore.pending`."""
        await self.step()
        wanted = set(buckets)
        rows = (self.tables.pending[position] for position in sorted(self.tables.pending) if position not in self.tables.held)
        return [row for row in rows if row.bucket in wanted][:limit]

    async def settle(self, epoch: int, sent: Sequence[OutboxRow], held: Sequence[OutboxRow], anchors: Mapping[Partition, Anchor]) -> None:
        """See `OutboxStore.settle`."""
        await self.step()
        if epoch != self.tables.epoch:
            return
        for row in sent:
            self.tables.pending.pop(row.position, None)
        self.tables.held.update(row.position for row in held)
        for place, anchor in anchors.items():
            self.tables.anchors.setdefault(place, anchor)

    async def held_keys(self) -> frozenset[bytes]:
        """See `OutboxStore.held_keys`."""
        await self.step()
        return frozenset(self.tables.log[position].message.key for position in self.tables.held)

    async def memory(self) -> Memory:
        """See `OutboxStore.memory`."""
        await self.step()
        return Memory(self.tables.epoch, dict(self.tables.anchors))

    async def move_anchors(self, epoch: int, anchors: Mapping[Partition, Anchor]) -> None:
        """See `OutboxStore.move_anchors`."""
        await self.step()
        for place, anchor in anchors.items():
            if epoch == self.tables.epoch and place in self.tables.anchors and self.tables.anchors[place].offset < anchor.offset:
                self.tables.anchors[place] = anchor

    async def requeue_all(self, epoch: int) -> int:
        """See `OutboxStore.requeue_all`."""
        await self.step()
        if self.tables.epoch != epoch:
            return 0
        self.tables.epoch += 1
        self.tables.anchors.clear()
        return self.tables.requeue()

    async def relays(self) -> int:
        """See `BucketLocks.relays`."""
        await self.step()
        return len(self.tables.relays)

    async def take(self, bucket: int) -> bool:
        """See `BucketLocks.take`."""
        await self.step()
        return self.tables.owners.setdefault(bucket, self) is self

    async def give_up(self, bucket: int) -> None:
        """See `BucketLocks.give_up`."""
        await self.step()
        if self.tables.owners.get(bucket) is self:
            del self.tables.owners[bucket]

    async def backlog(self) -> Backlog:
        """See `RelayStore.backlog`."""
        return Backlog(len(self.tables.pending), len(self.tables.held), 0.0)

"""What relay and consumer need of their tables: Postgres in production, memory in the simulation."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol
from uuid import UUID

from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Message
from shared.messaging.decode import Malformed
from shared.messaging.gate import Arrival, Known, Reason
from shared.messaging.transport import Partition


class OutboxRow(NamedTuple):
    """An event that waits to be sent."""

    bucket: int
    position: int
    message: Message


class Anchor(NamedTuple):
    """A record that the broker acknowledged, and must still have or have deleted because of its age."""

    offset: int
    event_id: UUID


class Memory(NamedTuple):
    """What is remembered of the broker.

    Attributes:
        epoch: grows each time all events are sent again.
        anchors: one record of each partition written to since then.
    """

    epoch: int
    anchors: Mapping[Partition, Anchor]


class OutboxStore(Protocol):
    """The outbox as its relay sees it."""

    async def pending(self, buckets: Sequence[int], limit: int) -> Sequence[OutboxRow]:
        """Return the oldest events of these buckets, those of a bucket in order, without the held ones."""
        ...

    async def settle(self, epoch: int, sent: Sequence[OutboxRow], held: Sequence[OutboxRow], anchors: Mapping[Partition, Anchor]) -> None:
        """Unless the epoch is over: forget what was sent, hold what must wait, and anchor the partitions that have no anchor."""
        ...

    async def held_keys(self) -> frozenset[bytes]:
        """Return the keys that have held events."""
        ...

    async def memory(self) -> Memory:
        """Return what is remembered of the broker."""
        ...

    async def move_anchors(self, epoch: int, anchors: Mapping[Partition, Anchor]) -> None:
        """Remember other records than before, unless the epoch is over."""
        ...

    async def requeue_all(self, epoch: int) -> int:
        """Begin the next epoch: queue every logged event again and forget all anchors.

        Returns:
            How many events were queued; 0 when another relay has done it.
        """
        ...


class BucketLocks(Protocol):
    """Who owns which bucket."""

    async def relays(self) -> int:
        """Return how many relays live, this one included."""
        ...

    async def take(self, bucket: int) -> bool:
        """Own a bucket from now on; False when another relay does."""
        ...

    async def give_up(self, bucket: int) -> None:
        """Own a bucket no more."""
        ...


class Backlog(NamedTuple):
    """What waits in the outbox; `pending` is counted up to 100,000."""

    pending: int
    held: int
    oldest_age_seconds: float


class RelayStore(OutboxStore, BucketLocks, Protocol):
    """All that a running relay needs; the locks go when it is closed."""

    async def backlog(self) -> Backlog:
        """Return what waits, for the metrics."""
        ...


@dataclass(frozen=True, slots=True)
class DeadEvent:
    """An event that its handler refuses.

    Attributes:
        arrival: the event.
        error: class of the error and where it was raised; never its message, which can hold values.
        fingerprint: the same for failures that are alike.
    """

    arrival: Arrival
    error: str
    fingerprint: str


@dataclass(slots=True)
class Outcome:
    """What a batch changes in the consumer's own tables.

    Attributes:
        versions: for each stream that moved, the number it was at and the one it is at now; twice the same for a stream whose event
            is kept as too early, so that whoever moves the stream meanwhile is noticed.
        park: events to keep and why; some may be kept already, for another reason.
        forget: ids of kept events that are applied, overtaken or discarded.
        dead: events that were refused; they are among `park`, too.
        malformed: records that are no events.
        discarded: dead events that somebody gave up.
    """

    versions: dict[str, tuple[int, int]] = field(default_factory=dict)
    park: list[tuple[Arrival, Reason]] = field(default_factory=list)
    forget: list[UUID] = field(default_factory=list)
    dead: list[DeadEvent] = field(default_factory=list)
    malformed: list[Malformed] = field(default_factory=list)
    discarded: list[UUID] = field(default_factory=list)

    @property
    def reached(self) -> dict[str, int]:
        """The streams that moved, and the number that each is at now."""
        return {stream: new for stream, (old, new) in self.versions.items() if new > old}


class InboxTransaction(Protocol):
    """One transaction of a consumer."""

    @property
    def unit_of_work(self) -> UnitOfWork:
        """What handlers write and publish through."""
        ...

    async def admit(self, arrivals: Sequence[Arrival]) -> Known:
        """Mark events as received and return what is known about them; their versions are locked."""
        ...

    async def kept(self, key: str) -> Sequence[Arrival]:
        """Return the dead event of a key and those behind it, in order."""
        ...

    async def known(self, arrivals: Sequence[Arrival]) -> Known:
        """Return what is known about kept events, leaving out that they were received and that their key is blocked."""
        ...

    async def settle(self, outcome: Outcome) -> None:
        """Write what the batch changes.

        Raises:
            Overtaken: another worker has moved one of the streams meanwhile.
        """
        ...

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """Undo, when the block raises, what was written and published in it."""
        ...

    async def commit(self) -> None:
        """Make everything so far last."""
        ...


class InboxStore(Protocol):
    """The tables of one consumer."""

    def begin(self, *, alone: bool = False) -> AbstractAsyncContextManager[InboxTransaction]:
        """Open a transaction; leaving the block without a commit undoes it.

        Args:
            alone: whether all other transactions of the consumer must end first, and wait until this one has ended.
        """
        ...

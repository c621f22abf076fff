"""The port to the broker: what relay and consumer need of it, and no more.

Two adapters stand behind it and pass one suite of contract tests: `kafka` (aiokafka) and `simulator` (seeded, in memory).
"""

import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from shared.envelope import Message


class Partition(NamedTuple):
    """A partition of a topic."""

    topic: str
    number: int


class Record(NamedTuple):
    """A message as it came from the broker."""

    partition: Partition
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Sent(NamedTuple):
    """What became of a batch of messages.

    Attributes:
        landed: for each partition written to, as far as is known, the offset of one message and that message's place in the batch.
        refused: places in the batch of the messages that the broker will never take; all others are acknowledged.
    """

    landed: Mapping[Partition, tuple[int, int]]
    refused: frozenset[int]


class TransportError(Exception):
    """The broker is away, slow or confused: what was asked may or may not have happened; ask again."""


class LostPartitions(TransportError):
    """The offsets were not committed: the partitions belong to another member by now."""


# Called before partitions are taken away; it returns when nothing of theirs is in the works any more.
OnRevoked = Callable[[frozenset[Partition]], Awaitable[None]]


class Producer(Protocol):
    """Sends messages. Every call ends within its own time limit."""

    async def send(self, messages: Sequence[Message]) -> Sent:
        """Send messages, those of a partition in their order, and wait until the broker has acknowledged all.

        Raises:
            TransportError: not all are known to be acknowledged, and some may be; the client starts afresh at the next call.
        """
        ...

    async def close(self) -> None:
        """Let go of the broker; never hangs, never raises."""
        ...


class Subscription(Protocol):
    """A member of a consumer group."""

    async def poll(self, timeout_seconds: float, max_records: int) -> Mapping[Partition, Sequence[Record]]:
        """Return the next records of the partitions assigned and not paused; empty when none came in time.

        Raises:
            TransportError: the client must be closed and another one subscribed.
        """
        ...

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Store the offsets from which the group goes on after a restart.

        Raises:
            LostPartitions: a partition belongs to another member.
            TransportError: the broker did not answer in time.
        """
        ...

    def pause(self, partitions: frozenset[Partition]) -> None:
        """Return no records of these partitions until `resume`, while staying a member of the group."""
        ...

    def resume(self, partitions: frozenset[Partition]) -> None:
        """Undo `pause`."""
        ...

    async def positions(self) -> Mapping[Partition, int]:
        """Return the offset that the next poll goes on from, for each assigned partition where it is known."""
        ...

    async def lag(self) -> Mapping[Partition, int]:
        """Return how many records of each assigned partition have not been polled, as far as is known.

        A negative number means that the broker has fewer records than were read: it lost some.
        """
        ...

    async def rewind(self, partitions: frozenset[Partition]) -> None:
        """Go on from the oldest record of these partitions.

        Raises:
            TransportError: the broker did not answer in time.
        """
        ...

    async def close(self) -> None:
        """Leave the group; never hangs, never raises."""
        ...


class Transport(Protocol):
    """A broker."""

    def producer(self) -> Producer:
        """Return a producer; it connects at its first call."""
        ...

    async def subscribe(self, group: str, topics: Sequence[str], on_revoked: OnRevoked) -> Subscription:
        """Join a consumer group, which starts at the oldest records when it is new.

        Raises:
            TransportError: the broker cannot be reached.
        """
        ...

    async def ensure_topics(self, topics: Sequence[str]) -> None:
        """Create the topics that are not there.

        Raises:
            TransportError: the broker cannot be reached or refuses.
        """
        ...

    async def end_offsets(self, topic: str) -> Mapping[Partition, int]:
        """Return an offset for each partition below which all records were written.

        It may lie below the true end by less than the broker's last batch.

        Raises:
            TransportError: the broker cannot be reached or has no such topic.
        """
        ...

    async def find(self, offsets: Mapping[Partition, int]) -> Mapping[Partition, Record | None]:
        """Return the record at an offset of each partition.

        Returns:
            None where the partition does not reach so far; nothing where the record was deleted because of its age.

        Raises:
            TransportError: the broker cannot be reached, or does not answer in time.
        """
        ...


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key, as librdkafka's partitioner `consistent` chooses it."""
    return zlib.crc32(key) % partitions

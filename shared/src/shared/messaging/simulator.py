"""A broker in memory whose every whim comes from a seed: the second adapter of the transport port.

It keeps Kafka's promises and no more: a partition keeps its order, an acknowledged record stays until the whole broker is lost,
a group gives each partition to one member at a time. All else may happen: requests and acknowledgements get lost, retries leave
duplicates, members are expelled while they work, and the broker comes back empty.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.envelope import Message
from shared.messaging.transport import (
    LostPartitions,
    OnRevoked,
    Partition,
    Producer,
    Record,
    Sent,
    Subscription,
    TransportError,
    partition_of,
)

MAX_MESSAGE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Faults:
    """How often things go wrong, as probabilities, and how long a step takes.

    Attributes:
        drop_request: a request never arrives.
        drop_acknowledgement: a request is obeyed, and its answer gets lost.
        duplicate: the records of a partition are written twice, as a retry without idempotence does.
        silent_partition: a fetch brings nothing of a partition that has records, as when its leader is slow.
        latency_seconds: mean time of a step.
    """

    drop_request: float = 0.0
    drop_acknowledgement: float = 0.0
    duplicate: float = 0.0
    silent_partition: float = 0.0
    latency_seconds: float = 0.0


class Host:
    """The process that a client lives in; it can die at any step, or stand still for a while."""

    def __init__(self) -> None:
        self.is_alive = True
        self._awake = asyncio.Event()
        self._awake.set()
        self._fuse: tuple[int, Callable[[], None]] | None = None

    @property
    def is_frozen(self) -> bool:
        """Whether it stands still, or will at its next step."""
        return not self._awake.is_set()

    def after(self, steps: int, act: Callable[[], None]) -> None:
        """Do something to the process after so many of its steps: a busy process is met at work, an idle one spared."""
        self._fuse = (steps, act)

    def die(self) -> None:
        """Let no further step of the process have an effect."""
        self.is_alive = False
        self._awake.set()

    def freeze(self) -> None:
        """Let the process stand still at its next step."""
        self._awake.clear()

    def thaw(self) -> None:
        """Let it go on, not knowing that time has passed; what was to strike it strikes no more."""
        self._fuse = None
        self._awake.set()

    async def step(self, seconds: float) -> None:
        """Let time pass; return only to a process that lives.

        Raises:
            asyncio.CancelledError: the process is dead; nothing of what it does counts any more.
        """
        await asyncio.sleep(seconds)
        if self._fuse is not None:
            steps, act = self._fuse
            self._fuse = (steps - 1, act) if steps else None
            if not steps:
                act()
        if not self._awake.is_set():
            await self._awake.wait()
        if not self.is_alive:
            raise asyncio.CancelledError


@dataclass
class _Group:
    generation: int = 0
    members: list["SimulatedSubscription"] = field(default_factory=list)
    committed: dict[Partition, int] = field(default_factory=dict)


class SimulatedBroker:
    """Topics, groups and their state.

    Args:
        seed: everything that chance decides follows from it.
        partitions: partitions of each topic.
        faults: what goes wrong.
    """

    def __init__(self, seed: int | str = 0, partitions: int = 4, faults: Faults | None = None) -> None:
        self.rng = random.Random(f"broker-{seed}")  # noqa: S311 - must be repeatable
        self.partitions = partitions
        self.faults = faults or Faults()
        self.logs: defaultdict[Partition, list[Record]] = defaultdict(list)
        self.topics: set[str] = set()
        self._groups: defaultdict[str, _Group] = defaultdict(_Group)
        # A dictionary keeps its order, which in a set depends on addresses.
        self._arrivals: dict[asyncio.Future[None], None] = {}

    def transport(self, host: Host | None = None) -> "SimulatedTransport":
        """Return a transport for the clients of one process."""
        return SimulatedTransport(self, host or Host())

    def wipe(self) -> None:
        """Come back empty: records and groups are gone. Producers do not notice; members are strangers and must join again."""
        self.logs.clear()
        for group in self._groups.values():
            group.committed.clear()
            group.generation += 1

    def add_partition(self) -> None:
        """Grow every topic by a partition: keys move, and events of one key may overtake each other."""
        self.partitions += 1
        self.expel_all()

    def expel_all(self) -> None:
        """Let every group give its partitions to other members, though the present ones are still at work."""
        for group in self._groups.values():
            group.generation += 1
            group.members = [*group.members[1:], *group.members[:1]]

    def places(self, topic: str) -> list[Partition]:
        """Return the partitions of a topic."""
        return [Partition(topic, number) for number in range(self.partitions)]

    def append(self, message: Message) -> tuple[Partition, int]:
        """Write a record; return its place."""
        place = Partition(message.topic, partition_of(message.key, self.partitions))
        log = self.logs[place]
        log.append(Record(place, len(log), message.key, message.value, message.headers))
        for waiter in self._arrivals:
            if not waiter.done():
                waiter.set_result(None)
        return place, len(log) - 1

    def group(self, name: str) -> _Group:
        """Return a consumer group, a new one at the first call."""
        return self._groups[name]

    def chance(self, probability: float) -> bool:
        """Return whether something of this probability happens now."""
        return probability > 0 and self.rng.random() < probability

    async def step(self, host: Host) -> None:
        """Let the time of one step pass for a process."""
        mean = self.faults.latency_seconds
        await host.step(self.rng.uniform(0, 2 * mean) if mean else 0)

    async def arrival(self, timeout_seconds: float) -> None:
        """Return when a record is written or the time is up."""
        waiter = asyncio.get_running_loop().create_future()
        self._arrivals[waiter] = None
        try:
            await asyncio.wait((waiter,), timeout=timeout_seconds)
        finally:
            del self._arrivals[waiter]


class SimulatedTransport:
    """See `transport.Transport`."""

    def __init__(self, broker: SimulatedBroker, host: Host) -> None:
        self._broker = broker
        self._host = host

    def producer(self) -> Producer:
        """See `Transport.producer`."""
        return SimulatedProducer(self._broker, self._host)

    async def subscribe(self, group: str, topics: Sequence[str], on_revoked: OnRevoked) -> Subscription:
        """See `Transport.subscribe`."""
        await self._request()
        return SimulatedSubscription(self._broker, self._host, group, topics, on_revoked)

    async def ensure_topics(self, topics: Sequence[str]) -> None:
        """See `Transport.ensure_topics`."""
        await self._request()
        self._broker.topics.update(topics)

    async def end_offsets(self, topic: str) -> Mapping[Partition, int]:
        """See `Transport.end_offsets`."""
        await self._request()
        if topic not in self._broker.topics:
            raise TransportError("the topic does not exist")
        return {place: len(self._broker.logs[place]) for place in self._broker.places(topic)}

    async def find(self, offsets: Mapping[Partition, int]) -> Mapping[Partition, Record | None]:
        """See `Transport.find`."""
        await self._request()
        logs = self._broker.logs
        return {place: logs[place][offset] if offset < len(logs[place]) else None for place, offset in offsets.items()}

    async def _request(self) -> None:
        await self._broker.step(self._host)
        if self._broker.chance(self._broker.faults.drop_request):
            raise TransportError("the request got lost")


class SimulatedProducer:
    """See `transport.Producer`."""

    def __init__(self, broker: SimulatedBroker, host: Host) -> None:
        self._broker = broker
        self._host = host

    async def send(self, messages: Sequence[Message]) -> Sent:
        """See `Producer.send`."""
        broker = self._broker
        refused = frozenset(place for place, message in enumerate(messages) if len(message.value) > MAX_MESSAGE_BYTES)
        parts: dict[Partition, list[int]] = {}
        for place, message in enumerate(messages):
            if place not in refused:
                target = Partition(message.topic, partition_of(message.key, broker.partitions))
                parts.setdefault(target, []).append(place)
        landed: dict[Partition, tuple[int, int]] = {}
        for target, part in parts.items():
            await broker.step(self._host)
            if broker.chance(broker.faults.drop_request):
                raise TransportError("the request got lost")
            for _ in range(2 if broker.chance(broker.faults.duplicate) else 1):
                offsets = [broker.append(messages[place])[1] for place in part]
                landed[target] = (offsets[0], part[0])
        await broker.step(self._host)
        if broker.chance(broker.faults.drop_acknowledgement):
            raise TransportError("the acknowledgement got lost")
        return Sent(landed, refused)

    async def close(self) -> None:
        """See `Producer.close`."""


class SimulatedSubscription:
    """See `transport.Subscription`."""

    def __init__(self, broker: SimulatedBroker, host: Host, group: str, topics: Sequence[str], on_revoked: OnRevoked) -> None:
        self._broker = broker
        self._host = host
        self._group = broker.group(group)
        self._topics = topics
        self._on_revoked = on_revoked
        self._generation = -1
        self._positions: dict[Partition, int] = {}
        self._paused: set[Partition] = set()
        self._group.members.append(self)
        self._group.generation += 1

    async def poll(self, timeout_seconds: float, max_records: int) -> Mapping[Partition, Sequence[Record]]:
        """See `Subscription.poll`."""
        await self._broker.step(self._host)
        await self._follow_group()
        found = self._fetch(max_records)
        if not found:
            await self._broker.arrival(timeout_seconds)
            await self._host.step(0)
            # Not after a change of the group: its new owner may be at work already.
            found = self._fetch(max_records) if self._is_current() else {}
        return found

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """See `Subscription.commit`."""
        await self._broker.step(self._host)
        if self._broker.chance(self._broker.faults.drop_request):
            raise TransportError("the request got lost")
        if not self._is_current():
            raise LostPartitions("another generation")
        self._group.committed.update(offsets)

    def pause(self, partitions: frozenset[Partition]) -> None:
        """See `Subscription.pause`."""
        self._paused |= partitions

    def resume(self, partitions: frozenset[Partition]) -> None:
        """See `Subscription.resume`."""
        self._paused -= partitions

    async def positions(self) -> Mapping[Partition, int]:
        """See `Subscription.positions`."""
        return dict(self._positions)

    async def lag(self) -> Mapping[Partition, int]:
        """See `Subscription.lag`."""
        return {place: len(self._broker.logs[place]) - position for place, position in self._positions.items()}

    async def rewind(self, partitions: frozenset[Partition]) -> None:
        """See `Subscription.rewind`."""
        self._positions.update((place, 0) for place in sorted(partitions) if place in self._positions)

    async def close(self) -> None:
        """See `Subscription.close`."""
        self.leave()

    def leave(self) -> None:
        """Be a member no more; also what the broker does with a member that has died."""
        if self in self._group.members:
            self._group.members.remove(self)
            self._group.generation += 1

    def _is_current(self) -> bool:
        return self in self._group.members and self._generation == self._group.generation

    async def _follow_group(self) -> None:
        """Take part in a rebalance that has happened meanwhile."""
        while not self._is_current():
            await self._on_revoked(frozenset(self._positions))
            await self._host.step(0)
            if self not in self._group.members:
                self._group.members.append(self)
                self._group.generation += 1
            self._generation = self._group.generation
            self._group.members = [member for member in self._group.members if member._host.is_alive]  # noqa: SLF001
            places = sorted(place for topic in self._topics for place in self._broker.places(topic))
            mine = self._group.members.index(self)
            taken = [place for number, place in enumerate(places) if number % len(self._group.members) == mine]
            self._positions = {place: self._group.committed.get(place, 0) for place in taken}
            self._paused.clear()

    def _fetch(self, max_records: int) -> dict[Partition, Sequence[Record]]:
        places = [place for place in self._positions if place not in self._paused]
        self._broker.rng.shuffle(places)
        found: dict[Partition, Sequence[Record]] = {}
        for place in places:
            start = self._positions[place]
            records = self._broker.logs[place][start : start + max_records]
            if records and max_records > 0 and not self._broker.chance(self._broker.faults.silent_partition):
                found[place] = records
                self._positions[place] = start + len(records)
                max_records -= len(records)
        return found

"""The event plumbing under a seeded nemesis: real relay and consumer code over a simulated broker, simulated tables and virtual time.

`python -m shared.testing.simulation --seeds 10000 [--first 0]` prints each seed that breaks a promise; the same seed replays the
same steps, byte for byte.
"""

import argparse
import asyncio
import hashlib
import logging
import random
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from shared.clock import FrozenClock
from shared.contracts.base import Event
from shared.contracts.customers import OrderPlaced, OrderReturned
from shared.envelope import Envelope, Message, Received, to_message
from shared.messaging.apply import Applier
from shared.messaging.consumer import Consumer
from shared.messaging.handlers import PermanentError
from shared.messaging.nudge import Nudge
from shared.messaging.relay import Relay
from shared.messaging.simulator import Faults, Host, SimulatedBroker
from shared.testing.memory_inbox import InboxTables, MemoryInboxStore, MemoryInboxTransaction
from shared.testing.memory_outbox import MemoryOutbox, OutboxTables
from shared.testing.virtual_loop import run_virtually

_TOPIC = "regulars.customers"
_START = datetime(2026, 3, 2, tzinfo=UTC)
_KEYS = ("cus_a", "cus_b", "cus_c")
_TRANSACTIONS = 8
_FAULTY_SECONDS = 5.0
_CALM_SECONDS = 200.0
# All must stay done for so long, so that a late duplicate still shows.
_AFTERMATH_SECONDS = 3.0
_LOOK_SECONDS = 0.25
# A process is struck within so many of its steps; an idle one may be spared.
_STEPS = 15
_FUSE_LOOKS = 100
_MAX_PARTITIONS = 5
# More often than in earnest, so that losses are found while others stand still.
_VERIFY_SECONDS = 0.4


@dataclass(frozen=True)
class Parts:
    """The classes that are simulated; a planted bug replaces one of them."""

    relay: type[Relay] = Relay
    consumer: type[Consumer] = Consumer
    applier: type[Applier] = Applier
    outbox: type[MemoryOutbox] = MemoryOutbox
    transaction: type[MemoryInboxTransaction] = MemoryInboxTransaction


@dataclass
class Committed:
    """An event whose transaction committed."""

    id: UUID
    stream: str
    key: str
    sequence: int
    position: int


@dataclass
class World:
    """Two relays, two consumers, two writers, an operator and a nemesis, all driven by one seed."""

    seed: int
    parts: Parts = field(default_factory=Parts)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)  # noqa: S311 - must be repeatable
        chance = self.rng.random
        faults = Faults(chance() * 0.1, chance() * 0.1, chance() * 0.2, chance() * 0.9, latency_seconds=0.002 + chance() * 0.02)
        self.broker = SimulatedBroker(self.seed, partitions=self.rng.choice((1, 2, 3)), faults=faults)
        self.outbox = OutboxTables()
        self.inbox = InboxTables()
        self.committed: list[Committed] = []
        self.sequences: dict[str, int] = {}
        self.streams: dict[str, str] = {}
        self.locks = {key: asyncio.Lock() for key in _KEYS}
        self.poisoned: set[UUID] = set()
        self.calm = False
        self.over = False
        self.running: dict[str, tuple[asyncio.Task[None], Host]] = {}
        self.stores: dict[str, list[Any]] = defaultdict(list)
        self.database_faults = chance() * 0.05
        self.may_wipe = chance() < 0.4
        self.may_grow = chance() < 0.5
        self.keys_moved = False
        self._digest = hashlib.blake2b(digest_size=16)

    def note(self, *what: object) -> None:
        """Add to the trace that two runs of one seed must share."""
        self._digest.update(f"{asyncio.get_running_loop().time():.9f} {what}\n".encode())

    @property
    def digest(self) -> str:
        """The fingerprint of all that happened."""
        return self._digest.hexdigest()

    def new_id(self) -> UUID:
        """Return an event id that follows from the seed."""
        return UUID(int=self.rng.getrandbits(128))

    async def database_step(self, host: Host) -> None:
        """Let a round trip to the database pass; sometimes it fails."""
        await host.step(self.rng.uniform(0, 0.01))
        if not self.calm and self.rng.random() < self.database_faults:
            raise ConnectionResetError

    async def relay(self, name: str, host: Host) -> None:
        """Be a relay process."""
        del name
        open_store = partial(self._open_outbox, host)
        relay = self.parts.relay(open_store, self.broker.transport(host), _TOPIC, Nudge(), rng=self.rng)
        relay.verify_seconds = _VERIFY_SECONDS
        await relay.run(asyncio.Event())

    def _open_outbox(self, host: Host, on_notify: Callable[[], None]) -> Any:
        return self.parts.outbox.open(self.outbox, partial(self.database_step, host), on_notify)

    def applier(self, host: Host) -> Applier:
        """Return the applier of a process."""
        store = MemoryInboxStore(self.inbox, partial(self.database_step, host))
        store.transaction_class = self.parts.transaction
        return self.parts.applier({OrderPlaced: self.handle, OrderReturned: self.handle}, store, FrozenClock(_START))

    async def consumer(self, name: str, host: Host) -> None:
        """Be a consumer process."""
        del name
        consumer = self.parts.consumer(self.broker.transport(host), self.applier(host), "simulated", [_TOPIC], rng=self.rng)
        await consumer.run(asyncio.Event())

    async def handle(self, unit: Any, events: Sequence[Received[Any]]) -> None:
        """Be the handler of every type: have one effect and cause one event for each."""
        for received in events:
            unit.write(received)
            if received.envelope.id in self.poisoned:
                raise PermanentError
            unit.publish(received.event, sequence=1, cause=received.envelope)
        await asyncio.sleep(self.rng.uniform(0, 0.02))

    async def write(self) -> None:
        """Commit transactions of one to three events of one customer; some roll back."""
        for _ in range(_TRANSACTIONS):
            await asyncio.sleep(self.rng.uniform(0, 2 * _FAULTY_SECONDS / _TRANSACTIONS * 0.8))
            key = self.rng.choice(_KEYS)
            async with self.locks[key]:
                events = [self._event(key, number) for number in range(self.rng.randint(1, 3))]
                rows: list[tuple[int, Message]] = []
                for committed, event in events:
                    committed.position = self.outbox.draw_position()
                    rows.append((committed.position, _message(committed, event)))
                    await asyncio.sleep(self.rng.uniform(0, 0.05))
                if self.rng.random() < 0.1:
                    for committed, _ in reversed(events):
                        self.sequences[committed.stream] -= 1
                    continue
                self._commit(rows, [committed for committed, _ in events])

    def _commit(self, rows: Sequence[tuple[int, Message]], events: Sequence[Committed]) -> None:
        self.outbox.commit(rows)
        self.committed.extend(events)
        self.poisoned.update(event.id for event in events if not self.calm and self.rng.random() < 0.08)
        self.note("commit", [row[0] for row in rows])

    def _event(self, key: str, number: int) -> tuple[Committed, Event]:
        order = f"ord_{key}_{self.rng.randint(1, 2)}_{number % 2}"
        stream = f"customers/order/{order}"
        self.sequences[stream] = sequence = self.sequences.get(stream, 0) + 1
        return Committed(self.new_id(), stream, key, sequence, 0), _order(order, key, first=sequence == 1)

    async def keep_alive(self, name: str, run: Callable[[str, Host], Awaitable[None]]) -> None:
        """Start a process again whenever it dies."""
        while not self.over:
            host = Host()
            task = asyncio.ensure_future(run(name, host))
            self.running[name] = (task, host)
            await asyncio.wait((task,))
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
            await asyncio.sleep(self.rng.uniform(0.05, 0.5))

    async def torment(self) -> None:
        """Kill, freeze, expel and wipe until the calm begins."""
        loop = asyncio.get_running_loop()
        while loop.time() < _FAULTY_SECONDS:
            await asyncio.sleep(self.rng.uniform(0.05, 0.8))
            name = self.rng.choice(("relay-1", "relay-2", "consumer-1", "consumer-2"))
            act = self.rng.choice((self.kill, self.kill, self.freeze, self.freeze, self.expel, self.wipe, self.grow))
            self.note(act.__name__, name)
            await act(name)

    async def kill(self, name: str) -> None:
        """End a process between two steps, without a word."""
        _, host = self.running[name]
        host.after(self.rng.randrange(_STEPS), host.die)

    async def freeze(self, name: str) -> None:
        """Let a process stand still until others have taken its place, then let it go on."""
        _, host = self.running[name]
        host.after(self.rng.randrange(_STEPS), host.freeze)
        for _ in range(_FUSE_LOOKS):
            if host.is_frozen:
                break
            await asyncio.sleep(0.01)
        if name.startswith("relay") and self.rng.random() < 0.5:
            for store in self.outbox.relays[:1]:
                store.disconnect()  # pyright: ignore[reportAttributeAccessIssue]
        if self.rng.random() < 0.5:
            await self.wipe(name)
        self.broker.expel_all()
        await asyncio.sleep(self.rng.uniform(0.05, 1.5))
        host.thaw()

    async def expel(self, _name: str) -> None:
        """Distribute the partitions anew."""
        self.broker.expel_all()

    async def wipe(self, _name: str) -> None:
        """Lose the broker."""
        if self.may_wipe:
            self.keys_moved = True
            self.broker.wipe()

    async def grow(self, _name: str) -> None:
        """Add a partition to the topic."""
        if self.may_grow and self.broker.partitions < _MAX_PARTITIONS:
            self.keys_moved = True
            self.broker.add_partition()

    async def operate(self) -> None:
        """Redrive dead keys; the cause of their failure is gone once the calm begins."""
        host = Host()
        while not self.over:
            await asyncio.sleep(self.rng.uniform(0.3, 1.0))
            if self.calm:
                self.poisoned.clear()
            dead = sorted({event.envelope.key for event, reason in self.inbox.kept.values() if reason == "dead"})
            for key in dead:
                try:
                    await self.applier(host).redrive(key)
                except OSError:
                    continue

    async def live(self) -> None:
        """Run the world to its end."""
        processes = {"relay-1": self.relay, "relay-2": self.relay, "consumer-1": self.consumer, "consumer-2": self.consumer}
        tasks = [asyncio.ensure_future(self.keep_alive(name, run)) for name, run in processes.items()]
        tasks += [asyncio.ensure_future(self.operate())]
        await asyncio.sleep(0)
        await asyncio.gather(self.write(), self.write(), self.torment())
        self.calm = True
        self.broker.faults = Faults(latency_seconds=0.005)
        deadline = asyncio.get_running_loop().time() + _CALM_SECONDS
        quiet = 0.0
        while quiet < _AFTERMATH_SECONDS and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(_LOOK_SECONDS)
            quiet = quiet + _LOOK_SECONDS if self.is_done() else 0.0
            for task in tasks:
                if task.done():
                    task.result()
        self.over = True
        self.note("end", [str(effect.id) for effect in self.inbox.effects])

    def is_done(self) -> bool:
        """Whether nothing is left to do, as far as the tables tell."""
        return not self.outbox.pending and not self.inbox.kept and len(self.inbox.effects) >= len(self.committed)


def violations(world: World) -> list[str]:
    """Return which promises were broken, in words."""
    wrong: list[str] = []
    applied = [effect.id for effect in world.inbox.effects]
    committed = {event.id for event in world.committed}
    if len(set(applied)) != len(applied):
        wrong.append("an event was applied twice")
    if committed - set(applied):
        wrong.append(f"{len(committed - set(applied))} committed events were lost")
    if set(applied) - committed:
        wrong.append("an event was applied that was never committed")
    if sorted(world.inbox.caused) != sorted(applied):
        wrong.append("an applied event did not cause exactly one event")
    if world.inbox.inbox != committed:
        wrong.append("the inbox does not hold exactly the committed events")
    if {stream: n for stream, n in world.inbox.versions.items() if n} != {stream: n for stream, n in world.sequences.items() if n}:
        wrong.append("the versions do not end where the sequences do")
    if world.inbox.kept or world.outbox.pending or "dead" in world.inbox.dead.values():
        wrong.append("something is left over")
    return wrong + _order_violations(world)


def _order_violations(world: World) -> list[str]:
    wrong: list[str] = []
    by_stream: defaultdict[str, list[int]] = defaultdict(list)
    by_key: defaultdict[str, list[int]] = defaultdict(list)
    positions = {event.id: event.position for event in world.committed}
    for effect in world.inbox.effects:
        by_stream[effect.aggregate_id].append(effect.sequence)
        by_key[effect.key].append(positions.get(effect.id, 0))
    if any(sequences != list(range(1, len(sequences) + 1)) for sequences in by_stream.values()):
        wrong.append("an aggregate's events were applied out of order")
    # What was sent to a broker that turned out to be empty stands before what is sent again, and what went to a new partition may be
    # read before what had gone to the old one; then the gate orders each aggregate, and nothing orders two of one key.
    if not world.keys_moved:
        if any(places != sorted(places) for places in by_key.values()):
            wrong.append("a key's events were applied out of order")
        wrong += _broker_order(world, positions)
    return wrong


def _broker_order(world: World, positions: dict[UUID, int]) -> list[str]:
    """Each key's events must appear in the topic, the first time, in their order."""
    seen: defaultdict[bytes, dict[int, None]] = defaultdict(dict)
    for log in world.broker.logs.values():
        for record in log:
            position = positions.get(UUID(dict(record.headers)["ce_id"].decode()), 0)
            seen[record.key or b""].setdefault(position)
    if any(list(places) != sorted(places) for places in seen.values()):
        return ["a key's events were sent out of order"]
    return []


def run_seed(seed: int, parts: Parts | None = None) -> tuple[list[str], str]:
    """Run one seed; return what was violated and the fingerprint of the run."""

    async def run() -> World:
        world = World(seed, parts or Parts())
        await world.live()
        return world

    world = run_virtually(run())
    return violations(world), world.digest


def silence() -> None:
    """Log nothing: a simulation makes faults by the thousand."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def _order(order: str, key: str, *, first: bool) -> Event:
    if first:
        return OrderPlaced(order_id=order, customer_id=key, placed_at=_START, currency="EUR", amount_minor=1, lines=[])
    return OrderReturned(
        return_id="ret",
        order_id=order,
        customer_id=key,
        placed_at=_START,
        returned_at=_START,
        currency="EUR",
        amount_minor=1,
        order_amount_minor=1,
        returned_total_minor=1,
        lines=[],
    )


def _message(committed: Committed, event: Event) -> Message:
    recorded_at = _START + timedelta(milliseconds=committed.position)
    aggregate_id = committed.stream.rpartition("/")[2]
    envelope = Envelope(committed.id, event.type, "/regulars/customers/order", aggregate_id, committed.key, committed.sequence, recorded_at)
    return to_message(_TOPIC, envelope, event.model_dump_json(exclude_none=True))


def main() -> None:
    """Run seeds and tell which of them break a promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    silence()
    began = time.monotonic()
    broken = 0
    for seed in range(options.first, options.first + options.seeds):
        wrong, digest = run_seed(seed)
        if wrong:
            broken += 1
            print(f"seed {seed} ({digest}): {'; '.join(wrong)}", flush=True)  # noqa: T201
    print(f"{options.seeds} seeds, {broken} with violations, {time.monotonic() - began:.0f} s")  # noqa: T201
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()

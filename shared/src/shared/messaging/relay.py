"""The relay: from the outbox to the broker, each key in order, each event at least once.

Keys are spread over buckets; a relay sends those of the buckets that it owns. It reads what is pending, never what lies above
a last number: positions become visible in the order of commits. No transaction is open while the broker works.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from uuid import UUID

import asyncpg
import structlog

from shared.database.pool import code_of
from shared.envelope import Message
from shared.messaging import metrics
from shared.messaging.failpoints import failpoint
from shared.messaging.nudge import Nudge
from shared.messaging.outbox import BUCKETS
from shared.messaging.ports import Anchor, BucketLocks, Memory, OutboxRow, OutboxStore, RelayStore
from shared.messaging.transport import Partition, Producer, Record, Transport, TransportError

_log = structlog.get_logger(__name__)

OpenStore = Callable[[Callable[[], None]], AbstractAsyncContextManager[RelayStore]]

BATCH_LIMIT = 2_000
# Behind the nudges, so that an event whose nudge was lost waits no longer.
POLL_SECONDS = 0.25
_BALANCE_SECONDS = 1.0
_MIN_BACKOFF_SECONDS = 0.1
_MAX_BACKOFF_SECONDS = 5.0


class Forwarder:
    """Sends what is pending, batch by batch; the logic of the relay without its loop.

    It remembers, in the database, one acknowledged record of each partition: its anchor. A broker that no longer has the record
    has lost events, however much was written since, and then every event of the log is sent again.

    Args:
        store: the outbox.
        producer: where to.
    """

    def __init__(self, store: OutboxStore, producer: Producer) -> None:
        self._store = store
        self._producer = producer
        self._held: set[bytes] = set()
        self._memory = Memory(0, {})
        self._latest: dict[Partition, Anchor] = {}

    async def prepare(self) -> None:
        """Learn which keys are held and what is remembered of the broker."""
        self._held = set(await self._store.held_keys())
        self._memory = await self._store.memory()
        self._latest = {}

    async def step(self, buckets: Sequence[int], limit: int = BATCH_LIMIT) -> int:
        """Send one batch of these buckets and forget it.

        Returns:
            How many events were read; 0 when none waits.

        Raises:
            TransportError: nothing is forgotten, all will be sent again.
        """
        rows = await self._store.pending(buckets, limit)
        if not rows:
            return 0
        failpoint("relay.after_read")
        if self._held:
            # Somebody may have let them go.
            self._held = set(await self._store.held_keys())
        free = [row for row in rows if row.message.key not in self._held] if self._held else rows
        sent = await self._producer.send([row.message for row in free])
        failpoint("relay.after_send")
        landed = {place: Anchor(offset, event_id_of(free[row].message)) for place, (offset, row) in sent.landed.items()}
        if any(place in self._memory.anchors and anchor.offset <= self._memory.anchors[place].offset for place, anchor in landed.items()):
            await self._resend_all()
            return len(rows)
        await self._settle(rows, free, sent.refused, landed)
        failpoint("relay.after_settle")
        return len(rows)

    async def verify(self, find: Callable[[Mapping[Partition, int]], Awaitable[Mapping[Partition, Record | None]]]) -> bool:
        """Look whether the broker still has the anchors, and move them on; send everything again when it has not.

        Args:
            find: returns records by their offsets, as `Transport.find`.
        """
        latest, memory = self._latest, await self._store.memory()
        if memory.epoch != self._memory.epoch:
            latest = {}
        self._memory, self._latest = memory, {}
        for anchors in (memory.anchors, latest):
            found = await find({place: anchor.offset for place, anchor in anchors.items()})
            if any(not is_anchor(record, anchors[place]) for place, record in found.items()):
                await self._resend_all()
                return False
        await self._store.move_anchors(memory.epoch, latest)
        self._memory = await self._store.memory()
        return True

    async def _resend_all(self) -> None:
        queued = await self._store.requeue_all(self._memory.epoch)
        await self.prepare()
        if queued:
            metrics.broker_losses_total.inc()
            _log.warning("the broker has lost events; all are sent again", events=queued)

    async def _settle(
        self, rows: Sequence[OutboxRow], free: Sequence[OutboxRow], refused: frozenset[int], landed: Mapping[Partition, Anchor]
    ) -> None:
        gone = _before_refusals(free, refused)
        new = {place: anchor for place, anchor in landed.items() if place not in self._memory.anchors}
        await self._store.settle(self._memory.epoch, gone, _without(rows, gone), new)
        if new:
            # Another relay may have begun an epoch, or set the anchors of the same partitions.
            self._memory = await self._store.memory()
        self._latest.update(landed)
        self._held.update(free[place].message.key for place in refused)
        metrics.relay_published_total.inc(len(gone))


def event_id_of(message: Message | Record) -> UUID:
    """Return the id in a record that a relay wrote."""
    return UUID(dict(message.headers)["ce_id"].decode())


def is_anchor(record: Record | None, anchor: Anchor) -> bool:
    """Return whether a record is the one that is remembered."""
    return record is not None and dict(record.headers).get("ce_id") == str(anchor.event_id).encode()


def _before_refusals(rows: Sequence[OutboxRow], refused: frozenset[int]) -> Sequence[OutboxRow]:
    """Return the rows that are done with: those of keys without a refusal, and those before the first refusal of their key.

    What the broker took of a key after a refusal is sent again in its turn; consumers refuse the duplicate.
    """
    if not refused:
        return rows
    first: dict[bytes, int] = {}
    for place in sorted(refused):
        first.setdefault(rows[place].message.key, place)
    return [row for place, row in enumerate(rows) if place < first.get(row.message.key, len(rows))]


def _without(rows: Sequence[OutboxRow], gone: Sequence[OutboxRow]) -> Sequence[OutboxRow]:
    if len(gone) == len(rows):
        return ()
    positions = {row.position for row in gone}
    return [row for row in rows if row.position not in positions]


class Share:
    """The buckets of one relay: as many as are fair among those that live."""

    def __init__(self, locks: BucketLocks, rng: random.Random) -> None:
        self._locks = locks
        self._rng = rng
        self.owned: list[int] = []

    async def balance(self) -> None:
        """Give up what is more than the fair share, or take what is free up to it."""
        fair = -(-BUCKETS // max(await self._locks.relays(), 1))
        while len(self.owned) > fair:
            await self._locks.give_up(self.owned.pop())
        wanted = [bucket for bucket in range(BUCKETS) if bucket not in self.owned]
        self._rng.shuffle(wanted)
        for bucket in wanted:
            if len(self.owned) >= fair:
                break
            if await self._locks.take(bucket):
                self.owned.append(bucket)


class Relay:
    """Runs a forwarder over its share of the buckets, for as long as the process lives.

    Args:
        open_store: connects to the outbox; its argument is called when another process says that events wait.
        transport: the broker.
        topic: the service's topic.
        nudge: rung when events may wait.
        linger_seconds: how long a wake-up waits for company, so that events leave in fewer, larger batches.
        rng: spreads waits and attempts.
    """

    def __init__(
        self,
        open_store: OpenStore,
        transport: Transport,
        topic: str,
        nudge: Nudge,
        *,
        linger_seconds: float = 0.0,
        rng: random.Random | None = None,
    ) -> None:
        self.verify_seconds = 30.0
        self._open_store = open_store
        self._rng = rng or random.Random()  # noqa: S311 - spreads load, guards nothing
        self._transport = transport
        self._topic = topic
        self._nudge = nudge
        self._linger_seconds = linger_seconds
        self._failures = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Relay until told to stop; faults of Postgres and of the broker are waited out."""
        while not stop.is_set():
            producer = self._transport.producer()
            try:
                async with self._open_store(self._nudge.ring) as outbox:
                    await self._relay(outbox, producer, stop)
            except (TransportError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                metrics.rebuilds_total.labels("relay").inc()
                _log.warning("the relay starts anew", error=code_of(error), reason=str(error) if isinstance(error, TransportError) else "")
                await self._back_off(stop)
            finally:
                metrics.relay_buckets.set(0)
                await producer.close()

    async def _relay(self, outbox: RelayStore, producer: Producer, stop: asyncio.Event) -> None:
        forwarder, share = Forwarder(outbox, producer), Share(outbox, self._rng)
        await self._transport.ensure_topics([self._topic])
        await forwarder.prepare()
        loop = asyncio.get_running_loop()
        balance_at = verify_at = 0.0
        while not stop.is_set():
            if loop.time() >= balance_at:
                await share.balance()
                await self._report(outbox, share)
                balance_at = loop.time() + _BALANCE_SECONDS
            if loop.time() >= verify_at:
                await forwarder.verify(self._transport.find)
                verify_at = loop.time() + self.verify_seconds
            if await forwarder.step(share.owned) == 0:
                await self._nudge.wait(POLL_SECONDS)
                if self._linger_seconds:
                    await asyncio.sleep(self._linger_seconds)
            self._failures = 0

    async def _report(self, outbox: RelayStore, share: Share) -> None:
        backlog = await outbox.backlog()
        metrics.relay_buckets.set(len(share.owned))
        metrics.outbox_pending.set(backlog.pending)
        metrics.outbox_held.set(backlog.held)
        metrics.outbox_oldest_age_seconds.set(backlog.oldest_age_seconds)

    async def _back_off(self, stop: asyncio.Event) -> None:
        self._failures += 1
        ceiling = min(_MAX_BACKOFF_SECONDS, _MIN_BACKOFF_SECONDS * 2 ** min(self._failures, 10))
        try:
            async with asyncio.timeout(self._rng.uniform(ceiling / 2, ceiling)):
                await stop.wait()
        except TimeoutError:
            return

"""The relay: from the outbox to the broker, each key in order, each event at least once.

Keys are spread over buckets; a relay sends those of the buckets that it owns. It reads what is pending, never what lies above
a last number: positions become visible in the order of commits. No transaction is open while the broker works.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence

import asyncpg
import structlog

from shared.database.pool import code_of
from shared.messaging import metrics
from shared.messaging.failpoints import failpoint
from shared.messaging.nudge import Nudge
from shared.messaging.outbox import BUCKETS
from shared.messaging.outbox_store import PostgresOutbox
from shared.messaging.ports import BucketLocks, OutboxRow, OutboxStore
from shared.messaging.transport import Partition, Producer, Transport, TransportError

_log = structlog.get_logger(__name__)

BATCH_LIMIT = 2_000
# Behind the nudges, so that an event whose nudge was lost waits no longer.
POLL_SECONDS = 0.25
_BALANCE_SECONDS = 1.0
_VERIFY_SECONDS = 30.0
_MIN_BACKOFF_SECONDS = 0.1
_MAX_BACKOFF_SECONDS = 5.0


class Forwarder:
    """Sends what is pending, batch by batch; the logic of the relay without its loop.

    Args:
        store: the outbox.
        producer: where to.
    """

    def __init__(self, store: OutboxStore, producer: Producer) -> None:
        self._store = store
        self._producer = producer
        self._held: set[bytes] = set()
        self._offsets: dict[Partition, int] = {}

    async def prepare(self) -> None:
        """Learn which keys are held and how far the partitions had grown."""
        self._held = set(await self._store.held_keys())
        self._offsets = dict(await self._store.offsets())

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
        lost = [place for place, offset in sent.offsets.items() if offset <= self._offsets.get(place, -1)]
        if lost:
            await self.resend_all(lost[0])
            return len(rows)
        self._offsets.update(sent.offsets)
        gone = _before_refusals(free, sent.refused)
        await self._store.settle(gone, _without(rows, gone), sent.offsets)
        self._held.update(free[place].message.key for place in sent.refused)
        metrics.relay_published_total.inc(len(gone))
        failpoint("relay.after_settle")
        return len(rows)

    async def verify(self, end_offsets: Callable[[], Awaitable[Mapping[Partition, int]]]) -> bool:
        """Compare the broker's partitions with how far they had grown; send everything again when one is shorter."""
        # Remembered first, asked then: between the two other relays can only make the partitions longer.
        grown = await self._store.offsets()
        ends = await end_offsets()
        for partition, reached in sorted(grown.items()):
            if ends.get(partition, 0) <= reached:
                await self.resend_all(partition)
                return False
        return True

    async def resend_all(self, partition: Partition) -> None:
        """Queue every event of the log again, because the broker has lost some of this partition."""
        remembered = self._offsets.get(partition, (await self._store.offsets()).get(partition, -1))
        queued = await self._store.requeue_lost(partition, remembered)
        await self.prepare()
        if queued:
            metrics.broker_losses_total.inc()
            _log.warning("the broker has lost events; all are sent again", topic=partition.topic, events=queued)


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

    def __init__(self, locks: BucketLocks, rng: random.Random | None = None) -> None:
        self._locks = locks
        self._rng = rng or random.Random()  # noqa: S311 - spreads the attempts, guards nothing
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
        dsn: the service's database; the relay has a connection of its own.
        transport: the broker.
        topic: the service's topic.
        nudge: rung when events may wait.
        linger_seconds: how long a wake-up waits for company, so that events leave in fewer, larger batches.
    """

    def __init__(self, dsn: str, transport: Transport, topic: str, nudge: Nudge, *, linger_seconds: float = 0.0) -> None:
        self._dsn = dsn
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
                async with PostgresOutbox.open(self._dsn, self._nudge.ring) as outbox:
                    await self._relay(outbox, producer, stop)
            except (TransportError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                metrics.rebuilds_total.labels("relay").inc()
                _log.warning("the relay starts anew", error=code_of(error), reason=str(error) if isinstance(error, TransportError) else "")
                await self._back_off(stop)
            finally:
                metrics.relay_buckets.set(0)
                await producer.close()

    async def _relay(self, outbox: PostgresOutbox, producer: Producer, stop: asyncio.Event) -> None:
        forwarder, share = Forwarder(outbox, producer), Share(outbox)
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
                await forwarder.verify(lambda: self._transport.end_offsets(self._topic))
                verify_at = loop.time() + _VERIFY_SECONDS
            if await forwarder.step(share.owned) == 0:
                await self._nudge.wait(POLL_SECONDS)
                if self._linger_seconds:
                    await asyncio.sleep(self._linger_seconds)
            self._failures = 0

    async def _report(self, outbox: PostgresOutbox, share: Share) -> None:
        backlog = await outbox.backlog()
        metrics.relay_buckets.set(len(share.owned))
        metrics.outbox_pending.set(backlog.pending)
        metrics.outbox_held.set(backlog.held)
        metrics.outbox_oldest_age_seconds.set(backlog.oldest_age_seconds)

    async def _back_off(self, stop: asyncio.Event) -> None:
        self._failures += 1
        ceiling = min(_MAX_BACKOFF_SECONDS, _MIN_BACKOFF_SECONDS * 2 ** min(self._failures, 10))
        try:
            async with asyncio.timeout(random.uniform(ceiling / 2, ceiling)):  # noqa: S311 - jitter
                await stop.wait()
        except TimeoutError:
            return

"""The consumer: polls, applies in batches, commits offsets behind what is applied, and waits out what passes.

One batch is in the works at a time while the next is read, and an offset is committed only when all below it is applied.
Partitions whose batch fails for a passing reason are paused and tried again while the others go on and the member stays in its
group.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import structlog

from shared.database.pool import code_of
from shared.messaging import metrics
from shared.messaging.apply import Applier, Batch, read_batch
from shared.messaging.failpoints import failpoint
from shared.messaging.failures import is_transient
from shared.messaging.transport import LostPartitions, Partition, Record, Subscription, Transport, TransportError
from shared.messaging.watchdog import Watchdog

_log = structlog.get_logger(__name__)

BATCH_LIMIT = 1_000
POLL_SECONDS = 0.25
# Offsets follow what is applied at this distance; what a crash makes come again, the inbox refuses.
COMMIT_SECONDS = 0.25
_LOOK_SECONDS = 1.0
_MIN_BACKOFF_SECONDS = 0.05
_MAX_BACKOFF_SECONDS = 5.0


@dataclass(slots=True)
class _Held:
    """Records of a partition that wait for a fault to pass."""

    records: Sequence[Record]
    attempts: int
    retry_at: float


class Consumer:
    """Feeds an applier from a consumer group, for as long as the process lives.

    Args:
        transport: the broker.
        applier: what applies the batches.
        group: consumer group.
        topics: where from.
        rng: spreads waits.
    """

    def __init__(
        self, transport: Transport, applier: Applier, group: str, topics: Sequence[str], *, rng: random.Random | None = None
    ) -> None:
        self._rng = rng or random.Random()  # noqa: S311 - spreads load, guards nothing
        self._transport = transport
        self._applier = applier
        self._group = group
        self._topics = topics
        self._watchdog = Watchdog(transport, topics)
        self._subscription: Subscription | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False
        self._generation = 0
        self._held: dict[Partition, _Held] = {}
        self._applied: dict[Partition, int] = {}
        self._work: tuple[Mapping[Partition, Sequence[Record]], asyncio.Task[bool], int] | None = None
        self._failures = 0

    def is_alive(self) -> bool:
        """Return whether the consumer makes progress, or has nothing to do."""
        return self._watchdog.is_alive()

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until told to stop; faults of Postgres and of the broker are waited out."""
        while not stop.is_set():
            try:
                await self._transport.ensure_topics(self._topics)
                subscription = await self._transport.subscribe(self._group, self._topics, self._on_revoked)
            except TransportError as error:
                await self._start_anew(error, stop)
                continue
            self._subscription = subscription
            try:
                await self._consume(subscription, stop)
                await self._commit(subscription)
            except TransportError as error:
                await self._start_anew(error, stop)
            finally:
                await self._abandon()
                await subscription.close()
                self._subscription = None
                self._forget()

    async def _consume(self, subscription: Subscription, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        commit_at = look_at = loop.time() + COMMIT_SECONDS
        while not stop.is_set():
            if self._held:
                await self._finish(subscription)
                await self._retry_held(subscription)
            polled = await subscription.poll(self._poll_seconds(), BATCH_LIMIT)
            if polled:
                failpoint("consumer.after_poll")
                await self._process(subscription, polled)
            else:
                await self._finish(subscription)
            now = loop.time()
            if self._applied and (now >= commit_at or not polled):
                await self._commit(subscription)
                commit_at = loop.time() + COMMIT_SECONDS
            if now >= look_at:
                await self._watchdog.look(subscription, frozenset(self._held))
                look_at = loop.time() + _LOOK_SECONDS
        await self._finish(subscription)

    async def _process(self, subscription: Subscription, polled: Mapping[Partition, Sequence[Record]]) -> None:
        """Read what was polled while the batch before it is still being applied, then begin with it."""
        # Taken after the poll: a rebalance within it has ended, and the records are those of the new assignment.
        generation = self._generation
        batch = read_batch(chain.from_iterable(polled.values()))
        await self._finish(subscription)
        if self._draining or generation != self._generation:
            # The partitions were taken; their next owner gets these records.
            return
        waiting = polled.keys() & self._held.keys()
        if waiting:
            for place in waiting:
                self._held[place].records = [*self._held[place].records, *polled[place]]
            polled = {place: records for place, records in polled.items() if place not in waiting}
            batch = read_batch(chain.from_iterable(polled.values()))
        self._idle.clear()
        self._work = (polled, asyncio.create_task(self._apply(polled, batch, generation)), generation)

    async def _finish(self, subscription: Subscription) -> None:
        """Wait for the batch in the works; on a passing fault hold it back, a partition apart."""
        if self._work is None:
            return
        polled, task, generation = self._work
        applied = await task
        self._work = None
        if not applied and generation == self._generation:
            self._hold(subscription, polled, attempts=1)

    async def _abandon(self) -> None:
        """Roll the batch in the works back."""
        if self._work is not None:
            (_, task, _), self._work = self._work, None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _retry_held(self, subscription: Subscription) -> None:
        now = asyncio.get_running_loop().time()
        for partition, held in [*self._held.items()]:
            if held.retry_at > now or self._draining or partition not in self._held:
                continue
            self._idle.clear()
            if not await self._apply({partition: held.records}, read_batch(held.records), self._generation):
                if partition in self._held:
                    self._hold(subscription, {partition: held.records}, held.attempts + 1)
                # The others may fail for the same reason; the poll in between keeps the membership.
                return
            self._held.pop(partition, None)
            subscription.resume(frozenset({partition}))

    async def _apply(self, polled: Mapping[Partition, Sequence[Record]], batch: Batch, generation: int) -> bool:
        """Apply a batch; False when it failed for a reason that passes."""
        try:
            await self._applier.apply_batch(batch)
        except Exception as error:
            if not is_transient(error):
                raise
            _log.warning("a batch waits for a fault to pass", error=code_of(error))
            return False
        finally:
            if generation == self._generation:
                self._idle.set()
        self._watchdog.progress()
        if generation == self._generation:
            self._applied.update((partition, records[-1].offset + 1) for partition, records in polled.items())
        return True

    def _hold(self, subscription: Subscription, batch: Mapping[Partition, Sequence[Record]], attempts: int) -> None:
        ceiling = min(_MAX_BACKOFF_SECONDS, _MIN_BACKOFF_SECONDS * 2 ** min(attempts, 10))
        retry_at = asyncio.get_running_loop().time() + self._rng.uniform(ceiling / 2, ceiling)
        self._held.update((partition, _Held(records, attempts, retry_at)) for partition, records in batch.items())
        subscription.pause(frozenset(batch))

    def _poll_seconds(self) -> float:
        if not self._held:
            return POLL_SECONDS
        earliest = min(held.retry_at for held in self._held.values())
        return min(POLL_SECONDS, max(earliest - asyncio.get_running_loop().time(), 0.001))

    async def _commit(self, subscription: Subscription) -> None:
        if not self._applied:
            return
        failpoint("consumer.before_offsets")
        applied, self._applied = self._applied, {}
        try:
            await subscription.commit(applied)
        except LostPartitions:
            _log.info("the offsets belong to another member by now")
        failpoint("consumer.after_offsets")

    async def _on_revoked(self, _partitions: frozenset[Partition]) -> None:
        """Let the batch in the works finish, commit, and drop what is held: its next owner gets it."""
        self._draining = True
        try:
            await self._idle.wait()
            try:
                if self._subscription is not None:
                    await self._commit(self._subscription)
            except TransportError as error:
                _log.info("offsets could not be committed before the partitions went", error=code_of(error))
        finally:
            self._forget()

    def _forget(self) -> None:
        """Disown everything of the present assignment."""
        self._generation += 1
        self._held.clear()
        self._applied.clear()
        self._draining = False
        self._idle.set()

    async def _start_anew(self, error: TransportError, stop: asyncio.Event) -> None:
        metrics.rebuilds_total.labels("consumer").inc()
        self._failures += 1
        _log.warning("the consumer starts anew", reason=str(error))
        ceiling = min(_MAX_BACKOFF_SECONDS, _MIN_BACKOFF_SECONDS * 2 ** min(self._failures, 10))
        try:
            async with asyncio.timeout(self._rng.uniform(ceiling / 2, ceiling)):
                await stop.wait()
        except TimeoutError:
            return

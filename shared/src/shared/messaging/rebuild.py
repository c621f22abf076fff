"""Emptying a service's projections of others' events and filling them again from the topics.

A worker that runs meanwhile does no harm: what it receives of the present is too early for the emptied versions, is kept, and
is applied when the rebuild has come so far. What the topics no longer hold, `replay` of its producer sends again.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping

from shared.database.pool import Database
from shared.database.unit_of_work import UnitOfWork
from shared.ids import new_id
from shared.messaging.apply import Applier
from shared.messaging.failures import is_transient
from shared.messaging.inbox import PostgresInboxStore, forget_consumer
from shared.messaging.transport import Partition, Record, Subscription, Transport
from shared.service import Service

_POLL_SECONDS = 0.25
_BATCH_LIMIT = 1_000
_RETRY_SECONDS = 0.2
_ATTEMPTS = 50

# Called with how many records were read and how many there are.
Progress = Callable[[int, int], None]


async def rebuild(service: Service, database: Database, transport: Transport, progress: Progress | None = None) -> int:
    """Reset the projections of a service and apply everything in its topics again.

    Args:
        service: its handlers and its `reset_projection`.
        database: the service's.
        transport: the broker.
        progress: told how far it has come.

    Returns:
        How many events were applied.

    Raises:
        ValueError: the service keeps no projection.
    """
    if service.reset_projection is None:
        raise ValueError(f"{service.name} keeps no projection of others' events")
    async with UnitOfWork(database) as unit_of_work:
        # First, so that a service can remember what it has heard where hearing it again would do more than fill a projection.
        await service.reset_projection(unit_of_work)
        await forget_consumer(unit_of_work.connection, service.name)
        await unit_of_work.commit()
    applier = Applier(service.handlers, PostgresInboxStore(database, service.name))
    await transport.ensure_topics(service.topics)
    ends: dict[Partition, int] = {}
    for topic in service.topics:
        ends.update(await transport.end_offsets(topic))
    subscription = await transport.subscribe(new_id(f"regulars.{service.name}.rebuild"), service.topics, _nothing_to_drain)
    with contextlib.closing(_Tally(ends, progress)) as tally:
        try:
            return await _refill(subscription, applier, tally)
        finally:
            await subscription.close()


class _Tally:
    """Counts what was read of what there was at the start."""

    def __init__(self, ends: Mapping[Partition, int], progress: Progress | None) -> None:
        self.ends = ends
        self._total = sum(ends.values())
        self._progress = progress
        self._read = 0

    def add(self, records: int) -> None:
        self._read += records
        if self._progress is not None:
            self._progress(self._read, max(self._total, self._read))

    def close(self) -> None:
        if self._progress is not None:
            self._progress(self._read, self._read)


async def _refill(subscription: Subscription, applier: Applier, tally: _Tally) -> int:
    applied = 0
    while True:
        polled = await subscription.poll(_POLL_SECONDS, _BATCH_LIMIT)
        if not polled:
            positions, lag = await subscription.positions(), await subscription.lag()
            if all(positions.get(place, 0) >= end for place, end in tally.ends.items()) and not any(behind > 0 for behind in lag.values()):
                return applied
            continue
        records = [record for part in polled.values() for record in part]
        applied += await _apply(applier, records)
        tally.add(len(records))


async def _apply(applier: Applier, records: list[Record]) -> int:
    for attempt in range(_ATTEMPTS):
        try:
            return (await applier.apply(records)).applied
        except Exception as error:
            if not is_transient(error) or attempt == _ATTEMPTS - 1:
                raise
            await asyncio.sleep(_RETRY_SECONDS)
    return 0


async def _nothing_to_drain(_partitions: frozenset[Partition]) -> None:
    """The group is the rebuild's own, and nothing is committed to it."""

"""Notices a consumer that should make progress and does not, and a broker that has lost what was read."""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from shared.messaging import metrics
from shared.messaging.transport import Partition, Subscription, Transport, TransportError

_log = structlog.get_logger(__name__)

STALL_SECONDS = 30.0
# A client that stalls again after it was built anew is not cured by that.
_MAX_REBUILDS = 2


class Stalled(TransportError):
    """Records wait and none come; the client must be built anew."""


class Watchdog:
    """Watches one consumer.

    Args:
        transport: the broker, asked by another client than the one that is watched.
        topics: what is consumed.
    """

    def __init__(self, transport: Transport, topics: Sequence[str]) -> None:
        self._transport = transport
        self._topics = topics
        self._progress_at: float | None = None
        self._rebuilds = 0

    def is_alive(self) -> bool:
        """Return False once building the client anew has not helped."""
        return self._rebuilds < _MAX_REBUILDS

    def progress(self) -> None:
        """A batch was applied."""
        self._progress_at = _now()
        self._rebuilds = 0

    async def look(self, subscription: Subscription, held: frozenset[Partition]) -> None:
        """Measure the lag; go back to the beginning where the broker has less than was read.

        Args:
            subscription: the member that is watched.
            held: partitions that wait for a fault of our own to pass; they do not count.

        Raises:
            Stalled: records wait and none came for a long time.
        """
        lag = await subscription.lag()
        for topic in self._topics:
            metrics.consumer_lag.labels(topic).set(sum(max(n, 0) for place, n in lag.items() if place.topic == topic))
        shrunk = frozenset(place for place, behind in lag.items() if behind < 0)
        if shrunk:
            _log.warning("the broker has less than was read; reading from the beginning", partitions=len(shrunk))
            await subscription.rewind(shrunk)
        if held or self._progress_at is None:
            self._progress_at = _now()
        elif _now() - self._progress_at >= STALL_SECONDS:
            await self._suspect(subscription, lag)

    async def _suspect(self, subscription: Subscription, lag: Mapping[Partition, int]) -> None:
        """Nothing came for long: find out whether something should have."""
        self._progress_at = _now()
        positions = await subscription.positions()
        waiting = any(behind > 0 for behind in lag.values())
        for topic in self._topics if not waiting else ():
            ends = await self._transport.end_offsets(topic)
            waiting = waiting or any(end > positions.get(place, end) for place, end in ends.items())
        if waiting:
            self._rebuilds += 1
            raise Stalled("records wait and none come")


def _now() -> float:
    return asyncio.get_running_loop().time()

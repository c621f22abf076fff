"""A member of a consumer group over aiokafka."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Self

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, RebalanceInProgressError

from shared.messaging.kafka_profiles import Profile
from shared.messaging.transport import LostPartitions, OnRevoked, Partition, Record, TransportError

_log = structlog.get_logger(__name__)

_START_TIMEOUT_SECONDS = 15.0
_COMMIT_TIMEOUT_SECONDS = 10.0
_STOP_TIMEOUT_SECONDS = 5.0
_POSITION_TIMEOUT_SECONDS = 1.0
# Beyond the poll's own time limit, something in the client hangs.
_POLL_GRACE_SECONDS = 10.0
# Without records for so long, a subscription asks less often.
_IDLE_AFTER_SECONDS = 1.0
# Left of the rebalance time for the client itself, when partitions are taken away.
_REVOKE_MARGIN_SECONDS = 2.0


class KafkaSubscription:
    """See `transport.Subscription`."""

    def __init__(self, client: AIOKafkaConsumer, profile: Profile) -> None:
        self._client = client
        self._profile = profile
        self._busy_at = time.monotonic()

    @classmethod
    async def join(cls, servers: str, profile: Profile, group: str, topics: Sequence[str], on_revoked: OnRevoked) -> Self:
        """Join a group; see `Transport.subscribe`."""
        client = AIOKafkaConsumer(bootstrap_servers=servers, group_id=group, **profile.consumer())
        subscription = cls(client, profile)
        drain_seconds = max(profile.rebalance_timeout_ms / 1000 - _REVOKE_MARGIN_SECONDS, 1.0)
        try:
            client.subscribe(list(topics), listener=_Listener(on_revoked, drain_seconds))
            async with asyncio.timeout(_START_TIMEOUT_SECONDS):
                await client.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await subscription.close()
            raise TransportError(type(error).__name__) from error
        except BaseException:
            await subscription.close()
            raise
        return subscription

    async def poll(self, timeout_seconds: float, max_records: int) -> Mapping[Partition, Sequence[Record]]:
        """Return the next records; see `Subscription.poll`."""
        try:
            async with asyncio.timeout(timeout_seconds + _POLL_GRACE_SECONDS):
                polled = await self._client.getmany(timeout_ms=int(timeout_seconds * 1000), max_records=max_records)
        except (KafkaError, OSError, TimeoutError) as error:
            raise TransportError(type(error).__name__) from error
        self._set_pace(busy=bool(polled))
        records: dict[Partition, Sequence[Record]] = {}
        for place, found in polled.items():
            partition = Partition(place.topic, place.partition)
            records[partition] = [Record(partition, r.offset, r.key, r.value, r.headers) for r in found]
        return records

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Store offsets; see `Subscription.commit`."""
        try:
            async with asyncio.timeout(_COMMIT_TIMEOUT_SECONDS):
                await self._client.commit({TopicPartition(*partition): offset for partition, offset in offsets.items()})
        except (CommitFailedError, IllegalStateError, RebalanceInProgressError) as error:
            raise LostPartitions(type(error).__name__) from error
        except (KafkaError, OSError, TimeoutError) as error:
            raise TransportError(type(error).__name__) from error

    def pause(self, partitions: frozenset[Partition]) -> None:
        """See `Subscription.pause`."""
        self._client.pause(*self._assigned(partitions))

    def resume(self, partitions: frozenset[Partition]) -> None:
        """See `Subscription.resume`."""
        self._client.resume(*self._assigned(partitions))

    async def positions(self) -> Mapping[Partition, int]:
        """See `Subscription.positions`."""
        known: dict[Partition, int] = {}
        for place in self._client.assignment():
            with contextlib.suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(_POSITION_TIMEOUT_SECONDS):
                    known[Partition(place.topic, place.partition)] = await self._client.position(place)
        return known

    async def lag(self) -> Mapping[Partition, int]:
        """See `Subscription.lag`."""
        behind: dict[Partition, int] = {}
        for partition, position in (await self.positions()).items():
            with contextlib.suppress(KafkaError):
                # Known after the first fetch; what some brokers answer to a question for the end is wrong.
                end = self._client.highwater(TopicPartition(*partition))
                if end is not None:
                    behind[partition] = end - position
        return behind

    async def rewind(self, partitions: frozenset[Partition]) -> None:
        """See `Subscription.rewind`."""
        try:
            places = self._assigned(partitions)
            if places:
                async with asyncio.timeout(_COMMIT_TIMEOUT_SECONDS):
                    await self._client.seek_to_beginning(*places)
        except (KafkaError, OSError, TimeoutError) as error:
            raise TransportError(type(error).__name__) from error

    async def close(self) -> None:
        """See `Subscription.close`."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_STOP_TIMEOUT_SECONDS):
                await self._client.stop()

    def _set_pace(self, *, busy: bool) -> None:
        now = time.monotonic()
        if busy:
            self._busy_at = now
        idle = now - self._busy_at > _IDLE_AFTER_SECONDS
        # The client takes its wait from here for every fetch, and has no public way to change it.
        fetcher = self._client._fetcher  # noqa: SLF001
        if fetcher is not None:
            fetcher._fetch_max_wait_ms = self._profile.idle_fetch_max_wait_ms if idle else self._profile.fetch_max_wait_ms  # noqa: SLF001

    def _assigned(self, partitions: frozenset[Partition]) -> list[TopicPartition]:
        return [place for place in self._client.assignment() if Partition(place.topic, place.partition) in partitions]


class _Listener(ConsumerRebalanceListener):
    """Drains before partitions go; must not wait for anything that itself waits for a poll."""

    def __init__(self, on_revoked: OnRevoked, drain_seconds: float) -> None:
        self._on_revoked = on_revoked
        self._drain_seconds = drain_seconds

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        try:
            async with asyncio.timeout(self._drain_seconds):
                await self._on_revoked(frozenset(Partition(place.topic, place.partition) for place in revoked))
        except TimeoutError:
            # What is still running is refused at its end: its inbox marks or its versions meet those of the new owner.
            _log.warning("partitions were taken before their batch was finished")

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Nothing to do: positions are those committed."""

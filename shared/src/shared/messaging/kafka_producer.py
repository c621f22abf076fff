"""A producer over aiokafka that sends whole batches a partition."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    RecordTooLargeError,
)

from shared.clock import SystemClock
from shared.envelope import Message
from shared.messaging.kafka_profiles import MAX_REQUEST_BYTES, Profile
from shared.messaging.transport import Partition, Sent, TransportError, partition_of

_log = structlog.get_logger(__name__)

_START_TIMEOUT_SECONDS = 10.0
_SEND_TIMEOUT_SECONDS = 20.0
_STOP_TIMEOUT_SECONDS = 3.0
# The broker's verdict on what a batch holds; asking again cannot help.
_REFUSALS = (MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError, InvalidTimestampError)
# Header bytes and framing of a record that stands alone.
_OVERHEAD_BYTES = 2_048


class KafkaProducer:
    """See `transport.Producer`. The client is made at the first send, and again after an error."""

    def __init__(self, servers: str, profile: Profile) -> None:
        self._servers = servers
        self._profile = profile
        self._client: AIOKafkaProducer | None = None
        self._partitions: dict[str, int] = {}
        self._stopping: set[asyncio.Task[None]] = set()

    async def send(self, messages: Sequence[Message]) -> Sent:
        """Send messages and wait for all acknowledgements; see `Producer.send`."""
        sending = _Sending(messages)
        try:
            async with asyncio.timeout(_SEND_TIMEOUT_SECONDS):
                await self._send(sending)
        except (KafkaError, OSError, TimeoutError) as error:
            self._discard()
            raise TransportError(type(error).__name__) from error
        except BaseException:
            self._discard()
            raise
        return Sent(sending.landed, frozenset(sending.refused))

    async def close(self) -> None:
        """Stop the client; see `Producer.close`."""
        self._discard()
        if self._stopping:
            await asyncio.wait(self._stopping, timeout=_STOP_TIMEOUT_SECONDS * 2)

    async def _send(self, sending: "_Sending") -> None:
        client = await self._connected()
        for place, message in enumerate(sending.messages):
            count = self._partitions.get(message.topic) or await self._count_partitions(client, message.topic)
            sending.assign(place, Partition(message.topic, partition_of(message.key, count)))
        parts = [sending.send_partition(client, partition, places) for partition, places in sending.places.items()]
        outcomes = await asyncio.gather(*parts, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        for partition, places in list(sending.left.items()):
            await self._send_singly(sending, partition, places)

    async def _send_singly(self, sending: "_Sending", partition: Partition, places: Sequence[int]) -> None:
        """Find out which messages of a refused batch are at fault."""
        # A refusal leaves an idempotent client with a gap in its numbers, so each begins with a fresh one.
        self._discard()
        for place in places:
            if not await sending.send_batch(await self._connected(), partition, [place]):
                sending.refused.add(place)
                self._discard()

    async def _connected(self) -> AIOKafkaProducer:
        if self._client is None:
            client = AIOKafkaProducer(bootstrap_servers=self._servers, **self._profile.producer())
            self._client = client
            async with asyncio.timeout(_START_TIMEOUT_SECONDS):
                await client.start()
        return self._client

    async def _count_partitions(self, client: AIOKafkaProducer, topic: str) -> int:
        self._partitions[topic] = len(await client.partitions_for(topic))
        return self._partitions[topic]

    def _discard(self) -> None:
        """Forget the client; it is stopped aside, because that can take long."""
        if self._client is not None:
            client, self._client = self._client, None
            self._partitions.clear()
            task = asyncio.ensure_future(_stop(client))
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)


class _Sending:
    """One call of `send` on its way."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages
        self.places: defaultdict[Partition, list[int]] = defaultdict(list)
        self.landed: dict[Partition, tuple[int, int]] = {}
        self.refused: set[int] = set()
        self.left: dict[Partition, Sequence[int]] = {}
        self._now_ms = int(SystemClock().now().timestamp() * 1000)

    def assign(self, place: int, partition: Partition) -> None:
        message = self.messages[place]
        if len(message.value) + len(message.key) + _OVERHEAD_BYTES > MAX_REQUEST_BYTES:
            self.refused.add(place)
        else:
            self.places[partition].append(place)

    async def send_partition(self, client: AIOKafkaProducer, partition: Partition, places: Sequence[int]) -> None:
        """Send the messages of a partition in as few batches as they fit in; those of a refused batch and after it are left."""
        start = 0
        while start < len(places):
            batch, count = self._fill(client, places, start)
            if not await self._deliver(client, partition, batch, places[start]):
                self.left[partition] = places[start:]
                return
            start += count

    async def send_batch(self, client: AIOKafkaProducer, partition: Partition, places: Sequence[int]) -> bool:
        """Send messages as one batch; False when the broker refuses it."""
        batch, _ = self._fill(client, places, 0)
        return await self._deliver(client, partition, batch, places[0])

    def _fill(self, client: AIOKafkaProducer, places: Sequence[int], start: int) -> tuple[Any, int]:
        batch = client.create_batch()
        count = 0
        for place in places[start:]:
            message = self.messages[place]
            if batch.append(timestamp=self._now_ms, key=message.key, value=message.value, headers=message.headers) is None:
                break
            count += 1
        # Closed, because the client may otherwise append to it.
        batch.close()
        return batch, count

    async def _deliver(self, client: AIOKafkaProducer, partition: Partition, batch: Any, first: int) -> bool:
        try:
            acknowledged = await client.send_batch(batch, partition.topic, partition=partition.number)
            metadata = await acknowledged
        except _REFUSALS as refusal:
            _log.warning("the broker refuses a batch", topic=partition.topic, reason=type(refusal).__name__)
            return False
        # Absent when the broker had the batch already and has forgotten where.
        if metadata.offset >= 0:
            self.landed[partition] = (metadata.offset, first)
        return True


async def _stop(client: AIOKafkaProducer) -> None:
    """Stop a client, whatever state it is in."""
    with contextlib.suppress(Exception):
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_SECONDS):
                await client.stop()
        except TimeoutError:
            # Its flush waits for batches that never come back: fail them, then the sockets can be closed.
            client._message_accumulator.fail_all(KafkaError())  # noqa: SLF001
            async with asyncio.timeout(_STOP_TIMEOUT_SECONDS):
                await client._sender.close()  # noqa: SLF001
                await client.client.close()

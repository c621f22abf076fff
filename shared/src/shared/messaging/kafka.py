"""The transport over aiokafka.

Traps of aiokafka 0.14 that this file walks round: a send or a stop can hang for ever, so each has a time limit; after a fatal
error every later send fails, so the client is built anew; a commit for lost partitions raises three different errors.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.messaging.kafka_producer import KafkaProducer
from shared.messaging.kafka_profiles import Profile
from shared.messaging.kafka_subscription import KafkaSubscription
from shared.messaging.transport import OnRevoked, Partition, Producer, Record, Subscription, TransportError

_TIMEOUT_SECONDS = 15.0


class KafkaTransport:
    """A Kafka-protocol broker.

    Args:
        servers: `host:port`, comma separated.
        profile: settings for the kind of broker.
    """

    def __init__(self, servers: str, profile: Profile) -> None:
        self._servers = servers
        self._profile = profile

    def producer(self) -> Producer:
        """Return a producer; see `Transport.producer`."""
        return KafkaProducer(self._servers, self._profile)

    async def subscribe(self, group: str, topics: Sequence[str], on_revoked: OnRevoked) -> Subscription:
        """Join a consumer group; see `Transport.subscribe`."""
        return await KafkaSubscription.join(self._servers, self._profile, group, topics, on_revoked)

    async def ensure_topics(self, topics: Sequence[str]) -> None:
        """Create the topics that are not there; see `Transport.ensure_topics`."""
        wanted = [self._new_topic(topic) for topic in topics]
        async with _limited("create topics"):
            admin = AIOKafkaAdminClient(bootstrap_servers=self._servers, request_timeout_ms=10_000)
            try:
                await admin.start()
                # Asked first: a broker may answer success, and do harm, for a topic that exists.
                existing = set(await admin.list_topics())
                missing = [topic for topic in wanted if topic.name not in existing]
                if missing:
                    _check_created(await admin.create_topics(missing))
            finally:
                await admin.close()

    def _new_topic(self, name: str) -> NewTopic:
        # aiokafka takes -1, the broker's default, only beside an assignment of replicas; an empty one leaves it to the broker.
        assignments = {} if self._profile.replication == -1 else None
        return NewTopic(name, self._profile.partitions, self._profile.replication, replica_assignments=assignments)

    async def end_offsets(self, topic: str) -> Mapping[Partition, int]:
        """Return where each partition ends; see `Transport.end_offsets`."""
        async with _limited("ask for the end of a topic"):
            consumer = AIOKafkaConsumer(topic, bootstrap_servers=self._servers, request_timeout_ms=10_000)
            try:
                await consumer.start()
                numbers = consumer.partitions_for_topic(topic)
                if not numbers:
                    raise TransportError("the topic does not exist")
                ends = await consumer.end_offsets([TopicPartition(topic, number) for number in numbers])
                return {Partition(place.topic, place.partition): end for place, end in ends.items()}
            finally:
                await consumer.stop()

    async def find(self, offsets: Mapping[Partition, int]) -> Mapping[Partition, Record | None]:
        """Return records by their offsets; see `Transport.find`."""
        if not offsets:
            return {}
        async with _limited("read single records"):
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._servers, request_timeout_ms=10_000, auto_offset_reset="earliest", fetch_max_wait_ms=10
            )
            try:
                await consumer.start()
                consumer.assign([TopicPartition(*place) for place in offsets])
                return await _find(consumer, offsets)
            finally:
                await consumer.stop()


async def _find(consumer: AIOKafkaConsumer, offsets: Mapping[Partition, int]) -> Mapping[Partition, Record | None]:
    oldest = await consumer.beginning_offsets([TopicPartition(*place) for place in offsets])
    found: dict[Partition, Record | None] = {}
    wanted = {place: offset for place, offset in offsets.items() if oldest[TopicPartition(*place)] <= offset}
    for place, offset in wanted.items():
        consumer.seek(TopicPartition(*place), offset)
    while len(found) < len(wanted):
        polled = await consumer.getmany(timeout_ms=50, max_records=len(wanted) * 10)
        for place, records in ((Partition(tp.topic, tp.partition), records) for tp, records in polled.items()):
            if place not in found:
                first = records[0]
                exact = first.offset == wanted[place]
                found[place] = Record(place, first.offset, first.key, first.value, first.headers) if exact else None
        for place in wanted.keys() - found.keys():
            end = consumer.highwater(TopicPartition(*place))
            if end is not None and end <= wanted[place]:
                found[place] = None
    return found


@contextlib.asynccontextmanager
async def _limited(what: str) -> AsyncIterator[None]:
    """Bound the time of a dialogue with the broker and translate its errors."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise TransportError(f"could not {what}: {type(error).__name__}") from error


def _check_created(response: object) -> None:
    for name, code, *_ in getattr(response, "topic_errors", ()):
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise TransportError(f"could not create the topic {name}: {error.__name__}")

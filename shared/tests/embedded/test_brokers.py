"""One suite for both brokers: topics as declared, records in order, and what a restart keeps."""

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from shared.embedded import free_port, kafka
from shared.embedded.broker import EmbeddedBroker, ensure_topics, read_topics
from shared.embedded.kafka import KafkaBroker
from shared.embedded.process import EmbeddedServerFailed
from shared.embedded.tansu import TansuBroker

TOPICS = {"things": 3, "others": 2}
NEEDS_JAVA = pytest.mark.skipif(not (shutil.which("java") and shutil.which("mvn")), reason="Apache Kafka needs Java and Maven")
MakeBroker = Callable[[Path], EmbeddedBroker]


def make_kafka(home: Path) -> EmbeddedBroker:
    return KafkaBroker(home, free_port(), free_port())


def make_tansu(home: Path) -> EmbeddedBroker:
    return TansuBroker(home, free_port())


@pytest.fixture(params=[make_tansu, pytest.param(make_kafka, marks=[pytest.mark.kafka, NEEDS_JAVA])])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmbeddedBroker]:
    make: MakeBroker = request.param
    server = make(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def producer(broker: EmbeddedBroker) -> AsyncIterator[AIOKafkaProducer]:
    await ensure_topics(broker.bootstrap_servers, TOPICS)
    client = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, acks="all", enable_idempotence=broker.profile == "kafka")
    await client.start()
    yield client
    await client.stop()


async def read(broker: EmbeddedBroker, count: int) -> list[bytes | None]:
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition("things", partition) for partition in range(TOPICS["things"])])
        values: list[bytes | None] = []
        while len(values) < count:
            records = await consumer.getmany(timeout_ms=5_000)
            assert records, f"only {len(values)} of {count} records came back"
            values += [record.value for batch in records.values() for record in batch]
        return values
    finally:
        await consumer.stop()


async def test_topics_have_their_partitions_and_may_be_declared_twice(broker: EmbeddedBroker) -> None:
    await ensure_topics(broker.bootstrap_servers, {"things": 3})
    await ensure_topics(broker.bootstrap_servers, TOPICS)
    with pytest.raises(EmbeddedServerFailed, match="3 partitions, 5 are declared"):
        await ensure_topics(broker.bootstrap_servers, {"things": 5})


async def test_records_of_one_key_come_back_in_order(broker: EmbeddedBroker, producer: AIOKafkaProducer) -> None:
    sent = [str(number).encode() for number in range(500)]
    for future in [await producer.send("things", value, key=b"one") for value in sent]:
        await future
    assert await read(broker, len(sent)) == sent


@pytest.mark.parametrize("broker", [pytest.param(make_kafka, marks=[pytest.mark.kafka, NEEDS_JAVA])], indirect=True)
async def test_kafka_keeps_its_records_when_killed(broker: EmbeddedBroker, producer: AIOKafkaProducer) -> None:
    await producer.send_and_wait("things", b"kept")
    broker.kill()
    assert not broker.is_running()
    broker.start()
    assert await read(broker, 1) == [b"kept"]


@pytest.mark.parametrize("broker", [make_tansu], indirect=True)
async def test_tansu_comes_back_empty(broker: EmbeddedBroker) -> None:
    await ensure_topics(broker.bootstrap_servers, {"things": 3})
    broker.kill()
    assert not broker.is_running()
    broker.start()
    await ensure_topics(broker.bootstrap_servers, {"things": 5})


def test_a_taken_port_is_named(broker: EmbeddedBroker, tmp_path: Path) -> None:
    port = int(broker.bootstrap_servers.rpartition(":")[2])
    with pytest.raises(EmbeddedServerFailed, match=str(port)):
        TansuBroker(tmp_path / "second", port).start()


def test_every_declared_topic_belongs_to_a_service() -> None:
    declared = read_topics(Path(__file__).parents[3] / "deploy" / "kafka" / "topics.yaml")
    assert declared == dict.fromkeys((f"regulars.{name}" for name in ("customers", "feedback", "loyalty", "analytics")), 12)


@pytest.mark.kafka
@NEEDS_JAVA
def test_an_id_that_looks_like_an_option_is_still_an_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "new_cluster_id", lambda: "-Zk3aXo5R0mN0vvkq1Vv4g")
    server = make_kafka(tmp_path)
    server.start()
    server.stop()
    assert "-Zk3aXo5R0mN0vvkq1Vv4g" in (tmp_path / "data" / "meta.properties").read_text()

"""What every transport must do: the simulator, the embedded broker, and Apache Kafka where there is one."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from aiokafka.consumer import fetcher
from messaging_sample import placed

from shared.embedded import free_port
from shared.embedded.kafka import KafkaBroker
from shared.embedded.tansu import TansuBroker
from shared.envelope import Message
from shared.messaging.kafka import KafkaTransport
from shared.messaging.kafka_profiles import PROFILES
from shared.messaging.simulator import SimulatedBroker
from shared.messaging.transport import Partition, Record, Subscription, Transport, TransportError
from shared.testing.bus import message

PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def tansu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TansuBroker]:
    server = TansuBroker(Path(tmp_path_factory.mktemp("tansu")), free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    server = KafkaBroker(Path(tmp_path_factory.mktemp("kafka")), free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["simulator", "tansu", pytest.param("kafka", marks=pytest.mark.kafka)])
def transport(request: pytest.FixtureRequest) -> Transport:
    if request.param == "simulator":
        return SimulatedBroker(seed=1).transport()
    if request.param == "tansu":
        return KafkaTransport(request.getfixturevalue("tansu").bootstrap_servers, PROFILES["tansu"])
    servers = os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or request.getfixturevalue("kafka").bootstrap_servers
    return KafkaTransport(servers, PROFILES["kafka"])


@pytest_asyncio.fixture
async def topic(transport: Transport) -> AsyncIterator[str]:
    name = f"contract-{uuid4().hex[:12]}"
    await transport.ensure_topics([name])
    yield name


def messages(topic: str, count: int, *, keys: int = 5) -> list[Message]:
    return [message(placed(f"o{n}", customer=f"c{n % keys}"), 1)._replace(topic=topic) for n in range(count)]


async def ignore(_: frozenset[Partition]) -> None:
    pass


async def read(subscription: Subscription, count: int) -> list[Record]:
    found: list[Record] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(found) < count:
            for records in (await subscription.poll(0.2, 1000)).values():
                found.extend(records)
    return found


async def send(transport: Transport, batch: list[Message]):
    producer = transport.producer()
    try:
        return await producer.send(batch)
    finally:
        await producer.close()


async def test_what_is_sent_is_read_whole_and_each_key_in_order(transport, topic):
    batch = messages(topic, 200)
    sent = await send(transport, batch)
    assert sent.refused == frozenset()
    subscription = await transport.subscribe(uuid4().hex, [topic], ignore)
    records = await read(subscription, 200)
    await subscription.close()
    for key in {one.key for one in batch}:
        wanted = [(one.value, list(one.headers)) for one in batch if one.key == key]
        assert [(record.value, list(record.headers)) for record in records if record.key == key] == wanted


async def test_offsets_grow_by_one_in_each_partition(transport, topic):
    await send(transport, messages(topic, 50))
    await send(transport, messages(topic, 50))
    subscription = await transport.subscribe(uuid4().hex, [topic], ignore)
    records = await read(subscription, 100)
    await subscription.close()
    for place in {record.partition for record in records}:
        offsets = [record.offset for record in records if record.partition == place]
        assert offsets == list(range(len(offsets)))


async def test_a_group_goes_on_from_what_it_committed(transport, topic):
    await send(transport, messages(topic, 40, keys=1))
    group = uuid4().hex
    first = await transport.subscribe(group, [topic], ignore)
    records = await read(first, 40)
    await first.commit({records[0].partition: 25})
    await first.close()
    second = await transport.subscribe(group, [topic], ignore)
    again = await read(second, 15)
    await second.close()
    assert [record.offset for record in again] == list(range(25, 40))


async def test_a_paused_partition_is_silent_until_it_is_resumed(transport, topic):
    subscription = await transport.subscribe(uuid4().hex, [topic], ignore)
    await send(transport, messages(topic, 5, keys=1))
    [place] = {record.partition for record in await read(subscription, 5)}
    subscription.pause(frozenset({place}))
    await send(transport, messages(topic, 5, keys=1))
    assert await subscription.poll(0.5, 100) == {}
    subscription.resume(frozenset({place}))
    assert len(await read(subscription, 5)) == 5
    await subscription.close()


async def test_lag_positions_and_rewind(transport, topic):
    await send(transport, messages(topic, 30, keys=1))
    subscription = await transport.subscribe(uuid4().hex, [topic], ignore)
    [place] = {record.partition for record in await read(subscription, 30)}
    assert (await subscription.positions())[place] == 30
    assert (await subscription.lag())[place] == 0
    await subscription.rewind(frozenset({place}))
    assert [record.offset for record in await read(subscription, 30)] == list(range(30))
    await subscription.close()


async def test_single_records_are_found(transport, topic):
    batch = messages(topic, 30, keys=1)
    sent = await send(transport, batch)
    [(place, (offset, row))] = sent.landed.items()
    found = await transport.find({place: offset})
    assert found[place] is not None
    assert found[place].value == batch[row].value
    assert await transport.find({place: 10_000}) == {place: None}
    empty = next(one for one in await transport.end_offsets(topic) if one != place)
    assert await transport.find({empty: 0}) == {empty: None}
    assert await transport.find({}) == {}


async def test_the_end_of_a_topic_never_lies_beyond_the_last_record(transport, topic):
    assert set((await transport.end_offsets(topic)).values()) == {0}
    sent = await send(transport, messages(topic, 20, keys=1))
    [(place, (offset, _))] = sent.landed.items()
    assert offset < (await transport.end_offsets(topic))[place] <= 20


async def test_a_message_that_is_too_large_is_refused_alone(transport, topic):
    batch = messages(topic, 5, keys=5)
    batch[2] = batch[2]._replace(value=b"x" * 3_000_000)
    sent = await send(transport, batch)
    assert sent.refused == frozenset({2})
    subscription = await transport.subscribe(uuid4().hex, [topic], ignore)
    assert len(await read(subscription, 4)) == 4
    await subscription.close()


async def test_members_share_the_partitions_and_are_asked_before_they_lose_some(transport, topic):
    group = uuid4().hex
    asked: list[frozenset[Partition]] = []

    async def on_revoked(partitions: frozenset[Partition]) -> None:
        asked.append(partitions)

    first = await transport.subscribe(group, [topic], on_revoked)
    await send(transport, messages(topic, 20))
    await read(first, 20)
    second = await transport.subscribe(group, [topic], ignore)
    every = set(await transport.end_offsets(topic))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            await asyncio.gather(first.poll(0.1, 10), second.poll(0.1, 10))
            mine, other = set(await first.positions()), set(await second.positions())
            if mine and other and mine | other == every and not mine & other:
                break
    assert any(asked)
    await asyncio.gather(first.close(), second.close())


async def test_topics_can_be_ensured_again(transport, topic):
    await send(transport, messages(topic, 3))
    await transport.ensure_topics([topic])
    assert sum((await transport.end_offsets(topic)).values()) > 0


async def test_a_broker_that_is_away_makes_no_call_hang():
    transport = KafkaTransport(f"127.0.0.1:{free_port()}", PROFILES["tansu"])
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(TransportError):
            await transport.ensure_topics(["x"])
        with pytest.raises(TransportError):
            await transport.subscribe("g", ["x"], ignore)
        producer = transport.producer()
        with pytest.raises(TransportError):
            await producer.send(messages("x", 1))
        await producer.close()


async def test_a_silent_subscription_asks_less_often_until_something_comes(tansu, monkeypatch):
    waits: list[int] = []

    class Told(fetcher.FetchRequest):
        def __init__(self, max_wait_ms: int, *rest: Any, **named: Any) -> None:
            waits.append(max_wait_ms)
            super().__init__(max_wait_ms, *rest, **named)

    async def until(wait: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not waits or waits[-1] != wait:
                await subscription.poll(0.05, 10)

    monkeypatch.setattr(fetcher, "FetchRequest", Told)
    profile = PROFILES["tansu"]
    transport, topic = KafkaTransport(tansu.bootstrap_servers, profile), f"contract-{uuid4().hex[:12]}"
    await transport.ensure_topics([topic])
    subscription = await transport.subscribe(uuid4().hex, [topic], ignore)
    await until(profile.idle_fetch_max_wait_ms)
    await send(transport, messages(topic, 1))
    await read(subscription, 1)
    await until(profile.fetch_max_wait_ms)
    await subscription.close()

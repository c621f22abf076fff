"""P5 and P7: the relay and the consumer, each beside the barest loop that does the same work without any promise."""

import asyncio
import contextlib
import gc
import statistics
import sys
import tempfile
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import uvloop
from aiokafka import AIOKafkaProducer

from bench_database import server
from figures import Figure
from shared.database.pool import PoolDatabase
from shared.database.unit_of_work import UnitOfWork
from shared.embedded import free_port
from shared.embedded.tansu import TansuBroker
from shared.ids import new_id, new_uuid
from shared.messaging.apply import Applied, Applier, Batch
from shared.messaging.consumer import Consumer
from shared.messaging.inbox import PostgresInboxStore
from shared.messaging.kafka import KafkaTransport
from shared.messaging.kafka_profiles import PROFILES
from shared.messaging.outbox_store import PostgresOutbox
from shared.messaging.relay import Forwarder
from shared.testing.databases import TestServer

sys.path.insert(0, str(Path(__file__).parents[2] / "shared" / "tests" / "messaging"))

from messaging_sample import SERVICE, placed

EVENTS = 40_000
KEYS = 4_000
RUNS = 3
TOPIC = "regulars.customers"
_BARE_TOPIC = "bare"
_BATCH = 2_000
_INBOX_BATCH = 1_000

_BARE_TABLE = "CREATE TABLE bare_outbox (id bigserial PRIMARY KEY, key text NOT NULL, payload text NOT NULL)"
_BARE_FILL = "INSERT INTO bare_outbox (key, payload) SELECT key, payload FROM event_log ORDER BY position"
_BARE_READ = "SELECT id, key, payload FROM bare_outbox ORDER BY id LIMIT $1"
_BARE_DELETE = "DELETE FROM bare_outbox WHERE id = ANY($1::bigint[])"
_BARE_INBOX = (
    "CREATE TABLE bare_inbox (consumer text, event_id uuid, applied_at timestamptz DEFAULT now(), PRIMARY KEY (consumer, event_id))"
)
_BARE_MARK = "INSERT INTO bare_inbox (consumer, event_id) SELECT 'bare', id FROM unnest($1::uuid[]) AS t (id) ON CONFLICT DO NOTHING"

_PLAIN_MARK = "INSERT INTO bare_inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"


async def measure() -> list[Figure]:
    """Run both on the loop that services run on."""
    return await asyncio.to_thread(lambda: uvloop.run(_measure()))


async def _measure() -> list[Figure]:
    # As the worker does, for both sides.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    with server(durable=True) as postgres, _broker() as broker:
        dsn = await TestServer(postgres).dsn_of_copy(SERVICE)
        database = await PoolDatabase.connect(dsn, max_size=4)
        try:
            return await _compare(dsn, database, broker)
        finally:
            await database.close()


@contextlib.contextmanager
def _broker() -> Iterator[TansuBroker]:
    with tempfile.TemporaryDirectory(prefix="bench-") as home:
        broker = TansuBroker(Path(home), free_port())
        try:
            broker.start()
            yield broker
        finally:
            broker.stop()


async def _compare(dsn: str, database: PoolDatabase, broker: TansuBroker) -> list[Figure]:
    transport = KafkaTransport(broker.bootstrap_servers, PROFILES["tansu"])
    await transport.ensure_topics([TOPIC, _BARE_TOPIC])
    connection = await asyncpg.connect(dsn)
    for statement in (_BARE_TABLE, _BARE_INBOX):
        await connection.execute(statement)
    relay, plain_relay, bare_relay, consumer, plain_inbox, bare_inbox = [], [], [], [], [], []
    for _ in range(RUNS):
        await _publish(database)
        relay.append(await _rate(lambda: _relay(dsn, transport)))
        consumer.append(await _rate(lambda: _consume(database, transport)))
        await connection.execute(_BARE_FILL)
        plain_relay.append(await _rate(lambda: _plain_relay(connection, broker)))
        await connection.execute(_BARE_FILL)
        bare_relay.append(await _rate(lambda: _bare_relay(connection, broker)))
        plain_inbox.append(await _rate(lambda: _plain_inbox(connection)))
        bare_inbox.append(await _rate(lambda: _bare_inbox(connection)))
        await connection.execute("TRUNCATE event_log")
    await connection.close()
    return [
        _figure("P5", "relay, ordered per key, beside read + send + delete", relay, plain_relay, least=20_000, share=0.5),
        _figure(
            "P5", "the same beside a loop that packs its batches by hand and sends no headers", relay, bare_relay, least=20_000, share=0.5
        ),
        _figure("P7", "consumer with inbox, gate and one effect, beside executemany", consumer, plain_inbox, least=10_000, share=0.4),
        _figure("P7", "the same beside one statement for a thousand rows", consumer, bare_inbox, least=10_000, share=0.4),
    ]


def _figure(goal: str, what: str, ours: list[float], reference: list[float], *, least: int, share: float) -> Figure:
    mine, bare = statistics.median(ours), statistics.median(reference)
    target = f">= {least:,}/s and >= {share:.0%} of the bare loop"
    return Figure(goal, what, round(mine), "events/s", target, mine >= least and mine >= share * bare, reference=round(bare))


async def _rate(work: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await work()
    return EVENTS / (time.perf_counter() - began)


async def _publish(database: PoolDatabase) -> None:
    for start in range(0, EVENTS, _BATCH):
        async with UnitOfWork(database) as unit_of_work:
            for number in range(start, start + _BATCH):
                unit_of_work.publish(placed(new_id("ord"), customer=f"cus_{number % KEYS:026}"), sequence=1)
            await unit_of_work.commit()


async def _relay(dsn: str, transport: KafkaTransport) -> None:
    producer = transport.producer()
    async with PostgresOutbox.open(dsn, lambda: None) as outbox:
        forwarder = Forwarder(outbox, producer)
        await forwarder.prepare()
        while await forwarder.step(range(16)):
            pass
    await producer.close()


async def _plain_relay(connection: asyncpg.Connection, broker: TansuBroker) -> None:
    """The loop as one writes it first: read, send each record, wait for all, delete."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, acks="all", max_batch_size=524_288)
    await producer.start()
    while rows := await connection.fetch(_BARE_READ, _BATCH):
        await asyncio.gather(*[await producer.send(_BARE_TOPIC, row["payload"].encode(), row["key"].encode()) for row in rows])
        await connection.execute(_BARE_DELETE, [row["id"] for row in rows])
    await producer.stop()


async def _bare_relay(connection: asyncpg.Connection, broker: TansuBroker) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, acks="all", max_batch_size=524_288)
    await producer.start()
    count = len(await producer.partitions_for(_BARE_TOPIC))
    while rows := await connection.fetch(_BARE_READ, _BATCH):
        batches = [producer.create_batch() for _ in range(count)]
        for row in rows:
            key = row["key"].encode()
            batches[zlib.crc32(key) % count].append(timestamp=None, key=key, value=row["payload"].encode(), headers=[])
        filled = [(number, batch) for number, batch in enumerate(batches) if batch.record_count()]
        await asyncio.gather(*[await producer.send_batch(batch, _BARE_TOPIC, partition=number) for number, batch in filled])
        await connection.execute(_BARE_DELETE, [row["id"] for row in rows])
    await producer.stop()


async def _consume(database: PoolDatabase, transport: KafkaTransport) -> None:
    applier = _Counting(SERVICE.handlers, PostgresInboxStore(database, SERVICE.name))
    stop = asyncio.Event()
    applier.enough = stop
    await Consumer(transport, applier, "bench", [TOPIC]).run(stop)


class _Counting(Applier):
    """Stops the consumer when all events of the run are applied."""

    enough: asyncio.Event
    applied = 0

    async def apply_batch(self, batch: Batch) -> Applied:
        done = await super().apply_batch(batch)
        self.applied += done.applied
        if self.applied >= EVENTS:
            self.enough.set()
        return done


async def _plain_inbox(connection: asyncpg.Connection) -> None:
    """The insert as one writes it first: a statement executed for many rows."""
    rows = [("plain", new_uuid()) for _ in range(EVENTS)]
    for start in range(0, EVENTS, _INBOX_BATCH):
        async with connection.transaction():
            await connection.executemany(_PLAIN_MARK, rows[start : start + _INBOX_BATCH])


async def _bare_inbox(connection: asyncpg.Connection) -> None:
    ids = [new_uuid() for _ in range(EVENTS)]
    for start in range(0, EVENTS, _INBOX_BATCH):
        async with connection.transaction():
            await connection.execute(_BARE_MARK, ids[start : start + _INBOX_BATCH])

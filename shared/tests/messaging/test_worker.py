"""Relay and consumer together, over a real broker and real Postgres."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from messaging_sample import SERVICE, placed, registered, returned

from shared.database.pool import PoolDatabase
from shared.database.unit_of_work import UnitOfWork
from shared.embedded.tansu import TansuBroker
from shared.messaging.kafka import KafkaTransport
from shared.messaging.kafka_profiles import PROFILES
from shared.messaging.rebuild import rebuild
from shared.messaging.replay import replay
from shared.messaging.worker import Worker
from shared.settings import ServiceSettings


@contextlib.asynccontextmanager
async def working(dsn: str, database: PoolDatabase, broker: TansuBroker) -> AsyncIterator[Worker]:
    settings = ServiceSettings(database_url=dsn, kafka_profile="tansu")  # pyright: ignore[reportArgumentType]
    worker = Worker(SERVICE, settings, database, KafkaTransport(broker.bootstrap_servers, PROFILES["tansu"]))
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    try:
        yield worker
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


async def eventually(effects, expected: int, query: str = "SELECT count(*) FROM effects") -> None:
    async with asyncio.timeout(30):
        while await effects.value(query) != expected:  # noqa: ASYNC110 - what is awaited happens in the database
            await asyncio.sleep(0.02)


async def publish(database: PoolDatabase, worker: Worker | None, first: int, last: int) -> None:
    async with UnitOfWork(database, after_commit=worker.nudge.ring if worker else None) as uow:
        for n in range(first, last):
            uow.publish(placed(f"o{n}", customer=f"c{n % 7}"), sequence=1)
            uow.publish(returned(f"o{n}", customer=f"c{n % 7}"), sequence=2)
        await uow.commit()


async def find_events(transport: KafkaTransport, expected: int) -> None:
    """Wait until a new group has found this many different events in the topic."""

    async def ignore(_: object) -> None:
        pass

    subscription = await transport.subscribe("counting", ["regulars.customers"], ignore)
    found: set[bytes] = set()
    async with asyncio.timeout(30):
        while len(found) < expected:
            polled = await subscription.poll(0.25, 1000)
            found |= {dict(record.headers)["ce_id"] for records in polled.values() for record in records}
    await subscription.close()


async def test_published_events_reach_the_handlers_in_order(committed_dsn, committed_database, broker, effects):
    async with working(committed_dsn, committed_database, broker) as worker:
        await publish(committed_database, worker, 0, 500)
        async with UnitOfWork(committed_database, after_commit=worker.nudge.ring) as uow:
            uow.publish(registered("c1"), sequence=1)
            await uow.commit()
        await eventually(effects, 1001)
        await eventually(effects, 0, "SELECT count(*) FROM outbox_pending")
        assert worker.is_alive()
    rows = await effects.fetch("SELECT key, array_agg(aggregate_id || sequence ORDER BY place) AS got FROM effects GROUP BY key")
    for row in rows:
        number = int(row["key"][1:])
        wanted = [f"o{n}{s}" for n in range(number, 500, 7) for s in (1, 2)]
        assert [one for one in row["got"] if one != "c11"] == wanted


async def test_a_broker_that_comes_back_empty_gets_everything_again(committed_dsn, committed_database, broker, effects):
    transport = KafkaTransport(broker.bootstrap_servers, PROFILES["tansu"])
    async with working(committed_dsn, committed_database, broker) as worker:
        await publish(committed_database, worker, 0, 50)
        await eventually(effects, 100)
        await eventually(effects, 0, "SELECT count(*) FROM outbox_pending")
    broker.kill()
    await publish(committed_database, None, 50, 60)
    broker.start()
    await transport.ensure_topics(["regulars.customers"])
    async with working(committed_dsn, committed_database, broker):
        await eventually(effects, 120)
        await eventually(effects, 0, "SELECT count(*) FROM outbox_pending")
        await find_events(transport, 120)
    assert await effects.value("SELECT count(DISTINCT event_id) FROM effects") == 120


async def test_replay_of_what_is_missing_does_nothing_while_the_broker_has_it(committed_dsn, committed_database, broker, effects):
    transport = KafkaTransport(broker.bootstrap_servers, PROFILES["tansu"])
    async with working(committed_dsn, committed_database, broker) as worker:
        await publish(committed_database, worker, 0, 20)
        await eventually(effects, 40)
        await eventually(effects, 0, "SELECT count(*) FROM outbox_pending")
    assert await replay(committed_database, transport, SERVICE, only_missing=True) == 0
    broker.kill()
    broker.start()
    assert await replay(committed_database, transport, SERVICE, only_missing=True) == 40
    assert await replay(committed_database, transport, SERVICE, only_missing=True) == 0


async def test_rebuild_fills_an_emptied_projection(committed_dsn, committed_database, broker, effects):
    transport = KafkaTransport(broker.bootstrap_servers, PROFILES["tansu"])
    async with working(committed_dsn, committed_database, broker) as worker:
        await publish(committed_database, worker, 0, 30)
        await eventually(effects, 60)
    before = sorted(await effects.all())
    told: list[tuple[int, int]] = []
    assert await rebuild(SERVICE, committed_database, transport, lambda done, total: told.append((done, total))) == 60
    assert sorted(await effects.all()) == before
    assert told[-1] == (60, 60)

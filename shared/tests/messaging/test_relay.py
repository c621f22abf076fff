"""The relay on real tables, and the two kinds of tables side by side."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio
from messaging_sample import placed

from shared.database.unit_of_work import UnitOfWork
from shared.ids import new_uuid
from shared.messaging.outbox import BUCKETS, bucket_of
from shared.messaging.outbox_store import PostgresOutbox
from shared.messaging.ports import Anchor, OutboxRow
from shared.messaging.relay import Forwarder, Share
from shared.messaging.replay import release_held, replay
from shared.messaging.simulator import MAX_MESSAGE_BYTES, SimulatedBroker, SimulatedProducer
from shared.messaging.transport import Partition
from shared.testing.bus import message
from shared.testing.memory_outbox import MemoryOutbox, OutboxTables, no_step

EVERY = range(BUCKETS)
PLACE = Partition("t", 0)


class Outbox:
    """Tables of one kind, and a way to fill and to open them."""

    def __init__(self, kind: str, dsn: str, database: Any) -> None:
        self._kind, self._dsn, self._database = kind, dsn, database
        self._tables = OutboxTables()

    async def publish(self, *keys: str) -> None:
        if self._kind == "memory":
            events = [message(placed(f"o{number}", customer=key), 1) for number, key in enumerate(keys)]
            self._tables.commit([(self._tables.draw_position(), event) for event in events])
            return
        async with UnitOfWork(self._database) as uow:
            for number, key in enumerate(keys):
                uow.publish(placed(f"o{number}", customer=key), sequence=1)
            await uow.commit()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Any]:
        opening = (
            MemoryOutbox.open(self._tables, no_step, lambda: None)
            if self._kind == "memory"
            else PostgresOutbox.open(self._dsn, lambda: None)
        )
        async with opening as store:
            yield store


@pytest_asyncio.fixture(params=["postgres", "memory"])
async def outbox(request: pytest.FixtureRequest, committed_dsn, committed_database) -> AsyncIterator[Outbox]:
    yield Outbox(request.param, committed_dsn, committed_database)


def keys_of(rows: Sequence[OutboxRow]) -> list[str]:
    return [row.message.key.decode() for row in rows]


async def test_pending_events_come_in_order_from_the_buckets_asked_for(outbox):
    await outbox.publish("a", "b", "a", "c")
    async with outbox.open() as store:
        assert keys_of(await store.pending(EVERY, 100)) == ["a", "b", "a", "c"]
        assert keys_of(await store.pending([bucket_of("a")], 100)) == ["a", "a"]
        assert await store.pending([], 100) == []


async def test_settled_events_are_forgotten_and_held_ones_set_aside(outbox):
    await outbox.publish("a", "b", "c")
    async with outbox.open() as store:
        first, second, _ = await store.pending(EVERY, 100)
        await store.settle(1, [first], [second], {})
        assert keys_of(await store.pending(EVERY, 100)) == ["c"]
        assert await store.held_keys() == {b"b"}


async def test_nothing_is_settled_for_an_epoch_that_is_over(outbox):
    await outbox.publish("a")
    async with outbox.open() as store:
        rows = await store.pending(EVERY, 100)
        await store.requeue_all(1)
        await store.settle(1, rows, [], {PLACE: Anchor(1, new_uuid())})
        assert keys_of(await store.pending(EVERY, 100)) == ["a"]
        assert (await store.memory()).anchors == {}


async def test_an_anchor_stays_until_it_is_moved_on(outbox):
    first, second, third = (Anchor(offset, new_uuid()) for offset in (5, 9, 2))
    async with outbox.open() as store:
        await store.settle(1, [], [], {PLACE: first})
        await store.settle(1, [], [], {PLACE: second})
        assert (await store.memory()).anchors == {PLACE: first}
        await store.move_anchors(1, {PLACE: second})
        await store.move_anchors(1, {PLACE: third})
        await store.move_anchors(2, {PLACE: Anchor(99, new_uuid())})
        assert (await store.memory()).anchors == {PLACE: second}


async def test_everything_is_queued_again_once_in_the_same_order(outbox):
    await outbox.publish("a", "b", "c")
    async with outbox.open() as store:
        rows = await store.pending(EVERY, 100)
        await store.settle(1, rows[:2], [], {PLACE: Anchor(1, new_uuid())})
        assert await store.requeue_all(1) == 2
        assert await store.requeue_all(1) == 0
        assert (await store.memory()).epoch == 2
        assert await store.pending(EVERY, 100) == rows


async def test_a_bucket_has_one_owner_until_its_connection_ends(outbox):
    async with outbox.open() as other:
        async with outbox.open() as store:
            assert await store.relays() == 2
            assert await store.take(3)
            assert not await other.take(3)
        assert await eventually_alone(other)
        assert await other.take(3)
        await other.give_up(3)
        async with outbox.open() as store:
            assert await store.take(3)


async def eventually_alone(store: Any) -> bool:
    async with asyncio.timeout(10):
        while await store.relays() > 1:  # noqa: ASYNC110 - what is awaited happens in the database
            await asyncio.sleep(0.01)
    return True


async def test_relays_share_the_buckets_fairly(outbox):
    async with outbox.open() as one, outbox.open() as two, outbox.open() as three:
        shares = [Share(store, random.Random(number)) for number, store in enumerate((one, two, three))]
        for _ in range(3):
            for share in shares:
                await share.balance()
        owned = [bucket for share in shares for bucket in share.owned]
        assert sorted(owned) == list(EVERY)
        assert max(len(share.owned) for share in shares) <= 6


async def test_a_relay_alone_owns_all_and_gives_some_up_when_another_comes(outbox):
    async with outbox.open() as one:
        first = Share(one, random.Random(1))
        await first.balance()
        assert len(first.owned) == BUCKETS
        async with outbox.open() as two:
            second = Share(two, random.Random(2))
            await second.balance()
            assert second.owned == []
            await first.balance()
            await second.balance()
            assert (len(first.owned), len(second.owned)) == (8, 8)


async def test_a_refused_message_holds_its_key_and_no_other(outbox, committed_database):
    broker = SimulatedBroker(seed=1)

    class Refusing(SimulatedProducer):
        async def send(self, messages):
            return await super().send([m._replace(value=b"x" * (MAX_MESSAGE_BYTES + 1)) if m.key == b"bad" else m for m in messages])

    await outbox.publish("a", "bad", "b", "bad")
    async with outbox.open() as store:
        forwarder = Forwarder(store, Refusing(broker, broker.transport()._host))
        await forwarder.prepare()
        assert await forwarder.step(EVERY) == 4
        assert await store.held_keys() == {b"bad"}
        await outbox.publish("bad", "c")
        await forwarder.step(EVERY)
        assert await store.pending(EVERY, 100) == []
        sent = [record.key for log in broker.logs.values() for record in log]
        assert sorted(key for key in sent if key) == [b"a", b"b", b"c"]


async def test_held_events_go_out_in_order_once_they_are_released(committed_dsn, committed_database):
    outbox = Outbox("postgres", committed_dsn, committed_database)
    await outbox.publish("bad", "bad")
    async with outbox.open() as store:
        rows = await store.pending(EVERY, 100)
        await store.settle(1, [], rows, {})
        assert await release_held(committed_database) == 2
        assert await store.pending(EVERY, 100) == rows


async def test_replay_since_a_moment(committed_dsn, committed_database, service):
    outbox = Outbox("postgres", committed_dsn, committed_database)
    transport = SimulatedBroker().transport()
    await outbox.publish("a")
    async with outbox.open() as store:
        await store.settle(1, await store.pending(EVERY, 100), [], {})
        async with committed_database.acquire() as connection:
            moment = await connection.fetchval("SELECT clock_timestamp()")
        await outbox.publish("b")
        await store.settle(1, await store.pending(EVERY, 100), [], {})
        assert await replay(committed_database, transport, service, since=moment) == 1
        assert keys_of(await store.pending(EVERY, 100)) == ["b"]
        assert await replay(committed_database, transport, service) == 1
        assert keys_of(await store.pending(EVERY, 100)) == ["a", "b"]

"""The consumer's loop over the simulated broker: what it does with faults, and with points at which it may be killed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from messaging_sample import SERVICE, placed

from shared.messaging import failpoints
from shared.messaging.apply import Applier
from shared.messaging.consumer import Consumer
from shared.messaging.inbox import PostgresInboxStore
from shared.messaging.nudge import Nudge
from shared.messaging.simulator import SimulatedBroker
from shared.messaging.transport import TransportError
from shared.messaging.watchdog import STALL_SECONDS, Stalled, Watchdog
from shared.testing.bus import message
from shared.testing.virtual_loop import run_virtually

TOPIC = "regulars.customers"


@contextlib.asynccontextmanager
async def consuming(broker: SimulatedBroker, database) -> AsyncIterator[Consumer]:
    applier = Applier(SERVICE.handlers, PostgresInboxStore(database, SERVICE.name))
    consumer = Consumer(broker.transport(), applier, "group", [TOPIC])
    stop = asyncio.Event()
    task = asyncio.create_task(consumer.run(stop))
    try:
        yield consumer
    finally:
        stop.set()
        with contextlib.suppress(failpoints.FailpointReached):
            await asyncio.wait_for(task, 20)


async def eventually(effects, expected: int) -> None:
    async with asyncio.timeout(20):
        while await effects.value("SELECT count(*) FROM effects") != expected:  # noqa: ASYNC110 - it happens in the database
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("point", ["consumer.after_admit", "consumer.after_handlers", "consumer.before_commit", "consumer.after_commit"])
async def test_a_passing_fault_is_waited_out_in_place(committed_database, effects, monkeypatch, point):
    monkeypatch.setattr(failpoints, "_armed", failpoints.read_failpoints(f"{point}:raise"))
    broker = SimulatedBroker(seed=3)
    for number in range(20):
        broker.append(message(placed(f"o{number}", customer=f"c{number % 4}"), 1))
    async with consuming(broker, committed_database):
        await eventually(effects, 20)
    assert await effects.value("SELECT count(*) FROM inbox") == 20
    assert await effects.value("SELECT count(*) FROM dead_letters") == 0


async def test_offsets_are_committed_when_it_stops(committed_database, effects):
    broker = SimulatedBroker(seed=3)
    for number in range(20):
        broker.append(message(placed(f"o{number}", customer=f"c{number}"), 1))
    async with consuming(broker, committed_database):
        await eventually(effects, 20)
    assert sum(broker.group("group").committed.values()) == 20


async def test_two_members_share_the_work(committed_database, effects):
    broker = SimulatedBroker(seed=3)
    async with consuming(broker, committed_database), consuming(broker, committed_database):
        for number in range(60):
            broker.append(message(placed(f"o{number}", customer=f"c{number}"), 1))
        await eventually(effects, 60)
    assert await effects.value("SELECT count(DISTINCT event_id) FROM effects") == 60


def test_the_watchdog_builds_a_silent_client_anew_and_then_gives_up():
    async def watch() -> list[bool]:
        broker = SimulatedBroker(seed=1)
        transport = broker.transport()
        await transport.ensure_topics([TOPIC])

        async def ignore(_: object) -> None:
            pass

        subscription = await transport.subscribe("group", [TOPIC], ignore)
        await subscription.poll(0, 10)
        broker.append(message(placed("o"), 1))
        watchdog, alive = Watchdog(transport, [TOPIC]), []
        for _ in range(2):
            await watchdog.look(subscription, frozenset())
            await asyncio.sleep(STALL_SECONDS + 1)
            with pytest.raises(Stalled):
                await watchdog.look(subscription, frozenset())
            alive.append(watchdog.is_alive())
        watchdog.progress()
        return [*alive, watchdog.is_alive()]

    assert run_virtually(watch()) == [True, False, True]


def test_the_watchdog_is_patient_with_an_idle_topic_and_with_faults_of_our_own():
    async def watch() -> bool:
        broker = SimulatedBroker(seed=1)
        transport = broker.transport()
        await transport.ensure_topics([TOPIC])

        async def ignore(_: object) -> None:
            pass

        subscription = await transport.subscribe("group", [TOPIC], ignore)
        await subscription.poll(0, 10)
        watchdog = Watchdog(transport, [TOPIC])
        for _ in range(5):
            await watchdog.look(subscription, frozenset())
            await asyncio.sleep(STALL_SECONDS + 1)
        place, _ = broker.append(message(placed("o"), 1))
        for _ in range(5):
            await watchdog.look(subscription, frozenset({place}))
            await asyncio.sleep(STALL_SECONDS + 1)
        return watchdog.is_alive()

    assert run_virtually(watch())


@pytest.mark.parametrize("setting", ["nowhere:kill", "relay.after_send:explode", "relay.after_send:kill:many"])
def test_unknown_failpoints_are_refused(setting):
    with pytest.raises(ValueError):  # noqa: PT011 - the class is the promise
        failpoints.read_failpoints(setting)


def test_a_failpoint_strikes_at_the_passage_that_was_named(monkeypatch):
    monkeypatch.setattr(failpoints, "_armed", failpoints.read_failpoints("relay.after_send:raise:3"))
    failpoints.failpoint("relay.after_send")
    failpoints.failpoint("relay.after_read")
    failpoints.failpoint("relay.after_send")
    with pytest.raises(failpoints.FailpointReached):
        failpoints.failpoint("relay.after_send")
    failpoints.failpoint("relay.after_send")


def test_every_failpoint_is_passed_somewhere():
    from pathlib import Path

    source = "".join(path.read_text() for path in Path(failpoints.__file__).parents[1].rglob("*.py") if path.name != "failpoints.py")
    assert [name for name in failpoints.FAILPOINTS if f'failpoint("{name}")' not in source and not name.startswith("request.")] == []


def test_rings_between_two_waits_are_one():
    async def ring() -> tuple[bool, bool]:
        nudge = Nudge()
        nudge.ring()
        nudge.ring()
        return await nudge.wait(1), await nudge.wait(1)

    assert run_virtually(ring()) == (True, False)


def test_requests_get_lost_as_told():
    async def ask() -> None:
        from shared.messaging.simulator import Faults

        broker = SimulatedBroker(seed=1, faults=Faults(drop_request=1.0))
        with pytest.raises(TransportError):
            await broker.transport().ensure_topics([TOPIC])

    run_virtually(ask())

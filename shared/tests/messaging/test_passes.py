"""Passes do what is due once, whoever looks, and one that fails hinders no other."""

import asyncio
from datetime import UTC, datetime

from shared.clock import FrozenClock
from shared.database.unit_of_work import UnitOfWork
from shared.messaging.passes import Passes

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


async def test_a_pass_goes_on_until_nothing_is_due_and_is_told_the_time(database):
    told, left = [], 3

    async def work(uow: UnitOfWork, now: datetime) -> bool:
        nonlocal left
        assert await uow.connection.fetchval("SELECT 1") == 1
        told.append(now)
        left -= 1
        return left > 0

    passes = Passes(database, {"work": work}, clock=FrozenClock(NOW))
    await passes.run_once()
    assert told == [NOW] * 3


async def test_a_pass_that_fails_hinders_no_other_and_is_tried_again(database):
    done = []

    async def broken(uow: UnitOfWork, now: datetime) -> bool:
        done.append("broken")
        await uow.connection.execute("SELECT 1 / 0")
        return True

    async def whole(uow: UnitOfWork, now: datetime) -> bool:
        done.append("whole")
        return False

    passes = Passes(database, {"broken": broken, "whole": whole})
    await passes.run_once()
    await passes.run_once()
    assert done == ["broken", "whole"] * 2


async def test_it_stops_when_told(database):
    stop = asyncio.Event()

    async def endless(uow: UnitOfWork, now: datetime) -> bool:
        stop.set()
        return True

    async with asyncio.timeout(10):
        await Passes(database, {"endless": endless}).run(stop)

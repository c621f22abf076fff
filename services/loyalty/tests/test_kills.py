"""Killed at any moment, a thousand times if wanted, the ledger ends as if nobody had ever been killed."""

import asyncio
import multiprocessing
import os
import time
from multiprocessing.sharedctypes import RawValue
from random import Random

import killed_worker
import pytest
from killed_worker import MEMBERS, Progress

from loyalty.verification.rules import is_sound
from shared.testing.databases import open_pool

# `KILLS=1000 pytest services/loyalty/tests/test_kills.py` takes some minutes.
KILLS = int(os.environ.get("KILLS", "25"))
_SEED = 20261122
_START_SECONDS = 60
# Long enough for several steps, short enough that most die within one.
_LONGEST_LIFE_SECONDS = 0.2


@pytest.mark.long
async def test_kills_neither_lose_nor_double_a_point(committed_ledger, committed_key, committed_dsn, test_server, service):
    key = await committed_key()
    progress = RawValue(Progress)
    kills = await asyncio.to_thread(_kill_workers, committed_dsn, key, progress)
    assert kills == KILLS
    # One more step, for the last worker may have been killed between doing and telling.
    steps = progress.done + 1
    assert steps > MEMBERS
    await killed_worker._run(committed_dsn, key, _SEED, progress, steps)
    undisturbed = await test_server.dsn_of_copy(service)
    try:
        assert await _state(committed_ledger) == await _told_once(undisturbed, steps, type(committed_ledger), committed_key.func)
    finally:
        await test_server.drop(undisturbed)
    assert is_sound(await committed_ledger.proof())


def _kill_workers(dsn: str, key: str, progress: Progress) -> int:
    """Start workers one after the other and kill each at a moment of its work; return how many."""
    context = multiprocessing.get_context("forkserver")
    # What takes long to import; the worker's own module is not on the path of the server.
    context.set_forkserver_preload(["loyalty.app", "shared.testing.bus", "shared.testing.databases", "httpx2"])
    random, longest = Random(_SEED), _LONGEST_LIFE_SECONDS
    for _ in range(KILLS):
        progress.at_work, before = False, progress.done
        worker = context.Process(target=killed_worker.run, args=(dsn, key, _SEED, progress), daemon=True)
        worker.start()
        began = time.monotonic()
        while not progress.at_work and worker.is_alive() and time.monotonic() - began < _START_SECONDS:
            time.sleep(0.001)
        time.sleep(random.uniform(0, longest))
        assert worker.is_alive(), "the worker ended by itself"
        worker.kill()
        worker.join()
        # On a slow machine they live longer, or nothing would ever be done.
        longest = longest * 1.5 if progress.done == before else _LONGEST_LIFE_SECONDS
    return KILLS


async def _told_once(dsn: str, steps: int, make_ledger, issue_key) -> object:

    pool = await open_pool(dsn)
    try:
        ledger = make_ledger(pool)
        await killed_worker._run(dsn, await issue_key(ledger), _SEED, RawValue(Progress), steps)
        return await _state(ledger)
    finally:
        await pool.close()


async def _state(ledger) -> object:
    """What each member has, and every entry but for its ids."""
    members = [await ledger.member(f"cus_{n}") for n in range(MEMBERS)]
    entries = await ledger.fetch("SELECT customer_id, kind, points, order_id, occurred_at::date FROM entries WHERE order_id IS NOT NULL")
    others = await ledger.fetch("SELECT customer_id, kind, points FROM entries WHERE order_id IS NULL")
    return members, sorted(map(tuple, entries)), sorted(map(tuple, others))

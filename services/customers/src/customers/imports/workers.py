"""Where files are read: beside the event loop, small ones in a thread, large ones in a process of their own."""

import asyncio
import gc
import multiprocessing
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from functools import partial

from customers.imports.validation import Parsed, Plan, parse

# To start a process takes as long as to read this much.
SMALL_FILE_BYTES = 2_097_152
# Rows leave no cycles behind, and thousands of them are alive at once: the collector would look through them in vain.
_COLLECTED_EVERY = 100_000

Parse = Callable[[Plan, bytes, int, int, bool], Awaitable[Parsed]]


@asynccontextmanager
async def reading(file_bytes: int) -> AsyncIterator[Parse]:
    """Lend what reads the pieces of a file of this size."""
    if file_bytes <= SMALL_FILE_BYTES:
        yield _in_thread
        return
    # A fresh process: one that is forked would inherit the connections and the loop.
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_settle)
    try:
        yield partial(_in_process, pool)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _settle() -> None:
    gc.freeze()
    gc.set_threshold(_COLLECTED_EVERY)


async def _in_thread(plan: Plan, piece: bytes, first_row: int, limit: int, last: bool) -> Parsed:  # noqa: FBT001
    return await asyncio.to_thread(parse, plan, piece, first_row, limit, last=last)


async def _in_process(pool: ProcessPoolExecutor, plan: Plan, piece: bytes, first_row: int, limit: int, last: bool) -> Parsed:  # noqa: FBT001
    work = partial(parse, plan, piece, first_row, limit, last=last)
    return await asyncio.get_running_loop().run_in_executor(pool, work)

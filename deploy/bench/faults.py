"""F3 and F6 in figures: how much slower are writes while the broker is away, and other customers' events beside poisonous ones."""

import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

from figures import Figure

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))

from poison import Poison
from stack import Stack
from steady import CUSTOMERS, EVENTS_PER_SECOND, applied_after, order_steadily

SECONDS = 20
_POISONED = CUSTOMERS // 100


async def measure() -> list[Figure]:
    """Order at a steady pace: as always, with one customer in a hundred refused by loyalty, and with the broker away."""
    stack = Stack(Path(tempfile.mkdtemp(prefix="faults-")), postgres_settings={"track_commit_timestamp": "on"})
    try:
        await asyncio.to_thread(stack.start, ("customers", "loyalty"))
        # Every customer is known and every path warm before anything is counted.
        await order_steadily(stack, "warm", CUSTOMERS / EVENTS_PER_SECOND)
        usual = await order_steadily(stack, "usual", SECONDS)
        healthy = await applied_after(stack, "usual", SECONDS)
        beside = await _beside_poison(stack)
        await asyncio.to_thread(stack.broker.stop)
        alone = await order_steadily(stack, "alone", SECONDS)
    finally:
        stack.stop()
    return [
        _ratio("F6", "commit to applied for others, p99, beside 1 % poison", _p99(beside), _p99(healthy), 1.2),
        _ratio("F3", "write (10 orders a call), p99, broker away", _p99(alone), _p99(usual), 1.5),
    ]


async def _beside_poison(stack: Stack) -> list[float]:
    rows = await asyncio.to_thread(
        stack.query,
        "customers",
        f"SELECT id FROM customers ORDER BY external_id LIMIT {_POISONED}",  # noqa: S608 - a number of ours
    )
    refused = tuple(row["id"] for row in rows)
    await asyncio.to_thread(Poison(stack).spread, refused)
    await order_steadily(stack, "beside", SECONDS)
    orders = int(EVENTS_PER_SECOND * SECONDS)
    return await applied_after(stack, "beside", SECONDS, but_not_of=refused, lost=orders * _POISONED // CUSTOMERS)


def _p99(milliseconds: list[float]) -> float:
    return statistics.quantiles(milliseconds, n=100)[98]


def _ratio(goal: str, what: str, ours: float, reference: float, most: float) -> Figure:
    return Figure(goal, what, ours, "ms", f"<= {most}x of the usual", ours <= most * reference, reference=reference)

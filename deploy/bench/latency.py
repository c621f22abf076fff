"""P6: from the commit in one service to the effect in another, at a steady 500 events a second."""

import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

from figures import Figure

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))

from stack import Stack
from steady import CUSTOMERS, EVENTS_PER_SECOND, applied_after, order_steadily

SECONDS = 20


async def measure() -> list[Figure]:
    """Place orders in small batches at a steady pace and compare the two moments of each event."""
    stack = Stack(Path(tempfile.mkdtemp(prefix="latency-")), postgres_settings={"track_commit_timestamp": "on"})
    try:
        await asyncio.to_thread(stack.start, ("customers", "loyalty"))
        # Everybody's first order makes a customer, whose events are as many again as those of orders.
        await order_steadily(stack, "first", CUSTOMERS / EVENTS_PER_SECOND)
        await order_steadily(stack, "latency", SECONDS)
        latencies = await applied_after(stack, "latency", SECONDS)
    finally:
        stack.stop()
    p50, p99 = statistics.median(latencies), statistics.quantiles(latencies, n=100)[98]
    what = f"commit to applied at {EVENTS_PER_SECOND} events/s"
    return [
        Figure("P6", f"{what}, p50", p50, "ms", "<= 15 ms", p50 <= 15),
        Figure("P6", f"{what}, p99", p99, "ms", "<= 75 ms", p99 <= 75),
    ]

"""P6: from the commit in one service to the effect in another, at a steady 500 events a second."""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import asyncpg
import httpx2

from figures import Figure

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))

from stack import Stack

EVENTS_PER_SECOND = 500
SECONDS = 20
_BATCH = 10
_WARM_UP = 200

# Both moments are the database's: when the order's transaction committed, and when loyalty's did.
_LATENCIES = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(i.xmin) - pg_xact_commit_timestamp(e.xmin)) * 1000 AS milliseconds
FROM customers.event_log e JOIN loyalty.inbox i ON i.event_id = e.id
WHERE e.type = 'regulars.customers.order_placed.v1'
ORDER BY e.recorded_at OFFSET $1
"""


async def measure() -> list[Figure]:
    """Place orders in small batches at a steady pace and compare the two moments of each event."""
    stack = Stack(Path(tempfile.mkdtemp(prefix="latency-")), postgres_settings={"track_commit_timestamp": "on"})
    try:
        await asyncio.to_thread(stack.start, ("customers", "loyalty"))
        sent = await _order_steadily(stack)
        latencies = await _latencies(stack, sent)
    finally:
        stack.stop()
    p50, p99 = statistics.median(latencies), statistics.quantiles(latencies, n=100)[98]
    what = f"commit to applied at {EVENTS_PER_SECOND} events/s"
    return [
        Figure("P6", f"{what}, p50", p50, "ms", "<= 15 ms", p50 <= 15),
        Figure("P6", f"{what}, p99", p99, "ms", "<= 75 ms", p99 <= 75),
    ]


async def _order_steadily(stack: Stack) -> int:
    async with httpx2.AsyncClient(
        base_url=stack.url("customers"), headers={"Authorization": f"Bearer {stack.server_key}"}, timeout=30
    ) as client:
        began = time.monotonic()
        for batch in range(EVENTS_PER_SECOND * SECONDS // _BATCH):
            due = began + batch * _BATCH / EVENTS_PER_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            items = [_order(batch * _BATCH + number) for number in range(_BATCH)]
            (await client.post("/v1/orders/batch", json={"items": items})).raise_for_status()
    return EVENTS_PER_SECOND * SECONDS


def _order(number: int) -> dict[str, object]:
    return {
        "external_id": f"latency-{number}",
        "customer_external_id": f"latency-customer-{number % 5_000}",
        "placed_at": "2026-01-01T00:00:00Z",
        "currency": "EUR",
        "lines": [{"sku": "tea", "quantity": 1, "amount_minor": 1_234}],
    }


async def _latencies(stack: Stack, expected: int) -> list[float]:
    connection = await asyncpg.connect(stack.admin_dsn)
    try:
        for _ in range(300):
            rows = await connection.fetch(_LATENCIES, _WARM_UP)
            if len(rows) == expected - _WARM_UP:
                return [float(row["milliseconds"]) for row in rows]
            await asyncio.sleep(0.1)
    finally:
        await connection.close()
    raise RuntimeError(f"{len(rows)} of {expected} events were applied")

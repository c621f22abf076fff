"""Orders at a steady pace, and how long each took until another service had applied it."""

import asyncio
import time

import asyncpg
import httpx2

from stack import Stack

EVENTS_PER_SECOND = 500
_BATCH = 10
CUSTOMERS = 5_000

# Both moments are the database's: when the order's transaction committed, and when loyalty's did.
_LATENCIES = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(i.xmin) - pg_xact_commit_timestamp(e.xmin)) * 1000 AS milliseconds
FROM customers.event_log e JOIN loyalty.inbox i ON i.event_id = e.id JOIN customers.orders o ON o.id = e.aggregateid
WHERE e.type = 'regulars.customers.order_placed.v1' AND o.external_id LIKE $1 AND NOT e.key = ANY($2::text[])
ORDER BY e.recorded_at OFFSET $3
"""


async def order_steadily(stack: Stack, name: str, seconds: float) -> list[float]:
    """Place orders in batches of ten at a steady pace; return the milliseconds that each call took.

    Args:
        stack: whose customers service.
        name: prefix of the orders' external ids.
        seconds: how long.
    """
    took: list[float] = []
    async with httpx2.AsyncClient(
        base_url=stack.url("customers"), headers={"Authorization": f"Bearer {stack.server_key}"}, timeout=30
    ) as client:
        began = time.monotonic()
        for batch in range(int(EVENTS_PER_SECOND * seconds) // _BATCH):
            await asyncio.sleep(max(0.0, began + batch * _BATCH / EVENTS_PER_SECOND - time.monotonic()))
            items = [_order(name, batch * _BATCH + number) for number in range(_BATCH)]
            sent = time.perf_counter()
            (await client.post("/v1/orders/batch", json={"items": items})).raise_for_status()
            took.append((time.perf_counter() - sent) * 1_000)
    return took


async def applied_after(
    stack: Stack, name: str, seconds: float, *, but_not_of: tuple[str, ...] = (), lost: int = 0, warm_up: int = 200
) -> list[float]:
    """Return the milliseconds from the commit of each order to the commit of its effect in loyalty, once all are applied.

    Args:
        stack: with `track_commit_timestamp` on.
        name: prefix of the orders' external ids.
        seconds: how long they were placed.
        but_not_of: ids of customers whose orders are left out.
        lost: how many orders are theirs.
        warm_up: orders at the start that do not count.
    """
    expected = int(EVENTS_PER_SECOND * seconds) - lost - warm_up
    rows: list[asyncpg.Record] = []
    connection = await asyncpg.connect(stack.admin_dsn)
    try:
        for _ in range(300):
            rows = await connection.fetch(_LATENCIES, f"{name}-%", list(but_not_of), warm_up)
            if len(rows) == expected:
                return [float(row["milliseconds"]) for row in rows]
            await asyncio.sleep(0.1)
    finally:
        await connection.close()
    raise RuntimeError(f"{len(rows)} of {expected} events were applied")


def _order(name: str, number: int) -> dict[str, object]:
    return {
        "external_id": f"{name}-{number}",
        "customer_external_id": f"steady-customer-{number % CUSTOMERS}",
        "placed_at": "2026-01-01T00:00:00Z",
        "currency": "EUR",
        "lines": [{"sku": "tea", "quantity": 1, "amount_minor": 1_234}],
    }

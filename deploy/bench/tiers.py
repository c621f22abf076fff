"""P15 and P3 with tiers: a member with very many orders in the window beside one with few, and batches with tiers beside those without.

Orders and returns go through the service's own handlers, readings over its interface, in turns, so that a noisy moment of the machine meets
all. Processor time is this process's and that of the connection's Postgres process.
"""

import contextlib
import os
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import psutil

from bench_database import migrated, server
from figures import Figure
from heard_programmes import Feature, hear, one_rule, registered, served
from loyalty.app import SERVICE
from shared.contracts.customers import Line, OrderPlaced, OrderReturned
from shared.database.pool import PoolDatabase
from shared.embedded import EmbeddedPostgres
from shared.ids import new_id

FEW, MANY = 10, int(os.environ.get("TIERS_MANY", "10000"))
MEMBERS, BATCH, ROUNDS = 2_000, 100, 20
LOOKS = int(os.environ.get("TIERS_LOOKS", "60"))
_GROWTH_GOAL = 1.5
_SINCE = (datetime.now(UTC) - timedelta(days=800)).isoformat()
_YEAR = {"kind": "calendar", "unit": "year"}
_SCHEMES: dict[str, dict[str, Any]] = {
    "by money in a year": {"measure": "spend", "period": _YEAR},
    "by points in 12 months, held for 12": {
        "measure": "points",
        "wallet": "points",
        "period": {"kind": "rolling", "unit": "months", "length": 12, "hold_months": 12},
    },
    "by money in 180 days": {"measure": "spend", "period": {"kind": "rolling", "unit": "days", "length": 180}},
}
# An order is of 10 to 30 euros; who has ten of them is silver.
_TIERS = (("green", 0, "1"), ("silver", 50, "1.2"), ("gold", 100_000, "1.5"))


async def measure() -> list[Figure]:
    """Compare members by how much they have bought, and batches by whether there are tiers."""
    with server(durable=True) as postgres:
        figures = await _batches(postgres)
        for number, (what, how) in enumerate(_SCHEMES.items()):
            async with _opened(postgres, f"grown_{number}", [_tiers(how)]) as (pool, client):
                figures += await _grown(what, pool, client)
        return figures


def _tiers(how: dict[str, Any], *, is_multiplying: bool = True) -> Feature:
    async def set_up(client: httpx2.AsyncClient, _database: PoolDatabase) -> None:
        path = "/v1/tiers/qualification"
        tag = {"if-match": (await client.get(path)).headers["etag"]}
        _expect(await client.put(path, json=how | {"effective_from": _SINCE}, headers=tag))
        for rank, (code, threshold, factor) in enumerate(_TIERS, 1):
            tier = {"code": code, "name": {"en": code}, "rank": rank, "effective_from": _SINCE}
            tier |= {"threshold": threshold * (1 if how["measure"] == "points" else 100)}
            tier |= {"benefits": {"multiplier": factor if is_multiplying else "1"}}
            _expect(await client.post("/v1/tiers", json=tier))

    return set_up


def _expect(answer: httpx2.Response) -> None:
    if not answer.is_success:
        raise RuntimeError(answer.text)


@dataclass
class _Work:
    """What one kind of act took, by customer: seconds, and processor time."""

    seconds: dict[str, list[float]]
    processor: dict[str, float]


async def _grown(what: str, pool: PoolDatabase, client: httpx2.AsyncClient) -> list[Figure]:
    # All within this year and the window.
    span = min(timedelta(days=170), datetime.now(UTC) - datetime(datetime.now(UTC).year, 1, 2, tzinfo=UTC))
    orders: dict[str, list[OrderPlaced]] = {}
    for customer, count in (("cus_few", FEW), ("cus_many", MANY)):
        await hear(pool, [registered(customer)])
        orders[customer] = [_order(customer, span * (count - number) / count) for number in range(count)]
        began = time.perf_counter()
        for start in range(0, count, BATCH):
            await hear(pool, orders[customer][start : start + BATCH])
        print(f"{what}: {customer} bought {count:,} times, {(time.perf_counter() - began) * 1_000 / count:.2f} ms each", file=sys.stderr)
    async with pool.acquire() as connection:
        await connection.execute("VACUUM ANALYZE", timeout=120)
        backend = psutil.Process(connection.get_server_pid())

    async def buy(customer: str) -> None:
        await hear(pool, [_order(customer)])

    async def bring_back(customer: str) -> None:
        order = orders[customer].pop(random.randrange(len(orders[customer])) if len(orders[customer]) > LOOKS else -1)  # noqa: S311
        await hear(pool, [_returned(order)])
        if not orders[customer]:
            orders[customer].append(order)

    async def read(customer: str) -> None:
        _expect(await client.get(f"/v1/members/{customer}/tier"))

    async def read_home(customer: str) -> None:
        _expect(await client.get(f"/v1/members/{customer}/home"))

    acts: dict[str, Callable[[str], Awaitable[None]]] = {
        "order": buy,
        "return of a cent": bring_back,
        "tier": read,
        "home screen": read_home,
    }
    figures: list[Figure] = []
    for name, act in acts.items():
        work = await _timed(act, backend)
        few, many = (statistics.median(work.seconds[customer]) * 1_000 for customer in ("cus_few", "cus_many"))
        own, theirs = (work.processor[customer] * 1_000 / LOOKS for customer in ("cus_many", "cus_few"))
        target = f"<= {_GROWTH_GOAL}x of {FEW} orders"
        figures += [
            Figure("P15", f"{what}, {MANY:,} orders: {name}, p50", many, "ms", target, many <= _GROWTH_GOAL * few, few),
            Figure("P15", f"{what}, {MANY:,} orders: {name}, processor time", own, "ms", target, own <= _GROWTH_GOAL * theirs, theirs),
        ]
        print(f"  {name:20} {many:8.1f} ms beside {few:8.1f} ms, processor time {own:8.1f} beside {theirs:8.1f}", file=sys.stderr)
    return figures


async def _timed(act: Callable[[str], Awaitable[None]], backend: psutil.Process) -> _Work:
    work = _Work({"cus_few": [], "cus_many": []}, {"cus_few": 0.0, "cus_many": 0.0})
    for customer in work.seconds:
        await act(customer)
    for _ in range(LOOKS):
        for customer, taken in work.seconds.items():
            here, there, began = time.process_time(), _processor(backend), time.perf_counter()
            await act(customer)
            taken.append(time.perf_counter() - began)
            work.processor[customer] += time.process_time() - here + _processor(backend) - there
    return work


async def _batches(postgres: EmbeddedPostgres) -> list[Figure]:
    """Hear batches of the orders of many members, without tiers and with."""
    spend = _SCHEMES["by money in a year"]
    rows: dict[str, Sequence[Feature]] = {
        "the plain rate": (),
        "the plain rate, tiers that multiply nothing": (_tiers(spend, is_multiplying=False),),
        "one rule": (one_rule,),
        "one rule, tiers that multiply": (one_rule, _tiers(spend)),
    }
    async with contextlib.AsyncExitStack() as stack:
        shops = {name: await stack.enter_async_context(_opened(postgres, f"many_{n}", rows[name])) for n, name in enumerate(rows)}
        for pool, _ in shops.values():
            for start in range(0, MEMBERS, 500):
                await hear(pool, [registered(f"cus_{number}") for number in range(start, start + 500)])
            for day in range(4):
                for start in range(0, MEMBERS, 500):
                    await hear(pool, [_order(f"cus_{number}", timedelta(days=40 - day)) for number in range(start, start + 500)])
            async with pool.acquire() as connection:
                await connection.execute("VACUUM ANALYZE", timeout=120)
        taken: dict[str, list[float]] = {name: [] for name in shops}
        for _ in range(ROUNDS):
            orders = [_order(f"cus_{random.randrange(MEMBERS)}") for _ in range(BATCH)]  # noqa: S311 (a load, not a secret)
            for name, (pool, _) in shops.items():
                began = time.perf_counter()
                await hear(pool, orders)
                taken[name].append(time.perf_counter() - began)
    speed = {name: BATCH / statistics.median(times) for name, times in taken.items()}
    for name, rate in speed.items():
        print(f"{name:45} {rate:8,.0f} orders/s", file=sys.stderr)
    return [
        Figure("P3", f"orders in batches of {BATCH}: {name}", rate, "/s", "", True, speed[name.split(",")[0]] if "," in name else None)
        for name, rate in speed.items()
    ]


def _order(customer: str, before: timedelta = timedelta()) -> OrderPlaced:
    amount = random.randint(1_000, 3_000)  # noqa: S311
    return OrderPlaced(
        order_id=new_id("ord"),
        customer_id=customer,
        placed_at=datetime.now(UTC) - before,
        currency="EUR",
        amount_minor=amount,
        lines=[Line(sku="tea", quantity=1, amount_minor=amount, category="tea")],
    )


def _returned(order: OrderPlaced) -> OrderReturned:
    return OrderReturned(
        return_id=new_id("ret"),
        order_id=order.order_id,
        customer_id=order.customer_id,
        placed_at=order.placed_at,
        returned_at=datetime.now(UTC),
        currency="EUR",
        amount_minor=1,
        order_amount_minor=order.amount_minor,
        returned_total_minor=1,
        lines=[Line(sku="tea", quantity=1, amount_minor=1, category="tea")],
    )


def _processor(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


@contextlib.asynccontextmanager
async def _opened(
    postgres: EmbeddedPostgres, name: str, features: Sequence[Feature]
) -> AsyncIterator[tuple[PoolDatabase, httpx2.AsyncClient]]:
    pool = await PoolDatabase.connect(await migrated(postgres, SERVICE, name), max_size=1, command_timeout_seconds=120)
    try:
        async with served(pool) as client:
            for feature in features:
                await feature(client, pool)
            yield pool, client
    finally:
        await pool.close()

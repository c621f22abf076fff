"""What an order costs that all of loyalty hears: batches through the service's own handlers, with more and more of it in use.

Everything is set up over the interface, on a copy of one database each, in which members have bought before. The batches go in turns, so
that a noisy moment of the machine meets all. The reference of the plain programme is the ledger's bare posting of the same orders; that of
everything else is the plain programme. Processor time is this process's and that of the connection's Postgres process. With names of
scenarios in HEARING, only these; with HEARING_STATEMENTS=20, so many statements of each that took longest are printed too.
"""

import asyncio
import contextlib
import os
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import psutil

import ledger as bare_ledger
from bench_database import migrated, server
from figures import Figure
from heard_programmes import REFERRED, Feature, challenges, hear, many_rules, offers_and_referrals, one_rule, registered, served, tiers
from loyalty.app import SERVICE
from loyalty.ledger import service as ledger
from shared.contracts.customers import Line, OrderPlaced
from shared.database.pool import PoolDatabase
from shared.database.unit_of_work import UnitOfWork
from shared.embedded import EmbeddedPostgres
from shared.ids import new_id
from shared.messaging import worker

MEMBERS = 2_000
BATCH = 100
# Orders of each member before: the favourites that offers are made for.
_BEFORE = 4
ROUNDS = int(os.environ.get("HEARING_ROUNDS", "5"))
_BATCHES = 6
# Orders of the members whom P15 compares, and how many more are timed.
FEW, MANY = 10, int(os.environ.get("HEARING_MANY", "10000"))
LOOKS = 60
_GROWTH_GOAL = 1.5
_POSTED, _PLAIN, _EVERYTHING, _BUSY = "posted", "plain", "everything", "busy"
# Of the plain programme's orders a second.
_SCENARIOS: dict[str, tuple[str, float | None, Sequence[Feature]]] = {
    _POSTED: ("posting alone", None, ()),
    _PLAIN: ("(a) the plain rate", None, ()),
    "rule": ("(b) one rule", 0.5, (one_rule,)),
    "tiers": ("(c) the example programme with tiers", None, (tiers,)),
    "challenges": ("(d) a challenge, a streak, a badge", None, (challenges,)),
    "offers": ("(e) offers and referrals", None, (offers_and_referrals,)),
    _EVERYTHING: ("(f) a rule, challenges, offers, referrals", 0.25, (one_rule, challenges, offers_and_referrals)),
    "everything_and_tiers": ("(g) the example programme with all of (f)", None, (tiers, one_rule, challenges, offers_and_referrals)),
    _BUSY: ("(h) (f) with rules that ask, limits and a budget", None, (many_rules, challenges, offers_and_referrals)),
}


@dataclass
class _Shop:
    """A scenario on a database of its own, and what it took.

    Attributes:
        seconds: of each batch.
        client: processor time of this process in all batches.
        statements: how often each was sent.
        took: seconds that each took, as this process saw it.
    """

    name: str
    database: PoolDatabase
    backend: psutil.Process
    seconds: list[float] = field(default_factory=list)
    client: float = 0.0
    server: float = 0.0
    statements: Counter[str] = field(default_factory=Counter)
    took: Counter[str] = field(default_factory=Counter)

    async def batch(self, orders: list[OrderPlaced]) -> float:
        """Hear some orders at once and return how long it took."""
        client, served_before, began = time.process_time(), _processor(self.backend), time.perf_counter()
        if self.name == _POSTED:
            async with UnitOfWork(self.database) as uow:
                await ledger.accrue(uow, orders)
                await uow.commit()
        else:
            await hear(self.database, orders)
        self.seconds.append(time.perf_counter() - began)
        self.client += time.process_time() - client
        self.server += _processor(self.backend) - served_before
        return self.seconds[-1]

    def forget(self) -> None:
        """Begin to measure."""
        self.seconds.clear()
        self.statements.clear()
        self.took.clear()
        self.client = self.server = 0.0

    def note(self, told: Any) -> None:
        """Count a statement that was sent."""
        text = " ".join(told.query.split())
        self.statements[text] += 1
        self.took[text] += told.elapsed

    @property
    def orders_per_second(self) -> float:
        return BATCH / statistics.median(self.seconds)

    @property
    def processor_ms(self) -> float:
        """Of an order, here and in Postgres."""
        return (self.client + self.server) * 1_000 / (BATCH * len(self.seconds))


async def measure() -> list[Figure]:
    """Hear orders with more and more of loyalty in use, and single ones of the plain programme beside pgbench."""
    # As in the process that hears events in earnest.
    worker._spare_collector()  # noqa: SLF001
    wanted = os.environ.get("HEARING", "").split()
    return [*await _batched(wanted or list(_SCENARIOS)), *(await _single() if not wanted else [])]


async def _batched(wanted: Sequence[str]) -> list[Figure]:
    with server(durable=True) as postgres:
        await _template(postgres)
        async with contextlib.AsyncExitStack() as stack:
            shops = [await stack.enter_async_context(_opened(postgres, name)) for name in wanted]
            for shop in shops:
                await shop.batch([_order() for _ in range(BATCH)])
                shop.forget()
            for _ in range(ROUNDS):
                for shop in shops:
                    for _ in range(_BATCHES):
                        await shop.batch([_order() for _ in range(BATCH)])
            for shop in shops:
                _print(shop)
            by_name = {shop.name: shop for shop in shops}
            figures = [figure for shop in shops for figure in _figures(shop, by_name)]
            return [*figures, *await _grown(by_name.get(_BUSY))]


async def _single() -> list[Figure]:
    """Return how many orders a second are heard one by one with the plain rate, beside pgbench with nothing but the posting."""
    heard, reference = [], []
    async with bare_ledger.database() as (pool, dsn):
        await _hear_for(pool, 1.0)
        for _ in range(bare_ledger.ROUNDS):
            heard.append(await _hear_for(pool, bare_ledger.SECONDS))
            reference.append(await asyncio.to_thread(bare_ledger.pgbench, dsn))
    ours, theirs = statistics.median(heard), statistics.median(reference)
    return [Figure("P3", "(a) the plain rate: single orders", ours, "/s", ">= 40 % of pgbench", ours >= 0.4 * theirs, theirs)]


async def _hear_for(pool: PoolDatabase, seconds: float) -> float:
    until = time.perf_counter() + seconds

    async def hear_on() -> int:
        count = 0
        while time.perf_counter() < until:
            await hear(pool, [_order(f"cus_{random.randint(1, bare_ledger.MEMBERS)}")])  # noqa: S311
            count += 1
        return count

    return sum(await asyncio.gather(*(hear_on() for _ in range(bare_ledger.CONNECTIONS)))) / seconds


def _figures(shop: _Shop, shops: dict[str, _Shop]) -> list[Figure]:
    what, share, _ = _SCENARIOS[shop.name]
    beside = shops.get(_POSTED if shop.name == _PLAIN else _PLAIN) if shop.name != _POSTED else None
    speed = shop.orders_per_second
    theirs = beside.orders_per_second if beside else None
    met = share is None or theirs is None or speed >= share * theirs
    target = f">= {share:.0%} of the plain rate" if share else ""
    trips = shop.statements.total() / len(shop.seconds)
    return [
        Figure("P3", f"{what}, batches of {BATCH}: orders", speed, "/s", target, met, theirs),
        Figure("P3", f"{what}: processor time an order", shop.processor_ms, "ms", "", True, beside.processor_ms if beside else None),
        Figure("P3", f"{what}: round trips a batch", trips, "", "", True, None),
    ]


def _print(shop: _Shop) -> None:
    batches = len(shop.seconds)
    client, served_ms = (value * 1_000 / batches for value in (shop.client, shop.server))
    print(
        f"{shop.name:22} {shop.orders_per_second:8,.0f} orders/s {shop.statements.total() / batches:6.1f} round trips a batch, "
        f"processor time a batch: {client:6.1f} ms here, {served_ms:6.1f} ms in Postgres",
        file=sys.stderr,
    )
    for text, seconds in shop.took.most_common(int(os.environ.get("HEARING_STATEMENTS", "0"))):
        print(f"    {shop.statements[text] / batches:6.1f} x {seconds * 1_000 / batches:7.2f} ms  {text[:150]}", file=sys.stderr)


async def _grown(shop: _Shop | None) -> list[Figure]:
    """Return how long an order takes of a member with very many, beside that of one with few, with all but tiers in use."""
    if shop is None:
        return []
    for customer, count in (("cus_few", FEW), ("cus_many", MANY)):
        began = time.perf_counter()
        for start in range(0, count, BATCH):
            days = (count - number for number in range(start, min(start + BATCH, count)))
            await hear(shop.database, [_order(customer, timedelta(days=700) * day / count) for day in days])
        print(f"{customer} has {count:,} orders, {(time.perf_counter() - began) * 1_000 / count:.2f} ms each", file=sys.stderr)
    async with shop.database.acquire() as connection:
        await connection.execute("VACUUM ANALYZE", timeout=120)
    times: dict[str, list[float]] = {"cus_few": [], "cus_many": []}
    work = dict.fromkeys(times, 0.0)
    shop.forget()
    for customer, taken in LOOKS * list(times.items()):
        before = shop.client + shop.server
        taken.append(await shop.batch([_order(customer)]) * 1_000)
        work[customer] += shop.client + shop.server - before
    if "HEARING_STATEMENTS" in os.environ:
        _print(shop)
    few, many = (statistics.median(taken) for taken in times.values())
    target = f"<= {_GROWTH_GOAL}x of {FEW} orders"
    own, others = work["cus_many"] * 1_000 / LOOKS, work["cus_few"] * 1_000 / LOOKS
    what = f"an order of a member with {MANY:,}, all but tiers in use"
    return [
        Figure("P15", f"{what}, p50", many, "ms", target, many <= _GROWTH_GOAL * few, few),
        Figure("P15", f"{what}: processor time", own, "ms", target, own <= _GROWTH_GOAL * others, others),
    ]


def _order(customer: str | None = None, before: timedelta = timedelta()) -> OrderPlaced:
    number = random.randrange(MEMBERS + REFERRED)  # noqa: S311 (a load, not a secret)
    lines = [
        Line(sku=f"article {n}", quantity=random.randint(1, 3), amount_minor=random.randint(100, 5_000), category=f"category {n % 7}")  # noqa: S311
        for n in random.sample(range(50), random.randint(1, 3))  # noqa: S311
    ]
    return OrderPlaced(
        order_id=new_id("ord"),
        customer_id=customer or (f"cus_{number}" if number < MEMBERS else f"cus_referred_{number - MEMBERS}"),
        placed_at=datetime.now(UTC) - before,
        currency="EUR",
        amount_minor=sum(line.amount_minor for line in lines),
        channel=random.choice(("app", "web", "shop")),  # noqa: S311
        lines=lines,
    )


def _processor(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


async def _template(postgres: EmbeddedPostgres) -> None:
    """Make the database that every scenario gets a copy of: members who have bought before."""
    database = await PoolDatabase.connect(await migrated(postgres, SERVICE), max_size=1)
    try:
        for start in range(0, MEMBERS, 500):
            await hear(database, [registered(f"cus_{number}") for number in range(start, start + 500)])
        for turn in range(_BEFORE):
            for start in range(0, MEMBERS, 500):
                await hear(database, [_order(f"cus_{number}", timedelta(days=200 - turn)) for number in range(start, start + 500)])
        async with database.acquire() as connection:
            await connection.execute("ANALYZE", timeout=120)
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def _opened(postgres: EmbeddedPostgres, name: str) -> AsyncIterator[_Shop]:
    database = f"hearing_{name}"
    superuser = await asyncpg.connect(postgres.dsn())
    await superuser.execute(f"CREATE DATABASE {database} TEMPLATE bench", timeout=120)
    await superuser.close()
    dsn = await migrated(postgres, SERVICE, database)
    await _set_up(dsn, _SCENARIOS[name][2])
    pool = await PoolDatabase.connect(dsn, max_size=1, command_timeout_seconds=120)
    try:
        async with pool.acquire() as connection:
            await connection.execute("ANALYZE", timeout=120)
            shop = _Shop(name, pool, psutil.Process(connection.get_server_pid()))
            connection.add_query_logger(shop.note)
        yield shop
    finally:
        await pool.close()


async def _set_up(dsn: str, features: Sequence[Feature]) -> None:
    pool = await PoolDatabase.connect(dsn, max_size=4)
    try:
        async with served(pool) as client:
            for feature in features:
                await feature(client, pool)
    finally:
        await pool.close()

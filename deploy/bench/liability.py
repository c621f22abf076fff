"""Liability, roll-forward and breakage of a whole programme whose points activity puts off, and how fast expiries are booked.

Each question is asked of a ledger and of one ten times as large: by processor time of the database's process, what grows with the ledger
may take ten times as long, and little more. Expiries are booked as the service's pass books them. A member with very many
open lots is read beside one with few: both have ten entries in the month that the statement is of.
"""

import contextlib
import random
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, cast

import psutil

from bench_database import migrated, server
from figures import Figure
from loyalty.app import SERVICE
from loyalty.expiry import service as expiry
from loyalty.ledger import service as ledger
from loyalty.ledger.rules import POINTS, Draw, Grant
from loyalty.liability import service as liability
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.statement import service as statements
from shared.contracts.customers import OrderPlaced
from shared.database.pool import Connection, PoolDatabase
from shared.database.unit_of_work import UnitOfWork
from shared.embedded import EmbeddedPostgres

FEW, MANY = 2_000, 20_000
MONTHS = 30
# Most members order twice or thrice, a few very often; of so many orders something is spent.
_MOST_ORDERS = 40
_SPEND = 1 / 40
LOOKS = 3
EXPIRIES_A_PASS = 200
PASSES = 10
_BATCH = 500
_SECONDS_GOAL = 2.0
_GROWTH_GOAL = 1.5
_EXPIRIES_GOAL = 2_000
# Entries, all of them open lots, of the members who are compared.
FEW_ENTRIES, MANY_ENTRIES = 10, 10_000
READS = 100
_NOW = datetime.now(UTC)
_SINCE = _NOW - timedelta(days=MONTHS * 30)
_AS_OF = _NOW - timedelta(days=90)
_MAKE_POLICY = """
INSERT INTO expiry_policies (programme_id, version, kind, unit, units, zone, effective_from)
VALUES ($1, 1, 'activity', 'month', 6, 'Europe/Riga', '2000-01-01')
"""
_MAKE_MEMBERS = "SELECT ensure_members($1, array_agg('cus_' || n)) FROM generate_series(0, $2::integer - 1) AS n"
_PID = "SELECT pg_backend_pid()"
Question = Callable[[Connection], Awaitable[object]]
QUESTIONS: dict[str, Question] = {
    "liability now": lambda connection: liability.outstanding(connection, PROGRAMME_ID, None, None, _NOW),
    "liability as of 90 days ago": lambda connection: liability.outstanding(connection, PROGRAMME_ID, _AS_OF, None, _NOW),
    "roll-forward by month": lambda connection: liability.roll_forward(connection, PROGRAMME_ID, _SINCE, _NOW, "month"),
    "breakage, back-tested": lambda connection: liability.breakage(connection, PROGRAMME_ID, None, None, _NOW),
}


async def measure() -> list[Figure]:
    """Ask both ledgers the same, in turns, and book what has expired in the large one."""
    with server(durable=True) as postgres:
        async with filled(postgres, FEW) as few, filled(postgres, MANY) as many:
            figures = [await _asked(what, question, few, many) for what, question in QUESTIONS.items()]
            booked = await book(many)
            grown = [figure for does_end in (False, True) for figure in await _grown(many, does_end=does_end)]
    what, target = f"expiries booked, {EXPIRIES_A_PASS} wallets a pass", f">= {_EXPIRIES_GOAL:,} a processor second"
    return [*figures, Figure("P15", what, booked, "/s", target, booked >= _EXPIRIES_GOAL), *grown]


async def _asked(what: str, question: Question, few: PoolDatabase, many: PoolDatabase) -> Figure:
    taken: dict[PoolDatabase, list[float]] = {few: [], many: []}
    for _ in range(LOOKS):
        for database, seconds in taken.items():
            seconds.append(await timed(database, question))
    small, large = (statistics.median(seconds) for seconds in taken.values())
    growth = MANY / FEW
    is_met = large <= _SECONDS_GOAL and large <= _GROWTH_GOAL * growth * small
    target = f"<= {_SECONDS_GOAL:g} s and <= {_GROWTH_GOAL * growth:g}x of {FEW:,}"
    return Figure("P15", f"{what}, {MANY:,} members", large, "s", target, is_met, small)


async def timed(database: PoolDatabase, question: Question) -> float:
    """Return the processor seconds that the database's process takes for a question."""
    async with database.acquire() as connection:
        spent = await _spent(connection)
        await question(connection)
        return await _spent(connection) - spent


async def _spent(connection: Connection) -> float:
    times = psutil.Process(await connection.fetchval(_PID)).cpu_times()
    return times.user + times.system


async def book(database: PoolDatabase) -> float:
    """Return the expiries that passes book in a processor second of the database's process."""
    booked, seconds = 0, 0.0
    for _ in range(PASSES):
        async with UnitOfWork(database) as uow:
            spent = await _spent(uow.connection)
            booked += await ledger.book_expiries(uow, EXPIRIES_A_PASS)
            seconds += await _spent(uow.connection) - spent
            await uow.commit()
    return booked / seconds


async def _grown(database: PoolDatabase, *, does_end: bool) -> list[Figure]:
    """Return how long a statement and a page of what expires take for a member with very many open lots."""
    what = "that end each by itself" if does_end else "that activity puts off"
    members = {f"cus_{does_end}_{entries}": entries for entries in (FEW_ENTRIES, MANY_ENTRIES)}
    for customer, entries in members.items():
        for start in range(0, entries, _BATCH):
            async with UnitOfWork(database) as uow:
                numbers = range(start, min(start + _BATCH, entries))
                await ledger.grant(uow, [_grant(customer, number, does_end=does_end) for number in numbers])
                await uow.commit()
    async with database.acquire() as connection:
        await connection.execute("VACUUM ANALYZE", timeout=120)
        return [
            await _read(connection, f"{name}, {MANY_ENTRIES:,} lots {what}, p50", members, read)
            for name, read in (("statement of a month", _statement), ("first page of expirations", _expirations))
        ]


def _grant(customer: str, number: int, *, does_end: bool) -> Grant:
    days = 28 - 2.5 * number if number < FEW_ENTRIES else 31 + number % 300
    moment = _NOW - timedelta(days=days, seconds=number)
    return Grant(customer, 5, f"{customer}_{number}", moment, expires_at=_NOW + timedelta(days=900, hours=number) if does_end else None)


async def _statement(connection: Connection, customer: str) -> object:
    return await statements.statement(connection, customer, POINTS, None, None)


async def _expirations(connection: Connection, customer: str) -> object:
    return await expiry.of_member(connection, customer, None, many=21)


async def _read(connection: Connection, what: str, members: Iterable[str], read: Callable[[Connection, str], Awaitable[object]]) -> Figure:
    taken: dict[str, list[float]] = {customer: [] for customer in members}
    for _ in range(READS):
        for customer, times in taken.items():
            began = time.perf_counter()
            await read(connection, customer)
            times.append((time.perf_counter() - began) * 1_000)
    few, many = (statistics.median(times) for times in taken.values())
    return Figure("P15", what, many, "ms", f"<= {_GROWTH_GOAL}x of {FEW_ENTRIES}", many <= _GROWTH_GOAL * few, few)


@contextlib.asynccontextmanager
async def filled(postgres: EmbeddedPostgres, members: int) -> AsyncIterator[PoolDatabase]:
    """Make a ledger of so many members with two years and a half of orders and redemptions."""
    dsn = await migrated(postgres, SERVICE, f"bench_{members}")
    database = await PoolDatabase.connect(dsn, min_size=1, max_size=2)
    try:
        async with database.acquire() as connection:
            await connection.execute(_MAKE_POLICY, PROGRAMME_ID)
            await connection.execute(_MAKE_MEMBERS, PROGRAMME_ID, members)
        await _live(database, members)
        async with database.acquire() as connection:
            await connection.execute("VACUUM ANALYZE", timeout=120)
        yield database
    finally:
        await database.close()


class _Order(NamedTuple):
    order_id: str
    customer_id: str
    placed_at: datetime
    amount_minor: int


async def _live(database: PoolDatabase, members: int) -> None:
    chance = random.Random(members)  # noqa: S311 (a load, not a secret)
    orders = sorted(_orders(chance, members), key=lambda order: order.placed_at)
    for start in range(0, len(orders), _BATCH):
        batch = orders[start : start + _BATCH]
        spent = {order.customer_id: order for order in batch if chance.random() < _SPEND}
        draws = [Draw(who, 5, f"red_{order.order_id}", occurred_at=order.placed_at) for who, order in spent.items()]
        async with UnitOfWork(database) as uow:
            # Any order would do that has these fields.
            await ledger.accrue(uow, cast(list[OrderPlaced], batch))
            await ledger.draw(uow, draws, at=batch[-1].placed_at)
            await uow.commit()


def _orders(chance: random.Random, members: int) -> list[_Order]:
    made = []
    for number in range(members):
        joined = chance.random() * 0.9
        for _ in range(min(int(2 * chance.paretovariate(1.2)), _MOST_ORDERS)):
            moment = _SINCE + (joined + (1 - joined) * chance.random()) * (_NOW - _SINCE)
            made.append(_Order(f"ord_{len(made)}", f"cus_{number}", moment, chance.randint(500, 9_000)))
    return made

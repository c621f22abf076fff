"""P8: an import of customers beside a bare COPY of the same rows into the same columns, whose indexes are built after it.

Ours reads the file from the database, validates each row as the interface does, matches it by external id and by the rows before it, and
writes customers, change sets and events in transactions that survive a kill. The reference copies rows that are validated already, from
memory, into a table that nobody else uses.

Set IMPORT_ROWS for another size than the quick one, and IMPORT_STORED for customers who are there before.
"""

import contextlib
import io
import os
import random
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg

from bench_database import migrated, server
from customers.app import SERVICE
from customers.imports import job as importing
from customers.imports import repository, service
from customers.imports.schemas import ImportOptions
from customers.imports.upload import SAMPLE_BYTES, Upload
from customers.profiles.search import fold
from figures import Figure
from shared.database.pool import PoolDatabase
from shared.database.unit_of_work import UnitOfWork
from shared.http import Caller
from shared.http.jobs import JobRunner
from shared.ids import new_id

ROWS = int(os.environ.get("IMPORT_ROWS", "200000"))
STORED = int(os.environ.get("IMPORT_STORED", "0"))
# Every twentieth row speaks of somebody of an earlier row.
_REPEATED = 20
_GIVEN = ("Ilze", "Jānis", "Anna", "Пётр", "Елена", "Mary", "John", "Līga", "Andris", "Ольга")
_FAMILY = ("Bērziņa", "Kalniņš", "Ozola", "Иванов", "Петрова", "Smith", "Brown", "Liepa", "Krūmiņš", "Сидорова")
_CITIES = ("Rīga", "Ogre", "Cēsis", "Москва", "London", "Liepāja")
_HEADER = "external_id,name,email,language,country,city\n"
_BARE = "CREATE TABLE bare (LIKE customers INCLUDING DEFAULTS INCLUDING GENERATED)"
_INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'customers' AND tablename = 'customers' ORDER BY indexname"
_COLUMNS = ("id", "root_id", "kind", "external_id", "name", "email", "language", "country", "city", "search_name")
_TARGET = 6.0


async def measure() -> list[Figure]:
    """Import and copy the same people on one durable Postgres."""
    people = _people(ROWS)
    async with _database() as (pool, dsn):
        if STORED:
            await _import(pool, _file(_people(STORED, "S")))
        seconds = await _import(pool, _file(people))
        await _count(pool, STORED + ROWS - ROWS // _REPEATED)
        reference = await _copy(dsn, people)
        again = await _import(pool, _file(people))
    name = f"import of {ROWS:,} rows" + (f", {STORED:,} stored" if STORED else "")
    return [
        Figure("P8", name, seconds, "s", f"<= {_TARGET:g}x COPY + index", seconds <= _TARGET * reference, reference),
        Figure("P8", f"{name}: rows a second", ROWS / seconds, "/s", ">= 5,600 (1 M in 3 min)", ROWS / seconds >= 1_000_000 / 180),
        Figure("P8", "the same file again, unchanged", ROWS / again, "/s", ">= 5,600", ROWS / again >= 1_000_000 / 180),
    ]


def _people(rows: int, prefix: str = "C") -> list[tuple[str, ...]]:
    chance = random.Random(8)  # noqa: S311 (a load, not a secret)
    people = []
    for number in range(rows):
        own = number - _REPEATED + 1 if number % _REPEATED == _REPEATED - 1 else number
        name = f"{chance.choice(_GIVEN)} {chance.choice(_FAMILY)}"
        person = (
            f"{prefix}-{own}",
            name,
            f"{prefix.lower()}{own}@example.com",
            chance.choice(("lv", "ru", "en")),
            "LV",
            chance.choice(_CITIES),
        )
        people.append(person)
    return people


def _file(people: list[tuple[str, ...]]) -> bytes:
    return (_HEADER + "".join(f"{','.join(person)}\n" for person in people)).encode()


async def _import(pool: PoolDatabase, content: bytes) -> float:
    """Return the seconds from the file's arrival to its last row, the upload included."""
    began = time.perf_counter()
    upload = Upload(new_id("imp"), "csv", sample=content[:SAMPLE_BYTES], size=len(content), sha256=b"")
    async with pool.acquire() as connection:
        for number, start in enumerate(range(0, len(content), repository.PIECE_BYTES)):
            await repository.put_piece(connection, upload.import_id, number, content[start : start + repository.PIECE_BYTES])
    async with UnitOfWork(pool) as uow:
        caller = Caller("server", "bench", frozenset())
        await service.accept(uow, caller, upload, ImportOptions(), datetime.now(UTC) + timedelta(days=1))
        await uow.commit()
    await JobRunner(pool, {importing.KIND: importing.run}).run_one()
    async with pool.acquire() as connection:
        row = await repository.get(connection, upload.import_id)
    if row is None or row["status"] != "succeeded" or row["refused"]:
        raise RuntimeError(f"the import ended as {row and dict(row)}")
    return time.perf_counter() - began


async def _count(pool: PoolDatabase, expected: int) -> None:
    async with pool.acquire() as connection:
        found = await connection.fetchval("SELECT count(*) FROM customers")
    if found != expected:
        raise RuntimeError(f"{found} customers instead of {expected}")


async def _copy(dsn: str, people: list[tuple[str, ...]]) -> float:
    """Return the seconds of a COPY of the same customers, and of their indexes."""
    rows = {person[0]: person for person in people}
    lines = io.StringIO()
    for external_id, name, email, language, country, city in rows.values():
        customer_id = new_id("cus")
        values = (customer_id, customer_id, "individual", external_id, name, email, language, country, city, fold(name))
        lines.write("\t".join(values) + "\n")
    source = io.BytesIO(lines.getvalue().encode())
    connection = await asyncpg.connect(dsn, timeout=600, command_timeout=600)
    try:
        indexes = [row["indexdef"] for row in await connection.fetch(_INDEXES)]
        began = time.perf_counter()
        await connection.execute(_BARE)
        await connection.copy_to_table("bare", source=source, columns=list(_COLUMNS))
        for number, definition in enumerate(indexes):
            words = definition.replace(" ON customers.customers ", " ON bare ").split(" ON ", 1)
            kind = "CREATE UNIQUE INDEX" if "UNIQUE" in words[0] else "CREATE INDEX"
            await connection.execute(f"{kind} bare_{number} ON {words[1]}")
        seconds = time.perf_counter() - began
        await connection.execute("DROP TABLE bare")
    finally:
        await connection.close()
    return seconds


@contextlib.asynccontextmanager
async def _database() -> AsyncIterator[tuple[PoolDatabase, str]]:
    with server(durable=True) as postgres:
        dsn = await migrated(postgres, SERVICE)
        pool = await PoolDatabase.connect(dsn, max_size=6)
        try:
            yield pool, dsn
        finally:
            await pool.close()

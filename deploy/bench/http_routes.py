"""P1 and P2: a write and a read through the whole HTTP chassis, beside bare FastAPI routes with one asyncpg statement.

Once with a sample service, which is the chassis alone, and once with the customers service, which keeps identities, provenance, words
to search by and keys of duplicates for each customer.
"""

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2] / "shared" / "tests" / "http"))

from regulars_sample.app import SERVICE

from bench_database import migrated, server
from customer_apps import PLAIN_TABLE
from customers.app import SERVICE as CUSTOMERS
from figures import Figure
from shared.database.pool import PoolDatabase
from shared.database.unit_of_work import UnitOfWork
from shared.embedded import free_port
from shared.http.access_events import issue_key

CONNECTIONS = 16
SECONDS = 4.0
ROUNDS = 3
_WARM_UP_SECONDS = 1.0
_START_TIMEOUT_SECONDS = 60


@dataclass
class Load:
    """What a round of requests came to."""

    seconds: list[float] = field(default_factory=list)
    elapsed: float = 0.0

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.elapsed

    @property
    def p95_ms(self) -> float:
        """Time that 95 of 100 answers kept under, in milliseconds."""
        return statistics.quantiles(self.seconds, n=20)[18] * 1000


async def measure() -> list[Figure]:
    """Load services and bare routes on one Postgres in turns: the chassis alone, then the customers service."""
    with server(durable=True) as postgres:
        notes = await migrated(postgres, SERVICE)
        customers = await migrated(postgres, CUSTOMERS, "bench_customers")
        database = await PoolDatabase.connect(customers)
        async with database.acquire() as connection:
            await connection.execute(PLAIN_TABLE)
        await database.close()
        chassis = await _two("http_apps:ours", "http_apps:bare", notes, _NOTES)
        product = await _two("customer_apps:customers", "customer_apps:bare_customers", customers, _CUSTOMERS)
    return [*_figures("", *chassis), *_figures(" of a customer", *product)]


class Resource(NamedTuple):
    """What is written and read: the path of its collection, and the body of a new one."""

    path: str
    body: Callable[[str], dict[str, Any]]


_NOTES = Resource("/v1/notes", lambda unique: {"customer_id": "cus_1", "title": unique, "stars": 3})
_CUSTOMERS = Resource(
    "/v1/customers",
    lambda unique: {"external_id": unique, "kind": "individual", "name": f"Anna {unique[:8]}", "email": f"{unique}@example.com"},
)


async def _two(ours: str, bare: str, dsn: str, resource: Resource) -> tuple[dict[str, list[Load]], dict[str, list[Load]]]:
    """Return the loads of writes and of reads, ours and bare."""
    key = await _server_key(dsn)
    with _server(bare, dsn) as bare_port, _server(ours, dsn) as ours_port:
        ports = {"bare": bare_port, "ours": ours_port}
        await asyncio.gather(*(_until_ready(port) for port in ports.values()))
        writes = await _compare(ports, dict.fromkeys(ports, lambda: _write(resource, key)))
        reads = await _compare(ports, {name: await _reader(port, resource, key) for name, port in ports.items()})
    return writes, reads


async def _reader(port: int, resource: Resource, key: str) -> Callable[[], bytes]:
    """Make one and return what asks for it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_write(resource, key))
    _, body = await _answer(reader)
    writer.close()
    request = _request("GET", f"{resource.path}/{json.loads(body)['id']}", key, b"", "")
    return lambda: request


def _figures(of: str, writes: dict[str, list[Load]], reads: dict[str, list[Load]]) -> list[Figure]:
    ours, bare = (statistics.median(load.per_second for load in writes[name]) for name in ("ours", "bare"))
    p95, bare_p95 = (statistics.median(load.p95_ms for load in reads[name]) for name in ("ours", "bare"))
    rate, bare_rate = (statistics.median(load.per_second for load in reads[name]) for name in ("ours", "bare"))
    return [
        Figure("P1", f"write{of}: validated, authorised, idempotent, row + event", ours, "/s", ">= 40 % of bare", ours >= 0.4 * bare, bare),
        Figure("P2", f"read{of} by key, p95", p95, "ms", "<= 2x bare", p95 <= 2 * bare_p95, bare_p95),
        Figure("P2", f"read{of} by key, rate", rate, "/s", "told beside", met=True, reference=bare_rate),
    ]


async def _compare(ports: dict[str, int], requests: dict[str, Callable[[], bytes]]) -> dict[str, list[Load]]:
    """Load both servers in turns, so that a noisy moment of the machine meets both."""
    loads: dict[str, list[Load]] = {name: [] for name in ports}
    for name, port in ports.items():
        await _load(port, requests[name], _WARM_UP_SECONDS)
    for _ in range(ROUNDS):
        for name, port in ports.items():
            loads[name].append(await _load(port, requests[name], SECONDS))
    return loads


async def _load(port: int, request: Callable[[], bytes], seconds: float) -> Load:
    load = Load()
    began = time.perf_counter()
    await asyncio.gather(*(_one_connection(port, request, began + seconds, load) for _ in range(CONNECTIONS)))
    load.elapsed = time.perf_counter() - began
    return load


async def _one_connection(port: int, request: Callable[[], bytes], until: float, load: Load) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while (sent_at := time.perf_counter()) < until:
            writer.write(request())
            status, _ = await _answer(reader)
            if status not in (200, 201):
                raise RuntimeError(f"the server answered {status}")
            load.seconds.append(time.perf_counter() - sent_at)
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return status, await reader.readexactly(int(length or b"0"))


def _write(resource: Resource, key: str) -> bytes:
    unique = uuid.uuid4().hex
    body = json.dumps(resource.body(unique), separators=(",", ":")).encode()
    return _request("POST", resource.path, key, body, f"Idempotency-Key: {unique}\r\nContent-Type: application/json\r\n")


def _request(method: str, path: str, key: str, body: bytes, more: str) -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _server_key(dsn: str) -> str:
    database = await PoolDatabase.connect(dsn)
    async with UnitOfWork(database) as uow:
        issued = await issue_key(uow, name="bench", scopes=["contacts:read", "customers:read", "customers:write"])
        await uow.commit()
    await database.close()
    return issued.key


@contextlib.contextmanager
def _server(name: str, dsn: str) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", name, "--factory", "--port", str(port), "--no-access-log"]
    command += ["--loop", "uvloop", "--http", "httptools", "--log-level", "warning"]
    process = subprocess.Popen(command, cwd=Path(__file__).parent, env=os.environ | {"BENCH_DSN": dsn})
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


async def _until_ready(port: int) -> None:
    for _ in range(_START_TIMEOUT_SECONDS * 10):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise RuntimeError("the server did not start")


if __name__ == "__main__":
    from figures import table

    print(table(asyncio.run(measure())))

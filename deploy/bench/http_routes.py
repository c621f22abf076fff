"""P1 and P2: a write and a read through the whole HTTP chassis, beside bare FastAPI routes with one asyncpg statement."""

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "shared" / "tests" / "http"))

from regulars_sample.app import SERVICE

from bench_database import migrated, server
from figures import Figure
from shared.database.pool import PoolDatabase
from shared.database.unit_of_work import UnitOfWork
from shared.embedded import free_port
from shared.http.access_events import issue_key

CONNECTIONS = 16
SECONDS = 4.0
ROUNDS = 3
_WARM_UP_SECONDS = 1.0
_START_TIMEOUT_SECONDS = 20


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
    """Start both servers on one Postgres and load them in turns."""
    async with _database() as dsn:
        key = await _server_key(dsn)
        with _server("bare", dsn) as bare_port, _server("ours", dsn) as ours_port:
            ports = {"bare": bare_port, "ours": ours_port}
            await asyncio.gather(*(_until_ready(port) for port in ports.values()))
            writes = await _compare(ports, lambda: _write(key))
            note = await _a_note(ours_port, key)
            read = _read(note, key)
            reads = await _compare(ports, lambda: read)
    return _figures(writes, reads)


def _figures(writes: dict[str, list[Load]], reads: dict[str, list[Load]]) -> list[Figure]:
    ours, bare = (statistics.median(load.per_second for load in writes[name]) for name in ("ours", "bare"))
    p95, bare_p95 = (statistics.median(load.p95_ms for load in reads[name]) for name in ("ours", "bare"))
    rate, bare_rate = (statistics.median(load.per_second for load in reads[name]) for name in ("ours", "bare"))
    return [
        Figure("P1", "write: validated, authorised, idempotent, row + event", ours, "/s", ">= 40 % of bare", ours >= 0.4 * bare, bare),
        Figure("P2", "read by key, p95", p95, "ms", "<= 2x bare", p95 <= 2 * bare_p95, bare_p95),
        Figure("P2", "read by key, rate", rate, "/s", "told beside", met=True, reference=bare_rate),
    ]


async def _compare(ports: dict[str, int], request: Callable[[], bytes]) -> dict[str, list[Load]]:
    """Load both servers in turns, so that a noisy moment of the machine meets both."""
    loads: dict[str, list[Load]] = {name: [] for name in ports}
    for port in ports.values():
        await _load(port, request, _WARM_UP_SECONDS)
    for _ in range(ROUNDS):
        for name, port in ports.items():
            loads[name].append(await _load(port, request, SECONDS))
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


def _write(key: str) -> bytes:
    unique = uuid.uuid4().hex
    body = json.dumps({"customer_id": "cus_1", "title": unique, "stars": 3}, separators=(",", ":")).encode()
    return _request("POST", "/v1/notes", key, body, f"Idempotency-Key: {unique}\r\nContent-Type: application/json\r\n")


def _read(note_id: str, key: str) -> bytes:
    return _request("GET", f"/v1/notes/{note_id}", key, b"", "")


def _request(method: str, path: str, key: str, body: bytes, more: str) -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _a_note(port: int, key: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_write(key))
    _, body = await _answer(reader)
    writer.close()
    return json.loads(body)["id"]


@contextlib.asynccontextmanager
async def _database() -> AsyncIterator[str]:
    with server(durable=True) as postgres:
        yield await migrated(postgres, SERVICE)


async def _server_key(dsn: str) -> str:
    database = await PoolDatabase.connect(dsn)
    async with UnitOfWork(database) as uow:
        issued = await issue_key(uow, name="bench", scopes=["customers:read", "customers:write"])
        await uow.commit()
    await database.close()
    return issued.key


@contextlib.contextmanager
def _server(name: str, dsn: str) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", f"http_apps:{name}", "--factory", "--port", str(port), "--no-access-log"]
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

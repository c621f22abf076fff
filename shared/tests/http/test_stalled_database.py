import asyncio
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from shared.embedded import EmbeddedPostgres, free_port
from shared.testing.databases import TestServer

DEADLINE_SECONDS = 2.0


@pytest.fixture(scope="module")
def test_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestServer]:
    """A server of our own: these tests stop and kill it."""
    postgres = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), free_port(), "test", durable=False)
    postgres.start()
    yield TestServer(postgres)
    postgres.destroy()


def postgres_processes(test_server: Any) -> list[int]:
    import psutil

    server = psutil.Process(test_server.postgres.process_id)
    return [server.pid, *(child.pid for child in server.children(recursive=True))]


async def test_a_stopped_postgres_is_told_within_two_seconds(committed_client: httpx2.AsyncClient, test_server: Any) -> None:
    assert (await committed_client.get("/v1/notes")).status_code == 200
    processes = postgres_processes(test_server)
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:

        async def ask(number: int) -> tuple[int, float, str]:
            await asyncio.sleep(number * 0.3)
            began = time.monotonic()
            body = {"customer_id": "cus_1", "title": f"n{number}"}
            answer = await committed_client.post("/v1/notes", json=body) if number % 2 else await committed_client.get("/v1/notes")
            return answer.status_code, time.monotonic() - began, answer.headers.get("retry-after", "")

        answers = await asyncio.gather(*(ask(number) for number in range(12)))
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)
    assert [(status, retry) for status, _, retry in answers] == [(503, "1")] * 12
    assert max(seconds for _, seconds, _ in answers) < DEADLINE_SECONDS
    await _until_it_answers(committed_client)


async def test_a_restarted_postgres_is_found_again(committed_client: httpx2.AsyncClient, test_server: Any) -> None:
    assert (await committed_client.get("/v1/notes")).status_code == 200
    await asyncio.to_thread(test_server.postgres.kill)
    answer = await committed_client.get("/v1/notes")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert (await committed_client.get("/readyz")).status_code == 503
    assert (await committed_client.get("/livez")).status_code == 200
    await asyncio.to_thread(test_server.postgres.start)
    await _until_it_answers(committed_client)


async def _until_it_answers(client: httpx2.AsyncClient) -> None:
    async with asyncio.timeout(10):
        while (await client.get("/v1/notes")).status_code != 200:  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.05)

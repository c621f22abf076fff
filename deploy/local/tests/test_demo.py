"""How batches are sent: again when an answer is lost, always under the same key, and never past a refusal."""

import asyncio
import io

import httpx2
import orjson
import pytest
from rich.console import Console
from rich.progress import Progress

from local_runner import demo
from local_runner.demo import DemoFailed, ItemsRefused
from local_runner.history import customer_batches, read_purchases

BATCHES = list(customer_batches(read_purchases()[:5_000]))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_FIRST_PAUSE_SECONDS", 0.0)


def answer(request: httpx2.Request, status: int = 201) -> httpx2.Response:
    return httpx2.Response(200, json={"results": [{"status": status, "id": "x"} for _ in orjson.loads(request.content)["items"]]})


def send(handler: httpx2.MockTransport) -> None:
    async def work() -> None:
        async with httpx2.AsyncClient(transport=handler) as client:
            await demo._send_all(client, "http://customers", BATCHES, Progress(console=Console(file=io.StringIO())), "Customers")

    asyncio.run(work())


def test_a_lost_answer_is_asked_for_again_under_the_same_key() -> None:
    keys: list[str] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        keys.append(request.headers["Idempotency-Key"])
        if len(keys) == 1:
            raise httpx2.ReadError("lost")
        return httpx2.Response(503) if len(keys) == 2 else answer(request)

    send(httpx2.MockTransport(handle))
    assert len(keys) == len(BATCHES) + 2
    assert set(keys) == {batch.key for batch in BATCHES}


def test_a_refused_item_is_an_error() -> None:
    with pytest.raises(ItemsRefused):
        send(httpx2.MockTransport(lambda request: answer(request, 422)))


def test_a_service_that_stays_away_is_an_error() -> None:
    with pytest.raises(DemoFailed, match="503 away"):
        send(httpx2.MockTransport(lambda _: httpx2.Response(503, text="away")))

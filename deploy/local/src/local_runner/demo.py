"""Loads the CDNOW history over HTTP, waits until every service has taken it in, and prints what it tells."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import httpx2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from local_runner.credentials import read_credentials
from local_runner.history import Batch, Purchase, customer_batches, order_batches, read_purchases
from local_runner.settings import Settings
from shared.errors import Conflict, Unavailable

_IN_FLIGHT = 4
_ATTEMPTS = 8
_FIRST_PAUSE_SECONDS = 0.25
_REQUEST_TIMEOUT_SECONDS = 60.0
_POLL_PAUSE_SECONDS = 0.3
# Nothing more arrived for so long: something is stuck, or the programme gives other points than the usual one.
_STUCK_SECONDS = 60.0
_RETRIED = frozenset((401, 409, 429, 500, 502, 503, 504))


class DemoFailed(Unavailable):
    """The history could not be loaded."""

    code = "demo_failed"
    title = "The demo data could not be loaded."


class ItemsRefused(Conflict):
    """A service refused some of the history."""

    code = "demo_items_refused"
    title = "A service refused some of the demo data."


def load_demo(settings: Settings, console: Console) -> int:
    """Load the history into a running suite; return the exit status."""
    credentials = read_credentials(settings.home)
    if credentials is None:
        raise DemoFailed(f"No suite runs in {settings.home}; `make up` starts one.")
    purchases = read_purchases()
    began = time.monotonic()
    totals = asyncio.run(_load(settings, credentials.server_key, purchases, console))
    (settings.home / "demo.json").write_text(json.dumps({"demo": "cdnow"}))
    _print_headlines(console, totals, time.monotonic() - began)
    return 0


async def _load(settings: Settings, key: str, purchases: list[Purchase], console: Console) -> dict[str, Any]:
    async with _client(key) as client:
        with _progress(console) as progress:
            url = settings.service_url("customers")
            customers, orders = list(customer_batches(purchases)), list(order_batches(purchases))
            await _send_all(client, f"{url}/v1/customers/batch", customers, progress, "Customers")
            await _send_all(client, f"{url}/v1/orders/batch", orders, progress, "Orders")
            points = sum(usual_points(purchase) for purchase in purchases)
            await _follow(progress, "Analytics has", len(purchases), lambda: _orders_in_analytics(client, settings))
            await _follow(progress, "Points booked", points, lambda: _points_in_analytics(client, settings))
        return {
            "ledger": await _get(client, f"{settings.service_url('loyalty')}/v1/ledger/verify"),
            "orders": await _get(client, f"{settings.service_url('analytics')}/v1/metrics/orders"),
            "repeat": await _get(client, f"{settings.service_url('analytics')}/v1/metrics/repeat-rate"),
        }


def usual_points(purchase: Purchase) -> int:
    """Return what the usual programme gives for a purchase: a point for each whole dollar."""
    return purchase.amount_minor // 100


@asynccontextmanager
async def _client(key: str) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    async with httpx2.AsyncClient(headers=headers, timeout=_REQUEST_TIMEOUT_SECONDS) as client:
        yield client


def _progress(console: Console) -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description:<14}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


async def _send_all(client: httpx2.AsyncClient, url: str, batches: Iterable[Batch], progress: Progress, name: str) -> None:
    batches = list(batches)
    task = progress.add_task(name, total=sum(batch.size for batch in batches))
    remaining = iter(batches)

    async def work() -> None:
        for batch in remaining:
            await _send(client, url, batch)
            progress.advance(task, batch.size)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_IN_FLIGHT):
                group.create_task(work())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _send(client: httpx2.AsyncClient, url: str, batch: Batch) -> None:
    """Send a batch, again when the answer is lost or asks for it; its key makes that harmless."""
    answer = await _answered(lambda: client.post(url, content=batch.body, headers={"Idempotency-Key": batch.key}), url)
    refused = [result for result in answer["results"] if result["status"] >= 400]
    if refused:
        raise ItemsRefused(f"{len(refused)} of {batch.size} items; the first: {json.dumps(refused[0])}")


async def _get(client: httpx2.AsyncClient, url: str) -> dict[str, Any]:
    return await _answered(lambda: client.get(url), url)


async def _answered(request: Callable[[], Awaitable[httpx2.Response]], url: str) -> dict[str, Any]:
    reason = ""
    for attempt in range(_ATTEMPTS):
        try:
            response = await request()
        except httpx2.TransportError as error:
            reason = repr(error)
        else:
            if response.status_code < 300:
                return response.json()
            reason = f"{response.status_code} {response.text[:500]}"
            if response.status_code not in _RETRIED:
                break
        await asyncio.sleep(_FIRST_PAUSE_SECONDS * 2**attempt)
    raise DemoFailed(f"{url} answered: {reason}")


async def _follow(progress: Progress, name: str, total: int, count: Callable[[], Awaitable[int]]) -> None:
    """Show how far a service is, until it has all or gets no further."""
    task: TaskID = progress.add_task(name, total=total)
    seen, changed_at = -1, time.monotonic()
    while seen < total and time.monotonic() - changed_at < _STUCK_SECONDS:
        asked_at = time.monotonic()
        now = await count()
        if now != seen:
            seen, changed_at = now, time.monotonic()
            progress.update(task, completed=min(now, total))
        # Most of the time is left to the work that is waited for.
        await asyncio.sleep(0 if seen >= total else max(_POLL_PAUSE_SECONDS, 3 * (time.monotonic() - asked_at)))
    if seen < total:
        raise DemoFailed(f"{name} {seen} of {total} and no more for {_STUCK_SECONDS:g} s.")


async def _orders_in_analytics(client: httpx2.AsyncClient, settings: Settings) -> int:
    answer = await _get(client, f"{settings.service_url('analytics')}/v1/metrics/orders")
    return int(answer["totals"]["orders"])


async def _points_in_analytics(client: httpx2.AsyncClient, settings: Settings) -> int:
    # The last in the chain: what it knows, loyalty has booked.
    answer = await _get(client, f"{settings.service_url('analytics')}/v1/metrics/points")
    return int(answer["outstanding"])


def _print_headlines(console: Console, totals: dict[str, Any], seconds: float) -> None:
    orders, again, ledger = totals["orders"]["totals"], totals["repeat"]["share"], totals["ledger"]
    dollars = next(money for money in orders["money"] if money["currency"] == "USD")
    amount = Decimal(dollars["revenue_minor"]) / 100
    console.print(
        f"\n[bold]CDNOW[/], an online music shop, 1997-01-01 to 1998-06-30, loaded in {seconds:.1f} s\n"
        f"  {orders['customers']:,} customers, {orders['orders']:,} orders, {amount:,} dollars\n"
        f"  {again['percent']} % of the customers bought again\n"
        f"  {ledger['points_outstanding']:,} points in a ledger that sums to {ledger['sum']}",
        highlight=False,
    )

"""A worker that is killed again and again: it does the steps of a story, and whoever comes after it goes on where it had come.

A step is done when its number is told. The one after it may have been done too, or in part, or not at all: it is done again, with the
same events and the same Idempotency-Keys, as the broker and clients do.
"""

import asyncio
import ctypes
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import httpx2
from pydantic import SecretStr

from loyalty.app import SERVICE
from loyalty.settings import LoyaltySettings
from shared.contracts.base import Event
from shared.contracts.customers import CustomerRegistered, Line, OrderPlaced, OrderReturned
from shared.http import create_app
from shared.testing.bus import deliver, message
from shared.testing.databases import open_pool

MEMBERS = 12
_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)


class Progress(ctypes.Structure):
    """Shared with the parent: whether the worker is at work, and how many steps are done."""

    _fields_ = (("at_work", ctypes.c_bool), ("done", ctypes.c_int64))


def steps(seed: int) -> Iterator[tuple[str, Any]]:
    """Yield the steps of a story without end: `("hear", [(event, sequence)])` or `("spend", [(path, body)])`."""
    random, orders, number = Random(seed), [], 0
    for n in range(MEMBERS):
        yield "hear", [(_registered(f"cus_{n}"), 1)]
    while True:
        number += 1
        customer = f"cus_{random.randrange(MEMBERS)}"
        match random.randrange(6):
            case 0 | 1 | 2:
                placed = [_placed(random, f"ord_{number}_{n}", number) for n in range(random.randrange(1, 6))]
                orders += [[order, 0, 1] for order in placed]
                yield "hear", [(order, 1) for order in placed]
            case 3 if orders:
                yield "hear", [_next_return(random, orders, number)]
            case 4:
                yield "spend", [("/v1/holds", {"customer_id": customer, "points": random.randrange(1, 60)}), ("capture", {})]
            case _:
                other = f"cus_{random.randrange(MEMBERS)}"
                points = random.randrange(1, 40)
                given = {"customer_id": customer, "to_customer_id": other, "points": points}
                taken = {"customer_id": customer, "points": -points, "reason": "story"}
                yield "spend", [("/v1/transfers", given) if number % 2 else ("/v1/adjustments", taken)]


def _registered(customer: str) -> CustomerRegistered:
    return CustomerRegistered(customer_id=customer, kind="individual", registered_at=_FIRST_DAY)


def _placed(random: Random, order_id: str, day: int) -> OrderPlaced:
    amount = random.randrange(100, 9_000)
    return OrderPlaced(
        order_id=order_id,
        customer_id=f"cus_{random.randrange(MEMBERS)}",
        placed_at=_FIRST_DAY + timedelta(minutes=day),
        currency="EUR",
        amount_minor=amount,
        lines=[Line(sku="A", quantity=1, amount_minor=amount)],
    )


def _next_return(random: Random, orders: list[list[Any]], number: int) -> tuple[Event, int]:
    entry = random.choice(orders)
    order, returned, sequence = entry
    amount = random.randrange(0, order.amount_minor - returned + 1)
    entry[1:] = returned + amount, sequence + 1
    event = OrderReturned(
        return_id=f"ret_{order.order_id}_{sequence}",
        order_id=order.order_id,
        customer_id=order.customer_id,
        placed_at=order.placed_at,
        returned_at=_FIRST_DAY + timedelta(minutes=number, days=1),
        currency="EUR",
        amount_minor=amount,
        order_amount_minor=order.amount_minor,
        returned_total_minor=returned + amount,
        lines=[Line(sku="A", quantity=1, amount_minor=amount)],
    )
    return event, sequence + 1


def run(dsn: str, key: str, seed: int, progress: Progress, until: int | None = None) -> None:
    """Do the steps that are not done, until killed or as many are done as wanted."""
    asyncio.run(_run(dsn, key, seed, progress, until))


async def _run(dsn: str, key: str, seed: int, progress: Progress, until: int | None) -> None:
    pool = await open_pool(dsn)
    app = create_app(SERVICE, LoyaltySettings(database_url=SecretStr("postgresql://unused")), database=pool)
    async with app.router.lifespan_context(app):
        headers = {"authorization": f"Bearer {key}"}
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://test", headers=headers) as client:
            for number, (kind, content) in enumerate(steps(seed)):
                if number == until:
                    break
                if number < progress.done:
                    continue
                progress.at_work = True
                if kind == "hear":
                    await deliver(pool, SERVICE, [_same_message(event, sequence) for event, sequence in content])
                else:
                    await _spend(client, number, content)
                progress.done = number + 1
    await pool.close()


def _same_message(event: Event, sequence: int) -> Any:
    """Return the message of an event: the same one whoever sends it, so that the inbox knows it."""
    made = message(event, sequence)
    known = str(uuid5(NAMESPACE_OID, f"{event.type}:{event.aggregate_id}:{sequence}")).encode()
    return made._replace(headers=[(name, known if name == "ce_id" else value) for name, value in made.headers])


async def _spend(client: httpx2.AsyncClient, number: int, calls: list[tuple[str, dict[str, Any]]]) -> None:
    made: dict[str, Any] = {}
    for place, (path, body) in enumerate(calls):
        url = f"/v1/holds/{made['id']}/capture" if path == "capture" else path
        answer = await client.post(url, json=body, headers={"idempotency-key": f"step-{number}-{place}"})
        if answer.status_code == 409:
            # Not enough points, or a gift to oneself: that is an answer too, and the same one every time.
            return
        assert answer.status_code in {200, 201, 422}, answer.text
        made = answer.json()
        if answer.status_code == 422:
            return

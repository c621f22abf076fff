"""The CDNOW purchase log as the bodies of requests."""

import csv
import gzip
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from local_runner.people import person

DATA = Path(__file__).resolve().parents[3] / "demo" / "cdnow_master.csv.gz"
CURRENCY = "USD"
# What a batch may hold.
MAX_ITEMS = 1_000


@dataclass(frozen=True)
class Purchase:
    """One line of the log.

    Attributes:
        row: its number, from 1; the log has no other identity, and has equal lines.
        customer: number of the customer.
        day: date of the purchase, as 1997-01-31.
        units: records bought.
        amount_minor: the whole purchase in cents; 80 purchases cost nothing.
    """

    row: int
    customer: str
    day: str
    units: int
    amount_minor: int


@dataclass(frozen=True)
class Batch:
    """The body of one request.

    Attributes:
        body: JSON.
        size: how many items it has.
        key: Idempotency-Key, which follows from the body, so that the same batch sent twice is one.
    """

    body: bytes
    size: int
    key: str


def read_purchases(path: Path = DATA) -> list[Purchase]:
    """Return the purchase log."""
    with gzip.open(path, "rt", newline="") as log:
        return [_purchase(row, line) for row, line in enumerate(csv.DictReader(log), start=1)]


def customer_batches(purchases: Sequence[Purchase]) -> Iterator[Batch]:
    """Yield the customers in batches, each in the order of his first line; the log has no names, so they are given some."""
    numbers = dict.fromkeys(purchase.customer for purchase in purchases)
    yield from _batches([{"kind": "individual", "external_id": f"cdnow-{number}", **person(number)} for number in numbers])


def order_batches(purchases: Sequence[Purchase]) -> Iterator[Batch]:
    """Yield the orders in batches, in the order of the log."""
    yield from _batches([_order(purchase) for purchase in purchases])


def _purchase(row: int, line: dict[str, str]) -> Purchase:
    cents = Decimal(line["amount"]) * 100
    if cents != cents.to_integral_value():
        raise ValueError(f"line {row}: {line['amount']} has fractions of a cent")
    day = datetime.strptime(line["date"], "%Y%m%d").date().isoformat()  # noqa: DTZ007 - a date has no time zone
    return Purchase(row, line["customer_id"], day, int(line["cds"]), int(cents))


def _order(purchase: Purchase) -> dict[str, Any]:
    return {
        "external_id": f"cdnow-{purchase.row}",
        "customer_external_id": f"cdnow-{purchase.customer}",
        "placed_at": f"{purchase.day}T00:00:00Z",
        "currency": CURRENCY,
        "lines": [{"sku": "cd", "quantity": purchase.units, "amount_minor": purchase.amount_minor, "category": "music"}],
    }


def _batches(items: Sequence[dict[str, Any]]) -> Iterator[Batch]:
    for start in range(0, len(items), MAX_ITEMS):
        part = items[start : start + MAX_ITEMS]
        body = orjson.dumps({"items": part})
        yield Batch(body, len(part), f"demo-{hashlib.sha256(body).hexdigest()[:40]}")

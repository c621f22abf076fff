"""Events for the tests, sent to the handlers as the consumer would: in batches of one type, in one transaction."""

import csv
import gzip
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path

from analytics.app import SERVICE
from shared.contracts.base import Event
from shared.contracts.customers import (
    CustomerErased,
    CustomerMerged,
    CustomerRegistered,
    CustomerUnmerged,
    Line,
    OrderCancelled,
    OrderPlaced,
    OrderReturned,
)
from shared.contracts.feedback import ResponseRecorded
from shared.contracts.loyalty import MemberEnrolled, PointsAccrued, PointsReversed
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Envelope, Received
from shared.ids import new_uuid

CDNOW = Path(__file__).parents[3] / "deploy" / "demo" / "cdnow_master.csv.gz"


def received(event: Event, sequence: int = 1) -> Received:
    envelope = Envelope(
        id=new_uuid(),
        type=event.type,
        source="/regulars/tests",
        aggregate_id=event.aggregate_id,
        key=event.key,
        sequence=sequence,
        time=datetime(2026, 3, 2, tzinfo=UTC),
    )
    return Received(event, envelope)


async def send(database, events: Iterable[Event | Received]) -> None:
    """Apply events in one transaction: runs of one type go to their handler together."""
    wrapped = [event if isinstance(event, Received) else received(event) for event in events]
    async with UnitOfWork(database) as uow:
        for kind, run in groupby(wrapped, key=lambda one: type(one.event)):
            await SERVICE.handlers[kind](uow, list(run))
        await uow.commit()


async def send_in_batches(database, events: Sequence[Event | Received], size: int = 1_000) -> None:
    for start in range(0, len(events), size):
        await send(database, events[start : start + size])


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def order(order_id: str, customer_id: str, placed_at: str | datetime, amount_minor: int = 1_000, currency: str = "USD") -> OrderPlaced:
    return OrderPlaced(
        order_id=order_id,
        customer_id=customer_id,
        placed_at=utc(placed_at) if isinstance(placed_at, str) else placed_at,
        currency=currency,
        amount_minor=amount_minor,
        channel=None,
        lines=[Line(sku="cd", quantity=1, amount_minor=amount_minor)],
    )


def returned(return_id: str, of: OrderPlaced, amount_minor: int, returned_at: datetime | None = None) -> OrderReturned:
    return OrderReturned(
        return_id=return_id,
        order_id=of.order_id,
        customer_id=of.customer_id,
        placed_at=of.placed_at,
        returned_at=returned_at or of.placed_at,
        currency=of.currency,
        amount_minor=amount_minor,
        order_amount_minor=of.amount_minor,
        returned_total_minor=amount_minor,
        lines=[Line(sku="cd", quantity=1, amount_minor=amount_minor)],
    )


def cancelled(of: OrderPlaced, returned_total_minor: int = 0) -> OrderCancelled:
    return OrderCancelled(
        order_id=of.order_id,
        customer_id=of.customer_id,
        placed_at=of.placed_at,
        cancelled_at=of.placed_at,
        reason="cancelled",
        currency=of.currency,
        order_amount_minor=of.amount_minor,
        returned_total_minor=returned_total_minor,
    )


def merged(merged_id: str, survivor_id: str) -> CustomerMerged:
    return CustomerMerged(
        merge_id=f"mrg_{merged_id}_{survivor_id}", survivor_id=survivor_id, merged_id=merged_id, merged_at=utc("2026-03-01")
    )


def unmerged(merged_id: str, survivor_id: str) -> CustomerUnmerged:
    return CustomerUnmerged(
        merge_id=f"mrg_{merged_id}_{survivor_id}", survivor_id=survivor_id, merged_id=merged_id, unmerged_at=utc("2026-03-02")
    )


def erased(*customer_ids: str) -> CustomerErased:
    return CustomerErased(
        erasure_id=f"era_{customer_ids[0]}", customer_id=customer_ids[0], customer_ids=list(customer_ids), requested_at=utc("2026-03-02")
    )


def customer(customer_id: str, registered_at: str = "2026-01-01") -> CustomerRegistered:
    return CustomerRegistered(customer_id=customer_id, kind="individual", country="LV", registered_at=utc(registered_at))


def response(response_id: str, score: int, answered_at: str = "2026-01-05", channel: str | None = "email") -> ResponseRecorded:
    return ResponseRecorded(
        response_id=response_id,
        subject_id=response_id,
        question="nps",
        score=score,
        channel=channel,
        has_comment=False,
        answered_at=utc(answered_at),
    )


def enrolled(customer_id: str, at: str = "2026-01-01") -> MemberEnrolled:
    return MemberEnrolled(customer_id=customer_id, enrolled_at=utc(at))


def accrued(entry_id: str, points: int, at: str = "2026-01-05", customer_id: str = "cus_a") -> PointsAccrued:
    return PointsAccrued(entry_id=entry_id, customer_id=customer_id, points=points, reason="order", order_id=None, occurred_at=utc(at))


def reversed_(entry_id: str, points: int, at: str = "2026-01-06", customer_id: str = "cus_a") -> PointsReversed:
    return PointsReversed(entry_id=entry_id, customer_id=customer_id, points=points, reason="return", order_id=None, occurred_at=utc(at))


def cdnow_orders() -> list[OrderPlaced]:
    """Return the 69,659 orders of the file, in its order; equal rows are different orders."""
    with gzip.open(CDNOW, "rt") as file:
        return [
            order(
                f"ord_{number}",
                f"cus_{row['customer_id']}",
                datetime.strptime(row["date"], "%Y%m%d").replace(tzinfo=UTC),
                int(Decimal(row["amount"]) * 100),
            )
            for number, row in enumerate(csv.DictReader(file))
        ]

"""What counts for tiers, of orders, returns, cancellations and entries. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from loyalty.tiers.rules import Fact, History, Override


class Row(NamedTuple):
    """A row of `tier_histories`."""

    root: str
    kind: str
    source: str
    counts_at: datetime
    happened_at: datetime
    amount: int


@dataclass(slots=True)
class _Order:
    placed_at: datetime
    amount: int
    returns: list[tuple[datetime, int]] = field(default_factory=list)
    cancelled_at: datetime | None = None


def history_of(rows: Iterable[Row], *, with_visits: bool = True) -> History:
    """Return the history of a family.

    An order counts by what is left of it: as money, and as one visit as long as anything is left.

    Args:
        rows: of one family, in any order; kinds that are not its history are left out.
        with_visits: whether visits are wanted at all.
    """
    orders: dict[str, _Order] = {}
    facts: list[Fact] = []
    overrides: list[Override] = []
    started_at = None
    for row in sorted(rows, key=lambda row: row.kind != "order"):
        match row.kind:
            case "start":
                started_at = row.happened_at
            case "order":
                orders[row.source] = _Order(row.counts_at, row.amount)
            case "return":
                orders[row.source].returns.append((row.happened_at, row.amount))
            case "cancel":
                orders[row.source].cancelled_at = row.happened_at
            case "override":
                overrides.append(Override(row.source or None, row.counts_at, row.happened_at))
            case kind if kind.startswith("points:"):
                facts.append(Fact(row.counts_at, row.happened_at, row.amount, kind))
    for order in orders.values():
        facts += _facts_of(order, is_visit=False)
        facts += _facts_of(order, is_visit=True) if with_visits else []
    return History(started_at, facts, overrides)


def _facts_of(order: _Order, *, is_visit: bool) -> list[Fact]:
    bought = left = max(order.amount, 0)
    counted = 1 if is_visit else bought
    measure = "visits" if is_visit else "spend"
    facts = [Fact(order.placed_at, order.placed_at, counted, measure)] if counted else []
    ends = max(order.cancelled_at, order.placed_at) if order.cancelled_at is not None else None
    for at, amount in sorted((max(at, order.placed_at), amount) for at, amount in order.returns):
        if ends is not None and at >= ends:
            break
        left = max(left - amount, 0)
        # What cost nothing is a visit until it is cancelled.
        now = int(left > 0 or bought == 0) if is_visit else left
        if now != counted:
            facts.append(Fact(order.placed_at, at, now - counted, measure))
            counted = now
    if ends is not None and counted:
        facts.append(Fact(order.placed_at, ends, -counted, measure))
    return facts

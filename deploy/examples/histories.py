"""What real shops sold and took back, as events in the order of time.

The two histories lie beside the demo; `deploy/demo/README.md` says where they are from.
"""

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

from shared.contracts.customers import Line, OrderPlaced, OrderReturned

_DATA = Path(__file__).resolve().parents[1] / "demo"
# Prices are told in thousandths of a pound.
_PER_MINOR = 10


@dataclass(slots=True)
class History:
    """What happened in a shop.

    Attributes:
        name: of the shop.
        currency: ISO 4217.
        events: orders and returns, by time; a return comes after its order.
        cancelled: pieces on cancellations.
        unmatched: how many of them no earlier order of the customer explains; they were bought before the history begins, or are
            no goods but discounts and charges.
    """

    name: str
    currency: str
    events: list[OrderPlaced | OrderReturned]
    cancelled: int = 0
    unmatched: int = 0

    @property
    def customers(self) -> set[str]:
        """Ids of all who ever bought."""
        return {event.customer_id for event in self.events}


def cdnow(path: Path = _DATA / "cdnow_master.csv.gz") -> History:
    """Return the music shop's history: 69,659 orders of 23,570 customers in 18 months; nothing came back."""
    with gzip.open(path, "rt", newline="") as log:
        orders = [_cdnow_order(row, line) for row, line in enumerate(csv.DictReader(log), start=1)]
    return History("CDNOW", "USD", sorted(orders, key=lambda order: (order.placed_at, order.order_id)))


def _cdnow_order(row: int, line: dict[str, str]) -> OrderPlaced:
    cents = int(Decimal(line["amount"]) * 100)
    day = datetime.strptime(line["date"], "%Y%m%d").replace(tzinfo=UTC)
    return OrderPlaced(
        order_id=f"ord_cdnow_{row:05}",
        customer_id=f"cus_cdnow_{line['customer_id']}",
        placed_at=day,
        currency="USD",
        amount_minor=cents,
        lines=[Line(sku="cd", quantity=max(int(line["cds"]), 1), amount_minor=cents, category="music")],
    )


def online_retail(path: Path = _DATA / "online_retail.csv.gz") -> History:
    """Return the gift shop's history, its cancellations as returns of the orders that they belong to.

    A cancellation names an article and a customer, not an order: it takes back the latest pieces that he bought until then and has
    not returned yet, at the price that he paid.
    """
    with gzip.open(path, "rt", newline="") as log:
        rows = sorted(csv.DictReader(log), key=lambda row: (row["time"], row["invoice"]))
    history = History("Online Retail", "GBP", [])
    shelves: dict[tuple[str, str], list[_Bought]] = defaultdict(list)
    for (invoice, time, customer), group in groupby(rows, key=lambda row: (row["invoice"], row["time"], row["customer"])):
        told, lines = _Told(invoice, _moment(time), f"cus_retail_{customer}"), list(group)
        if invoice.startswith("C"):
            history.events += _returns(told, lines, shelves, history)
        else:
            history.events.append(_retail_order(told, lines, shelves))
    return history


@dataclass(frozen=True, slots=True)
class _Told:
    invoice: str
    moment: datetime
    customer_id: str


@dataclass(slots=True)
class _Placed:
    """An order, and what of its money is gone."""

    order: OrderPlaced
    returned_minor: int = 0
    returns: int = 0


@dataclass(slots=True)
class _Bought:
    """What is left of a line of an order."""

    placed: _Placed
    quantity: int
    amount_minor: int


def _moment(time: str) -> datetime:
    return datetime.strptime(time, "%Y%m%d%H%M").replace(tzinfo=UTC)


def _retail_order(told: _Told, rows: Sequence[dict[str, Any]], shelves: dict[tuple[str, str], list[_Bought]]) -> OrderPlaced:
    quantities: dict[str, int] = defaultdict(int)
    mills: dict[str, int] = defaultdict(int)
    for row in rows:
        quantities[row["article"]] += int(row["quantity"])
        mills[row["article"]] += int(row["quantity"]) * int(row["price"])
    lines = [Line(sku=sku, quantity=quantity, amount_minor=round(mills[sku] / _PER_MINOR)) for sku, quantity in quantities.items()]
    order = OrderPlaced(
        order_id=f"ord_retail_{told.invoice}_{told.moment:%H%M}",
        customer_id=told.customer_id,
        placed_at=told.moment,
        currency="GBP",
        amount_minor=sum(line.amount_minor for line in lines),
        lines=lines,
    )
    placed = _Placed(order)
    for line in lines:
        shelves[told.customer_id, line.sku].append(_Bought(placed, line.quantity, line.amount_minor))
    return order


def _returns(
    told: _Told, rows: Sequence[dict[str, Any]], shelves: dict[tuple[str, str], list[_Bought]], history: History
) -> Iterator[OrderReturned]:
    baskets: dict[int, tuple[_Placed, list[Line]]] = {}
    for row in rows:
        wanted = -int(row["quantity"])
        history.cancelled += wanted
        shelf = shelves[told.customer_id, row["article"]]
        while wanted and shelf:
            bought = shelf[-1]
            pieces = min(wanted, bought.quantity)
            # The last piece takes what rounding left.
            amount = bought.amount_minor * pieces // bought.quantity
            bought.quantity, bought.amount_minor, wanted = bought.quantity - pieces, bought.amount_minor - amount, wanted - pieces
            if not bought.quantity:
                shelf.pop()
            _, lines = baskets.setdefault(id(bought.placed), (bought.placed, []))
            lines.append(Line(sku=row["article"], quantity=pieces, amount_minor=amount))
        history.unmatched += wanted
    for placed, lines in baskets.values():
        yield _return(told, placed, lines)


def _return(told: _Told, placed: _Placed, lines: list[Line]) -> OrderReturned:
    amount = sum(line.amount_minor for line in lines)
    placed.returned_minor += amount
    placed.returns += 1
    order = placed.order
    return OrderReturned(
        return_id=f"ret_{order.order_id[4:]}_{placed.returns}",
        order_id=order.order_id,
        customer_id=order.customer_id,
        placed_at=order.placed_at,
        returned_at=told.moment,
        currency=order.currency,
        amount_minor=amount,
        order_amount_minor=order.amount_minor,
        returned_total_minor=placed.returned_minor,
        lines=lines,
    )

"""When an order may be placed, which way it goes, and what may come back of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from customers.orders.amounts.rules import shared_out
from customers.orders.errors import (
    ChangedAtRefused,
    NothingToReturn,
    OrderIsCancelled,
    PlacedAtRefused,
    RefundExceedsOrder,
    ReturnedAtRefused,
    ReturnExceedsOrder,
    SkuNotInOrder,
    StepNotAllowed,
)

EARLIEST_ORDER = datetime(1970, 1, 1, tzinfo=UTC)
# Clocks of shops and time zones of careless clients differ from ours.
CLOCK_MARGIN = timedelta(days=1)

CANCELLED = "cancelled"
STATUSES = ("placed", "paid", "shipped", "delivered", "completed", CANCELLED)
# Forward only; an invoice may be paid after the goods left. What was delivered is returned, not cancelled.
_STEPS: dict[str, frozenset[str]] = {
    "placed": frozenset({"paid", "shipped", "delivered", "completed", CANCELLED}),
    "paid": frozenset({"shipped", "delivered", "completed", CANCELLED}),
    "shipped": frozenset({"paid", "delivered", "completed", CANCELLED}),
    "delivered": frozenset({"completed"}),
    "completed": frozenset(),
    CANCELLED: frozenset(),
}

# A line as it is stored: sku, quantity, amount_minor, category.
LineData = Mapping[str, Any]


@dataclass(slots=True)
class Left:
    """What is left of one article of an order.

    Attributes:
        quantity: pieces that did not come back.
        amount_minor: their money.
        category: of the article's first line.
    """

    quantity: int
    amount_minor: int
    category: str | None


def check_placed_at(placed_at: datetime, now: datetime) -> None:
    """Refuse a moment before 1970 or after tomorrow.

    Raises:
        PlacedAtRefused: it is one.
    """
    if not EARLIEST_ORDER <= placed_at <= now + CLOCK_MARGIN:
        raise PlacedAtRefused(pointer="/placed_at")


def check_returned_at(returned_at: datetime, placed_at: datetime, now: datetime) -> None:
    """Refuse a return before its order or after tomorrow.

    Raises:
        ReturnedAtRefused: it is one.
    """
    if not placed_at <= returned_at <= now + CLOCK_MARGIN:
        raise ReturnedAtRefused(pointer="/returned_at")


def total_minor(lines: Iterable[LineData]) -> int:
    """Return the sum of the lines in minor units."""
    return sum(line["amount_minor"] for line in lines)


def left_of(bought: Iterable[LineData], returned: Iterable[LineData]) -> dict[str, Left]:
    """Return what did not come back yet, by sku, in the order of the lines; articles with no pieces left are absent.

    Args:
        bought: lines of the order; an article can have several.
        returned: lines of all of its returns.
    """
    left: dict[str, Left] = {}
    for line in bought:
        present = left.setdefault(line["sku"], Left(0, 0, line["category"]))
        present.quantity += line["quantity"]
        present.amount_minor += line["amount_minor"]
    for line in returned:
        present = left[line["sku"]]
        present.quantity -= line["quantity"]
        present.amount_minor -= line["amount_minor"]
    return {sku: each for sku, each in left.items() if each.quantity > 0}


def lines_to_return(bought: Sequence[LineData], returned: Sequence[LineData], requested: Sequence[LineData] | None) -> list[dict[str, Any]]:
    """Return the lines of a new return.

    Args:
        bought: lines of the order.
        returned: lines of the returns so far.
        requested: {sku, quantity, amount_minor}; without an amount the pieces' even share of what is left. None asks for
            everything that is left.

    Raises:
        NothingToReturn: nothing is left.
        SkuNotInOrder: an article was never bought.
        ReturnExceedsOrder: more pieces or money than is left of an article.
    """
    left = left_of(bought, returned)
    if not left:
        raise NothingToReturn
    if requested is None:
        return [_line(sku, each.quantity, each.amount_minor, each.category) for sku, each in left.items()]
    articles = {line["sku"] for line in bought}
    return [_taken(left, articles, line, place) for place, line in enumerate(requested)]


def _taken(left: dict[str, Left], articles: set[str], line: LineData, place: int) -> dict[str, Any]:
    """Take one requested line off what is left."""
    sku, quantity, amount = line["sku"], line["quantity"], line["amount_minor"]
    if sku not in articles:
        raise SkuNotInOrder(pointer=f"/lines/{place}/sku")
    present = left.get(sku)
    if present is None or quantity > present.quantity:
        pieces = present.quantity if present else 0
        raise ReturnExceedsOrder(f"{pieces} pieces are left.", pointer=f"/lines/{place}/quantity", left_quantity=pieces)
    if amount is None:
        amount = present.amount_minor * quantity // present.quantity
    if amount > present.amount_minor:
        raise ReturnExceedsOrder(
            f"{present.amount_minor} minor units are left.",
            pointer=f"/lines/{place}/amount_minor",
            left_amount_minor=present.amount_minor,
        )
    present.quantity -= quantity
    present.amount_minor -= amount
    return _line(sku, quantity, amount, present.category)


def goods_of_refund(
    bought: Sequence[LineData], returned: Sequence[LineData], refund_minor: int, wanted_minor: int | None, sku: str | None
) -> list[dict[str, Any]]:
    """Return by how much a refund without goods lowers what each article cost: lines of no pieces.

    It is shared out over the articles that are left in proportion to their money, so that what comes back of them later gives no
    more back than was paid in the end.

    Args:
        bought: lines of the order.
        returned: lines of its returns and refunds so far.
        refund_minor: the money that is given back.
        wanted_minor: how much of it is for the goods; None for as much as is left of them.
        sku: the one article that it is for; None for all.

    Raises:
        SkuNotInOrder: there is no such article.
        ReturnExceedsOrder: more than is left of the goods.
    """
    if sku is not None and all(line["sku"] != sku for line in bought):
        raise SkuNotInOrder(pointer="/sku")
    left = {name: each for name, each in left_of(bought, returned).items() if sku in (None, name)}
    weights = [each.amount_minor for each in left.values()]
    goods_minor = min(refund_minor, sum(weights)) if wanted_minor is None else wanted_minor
    if goods_minor > sum(weights):
        raise ReturnExceedsOrder(f"{sum(weights)} minor units are left.", pointer="/goods_minor", left_amount_minor=sum(weights))
    shares = shared_out(goods_minor, weights)
    return [_line(name, 0, share, each.category) for (name, each), share in zip(left.items(), shares, strict=True) if share]


def _line(sku: str, quantity: int, amount_minor: int, category: str | None) -> dict[str, Any]:
    return {"sku": sku, "quantity": quantity, "amount_minor": amount_minor, "category": category}


def steps_from(status: str) -> frozenset[str]:
    """Return the statuses that an order may go to; skipping is allowed, as many shops know only some of them."""
    return _STEPS[status]


def check_step(status: str, wanted: str) -> None:
    """Refuse a step that no way leads to.

    Raises:
        OrderIsCancelled: no step follows a cancellation.
        StepNotAllowed: the order is further than that, or on its way back.
    """
    if status == CANCELLED:
        raise OrderIsCancelled(pointer="/status")
    if wanted not in _STEPS[status]:
        raise StepNotAllowed(pointer="/status", status=status, allowed=sorted(_STEPS[status]))


def check_changed_at(changed_at: datetime, latest: datetime, now: datetime) -> None:
    """Refuse a step before the one before it or after tomorrow.

    Args:
        changed_at: when the step was taken.
        latest: when the order was placed or took its last step.
        now: the present moment.

    Raises:
        ChangedAtRefused: it is one.
    """
    if not latest <= changed_at <= now + CLOCK_MARGIN:
        raise ChangedAtRefused(pointer="/changed_at")


def refund_of(goods_minor: int, wanted_minor: int | None, refunded_minor: int, total_minor: int) -> int:
    """Return the money to give back for a return.

    Args:
        goods_minor: what the returned goods cost.
        wanted_minor: what the seller gives back, less where he keeps a fee, more where he pays shipping back; None for the goods.
        refunded_minor: given back for earlier returns.
        total_minor: what the customer pays for the order.

    Raises:
        RefundExceedsOrder: more than he pays.
    """
    left = total_minor - refunded_minor
    if wanted_minor is None:
        # Tax and shipping cannot make the goods cost more than the whole; an earlier generous refund can have used it up.
        return min(goods_minor, left)
    if wanted_minor > left:
        raise RefundExceedsOrder(pointer="/refund_minor", left_amount_minor=left)
    return wanted_minor

"""What happens in the ledger: orders earn, returns take back, and every entry is told."""

from collections.abc import Sequence

from loyalty.ledger import repository
from loyalty.ledger.repository import Posted
from loyalty.ledger.rules import Purchase, Return, check_purchase, check_return, distinct
from loyalty.programmes.the_programme import PROGRAMME_ID
from shared.contracts.base import Event
from shared.contracts.customers import OrderCancelled, OrderPlaced, OrderReturned
from shared.contracts.loyalty import PointsAccrued, PointsRestored, PointsReversed
from shared.database.unit_of_work import UnitOfWork


async def accrue(uow: UnitOfWork, orders: Sequence[OrderPlaced]) -> None:
    """Give the members the points of their orders, dated when the orders were placed.

    Raises:
        UnusableEvent: an order holds a value that no order can have.
        ContradictingEvent: an order is known with other facts.
    """
    purchases = distinct(check_purchase(Purchase(o.order_id, o.customer_id, o.placed_at, o.amount_minor)) for o in orders)
    _tell(uow, await repository.post_orders(uow.connection, PROGRAMME_ID, purchases))


async def reverse(uow: UnitOfWork, returned: Sequence[OrderReturned]) -> None:
    """Take back the points of what was returned.

    Raises:
        UnusableEvent: a return holds a value that no return can have.
        ContradictingEvent: a return or its order is known with other facts.
    """
    returns = distinct(check_return(_return_of(event)) for event in returned)
    purchases = distinct(r.purchase for r in returns)
    _tell(uow, await repository.post_returns(uow.connection, PROGRAMME_ID, purchases, returns))


async def cancel(uow: UnitOfWork, cancelled: Sequence[OrderCancelled]) -> None:
    """Take back all points that cancelled orders still keep; what came or comes back of them changes nothing more.

    Raises:
        UnusableEvent: a cancellation holds a value that none can have.
        ContradictingEvent: its order is known with other facts.
    """
    returns = [check_return(_cancellation_of(event)) for event in {event.order_id: event for event in cancelled}.values()]
    purchases = distinct(r.purchase for r in returns)
    _tell(uow, await repository.post_returns(uow.connection, PROGRAMME_ID, purchases, returns))


def _return_of(event: OrderReturned) -> Return:
    purchase = Purchase(event.order_id, event.customer_id, event.placed_at, event.order_amount_minor)
    return Return(event.return_id, purchase, event.returned_at, event.amount_minor)


def _cancellation_of(event: OrderCancelled) -> Return:
    purchase = Purchase(event.order_id, event.customer_id, event.placed_at, event.order_amount_minor)
    return Return(event.order_id, purchase, event.cancelled_at, None)


def _tell(uow: UnitOfWork, posted: Sequence[Posted]) -> None:
    for entry in posted:
        uow.publish(_event_of(entry), sequence=entry.sequence)


def _event_of(entry: Posted) -> Event:
    facts = {
        "entry_id": entry.entry_id,
        "customer_id": entry.customer_id,
        "points": entry.points,
        "order_id": entry.order_id,
        "occurred_at": entry.occurred_at,
    }
    if entry.kind == "accrual":
        return PointsAccrued(reason="order", **facts)
    return PointsRestored(reason="return", **facts) if entry.kind == "reinstatement" else PointsReversed(reason="return", **facts)

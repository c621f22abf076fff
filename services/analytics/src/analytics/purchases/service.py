"""Hears of orders, returns and cancellations: facts and roll-ups change together."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import orjson

from analytics.history.repository import HistoryRepository
from analytics.history.rules import amount, moment, text
from analytics.people.repository import PeopleRepository
from analytics.people.service import recount
from analytics.purchases.repository import AddedOrder, CancellationFact, OrderFact, PurchasesRepository, ReturnFact
from analytics.purchases.rules import Activity, activity_of, day_of, differences, extended
from shared.contracts.customers import Line, OrderCancelled, OrderPlaced, OrderReturned
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received


async def on_orders_placed(uow: UnitOfWork, events: Sequence[Received[OrderPlaced]]) -> None:
    """Add orders to the history, and to the activity and money of their people."""
    facts = [_order_fact(received.event) for received in events]
    await HistoryRepository(uow.connection).lock()
    purchases = PurchasesRepository(uow.connection)
    added, before = await purchases.add_orders(facts)
    if not added:
        return
    after = await _states_after(uow.connection, _by_customer(added), before)
    await purchases.put_activity(after, differences((before.get(customer_id), state) for customer_id, state in after.items()))
    await purchases.add_money(added)


async def on_orders_returned(uow: UnitOfWork, events: Sequence[Received[OrderReturned]]) -> None:
    """Take returned goods from the money of their customers and of the months in which they were bought."""
    facts = [_return_fact(received.event) for received in events]
    await HistoryRepository(uow.connection).lock()
    await PurchasesRepository(uow.connection).add_returns(facts)


async def on_orders_cancelled(uow: UnitOfWork, events: Sequence[Received[OrderCancelled]]) -> None:
    """Let orders and their returns count no more, as if they had never been placed."""
    facts = [_cancellation_fact(received.event) for received in events]
    await HistoryRepository(uow.connection).lock()
    roots = await PurchasesRepository(uow.connection).cancel_orders(facts)
    if roots:
        await recount(uow.connection, roots)


async def _states_after(
    connection: Connection, added: Mapping[str, list[AddedOrder]], before: Mapping[str, Activity]
) -> dict[str, Activity]:
    after: dict[str, Activity] = {}
    counted_anew: list[str] = []
    for customer_id, orders in added.items():
        known = before.get(customer_id)
        moments = [order.placed_at for order in orders]
        if orders[0].has_family or (known is not None and min(moments) < known.first_at):
            counted_anew.append(customer_id)
        elif known is None:
            after[customer_id] = activity_of(moments)
        else:
            after[customer_id] = extended(known, moments, _new_days(orders))
    if counted_anew:
        # A purchase from before the first known one moves the whole count, and days of a family are known to all its orders only: these
        # few people are computed from all their orders.
        all_moments: Mapping[str, Sequence[datetime]] = await PeopleRepository(connection).moments_of(counted_anew)
        after.update((customer_id, activity_of(moments)) for customer_id, moments in all_moments.items())
    return after


def _by_customer(orders: Sequence[AddedOrder]) -> Mapping[str, list[AddedOrder]]:
    by_customer: defaultdict[str, list[AddedOrder]] = defaultdict(list)
    for order in orders:
        if order.customer_id is not None:
            by_customer[order.customer_id].append(order)
    return by_customer


def _new_days(orders: Sequence[AddedOrder]) -> int:
    return len({day_of(order.placed_at) for order in orders if not order.day_known})


def _order_fact(event: OrderPlaced) -> OrderFact:
    return OrderFact(
        order_id=text(event.order_id, "order_id"),
        customer_id=text(event.customer_id, "customer_id"),
        placed_at=moment(event.placed_at, "placed_at"),
        currency=event.currency,
        amount_minor=amount(event.amount_minor, "amount_minor"),
        channel=None if event.channel is None else text(event.channel, "channel"),
        shop=None if event.shop is None else text(event.shop, "shop"),
        corrects=None if event.corrects is None else text(event.corrects, "corrects"),
        lines=_json(event.lines),
    )


def _cancellation_fact(event: OrderCancelled) -> CancellationFact:
    return CancellationFact(
        order_id=text(event.order_id, "order_id"),
        customer_id=text(event.customer_id, "customer_id"),
        cancelled_at=moment(event.cancelled_at, "cancelled_at"),
        reason=text(event.reason, "reason"),
        replaced_by=None if event.replaced_by is None else text(event.replaced_by, "replaced_by"),
    )


def _return_fact(event: OrderReturned) -> ReturnFact:
    return ReturnFact(
        return_id=text(event.return_id, "return_id"),
        order_id=text(event.order_id, "order_id"),
        customer_id=text(event.customer_id, "customer_id"),
        placed_at=moment(event.placed_at, "placed_at"),
        returned_at=moment(event.returned_at, "returned_at"),
        currency=event.currency,
        amount_minor=amount(event.amount_minor, "amount_minor"),
        lines=_json(event.lines),
    )


def _json(lines: Sequence[Line]) -> str:
    return orjson.dumps(
        [{"sku": line.sku, "quantity": line.quantity, "amount_minor": line.amount_minor, "category": line.category} for line in lines]
    ).decode()

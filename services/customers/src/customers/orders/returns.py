"""How something comes back of an order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from asyncpg import Record

from customers.orders import repository
from customers.orders.errors import OrderIsCancelled, OrderNotFound, ReturnDiffers
from customers.orders.repository import NewReturn, StoredOrder
from customers.orders.rules import CANCELLED, check_returned_at, lines_to_return, refund_of, total_minor
from customers.orders.schemas import ReturnDraft
from customers.orders.service import told
from shared.contracts.customers import Line, OrderReturned
from shared.database.unit_of_work import UnitOfWork
from shared.ids import new_id


async def take_back(uow: UnitOfWork, order_id: str, draft: ReturnDraft, now: datetime) -> tuple[dict[str, Any], int, bool]:
    """Record what comes back of an order; return the return, the order's version, and whether it is new.

    Raises:
        OrderNotFound: there is none.
        OrderIsCancelled: it counts no more.
        ReturnedAtRefused: it came back before it was placed or comes in the future.
        ReturnExceedsOrder: more than is left.
        RefundExceedsOrder: more money than the customer pays.
        NothingToReturn: nothing is left.
        ReturnDiffers: the external id belongs to a return with other content.
    """
    order = await repository.lock(uow.connection, order_id)
    if order is None:
        raise OrderNotFound
    earlier = await repository.returns_of(uow.connection, order_id) if order.version > 1 else []
    requested = None if draft.lines is None else [vars(line) for line in draft.lines]
    if draft.external_id is not None:
        for each in earlier:
            if each["external_id"] == draft.external_id:
                return _same(each, order_id, draft, requested), order.version, False
    if order.status == CANCELLED:
        raise OrderIsCancelled
    new = _new_return(order, earlier, draft, requested, draft.returned_at or now)
    check_returned_at(new.returned_at, order.placed_at, now)
    returned_total_minor, created_at = await repository.add_return(uow.connection, new)
    _publish(uow, order, new, returned_total_minor)
    return _shown(new._asdict(), created_at), new.order_version, True


def _new_return(
    order: StoredOrder, earlier: Sequence[Record], draft: ReturnDraft, requested: list[dict[str, Any]] | None, returned_at: datetime
) -> NewReturn:
    lines = lines_to_return(order.lines, [line for each in earlier for line in each["lines"]], requested)
    amount_minor = total_minor(lines)
    return NewReturn(
        id=new_id("ret"),
        order_id=order.id,
        order_version=order.version + 1,
        external_id=draft.external_id,
        returned_at=returned_at,
        amount_minor=amount_minor,
        refund_minor=refund_of(amount_minor, draft.refund_minor, order.refunded_total_minor, order.total_minor),
        requested=requested,
        lines=lines,
    )


def _same(present: Record, order_id: str, draft: ReturnDraft, requested: list[dict[str, Any]] | None) -> dict[str, Any]:
    moved = draft.returned_at is not None and draft.returned_at != present["returned_at"]
    refunded = draft.refund_minor is not None and draft.refund_minor != present["refund_minor"]
    if moved or refunded or requested != present["requested"]:
        raise ReturnDiffers(pointer="/external_id", id=present["id"])
    return _shown({**present, "order_id": order_id}, present["created_at"])


def _shown(values: dict[str, Any], created_at: datetime) -> dict[str, Any]:
    hidden = {"requested", "order_version"}
    return {name: value for name, value in values.items() if name not in hidden} | {"created_at": created_at}


def _publish(uow: UnitOfWork, order: StoredOrder, new: NewReturn, returned_total_minor: int) -> None:
    event = OrderReturned(
        return_id=new.id,
        order_id=new.order_id,
        customer_id=order.customer_id,
        placed_at=order.placed_at,
        returned_at=new.returned_at,
        currency=order.currency,
        amount_minor=new.amount_minor,
        order_amount_minor=order.amount_minor,
        returned_total_minor=returned_total_minor,
        lines=[Line.model_validate(line) for line in told(new.lines)],
    )
    uow.publish(event, sequence=new.order_version)

"""How something comes back of an order: goods, or money alone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from asyncpg import Record

from customers.orders import repository
from customers.orders.errors import OrderIsCancelled, ReturnDiffers
from customers.orders.repository import NewReturn, StoredOrder
from customers.orders.rules import CANCELLED, check_returned_at, goods_of_refund, lines_to_return, refund_of, total_minor
from customers.orders.schemas import RefundDraft, ReturnDraft
from customers.orders.service import locked, told
from shared.contracts.customers import Line, OrderReturned
from shared.database.unit_of_work import UnitOfWork
from shared.ids import new_id


async def take_back(uow: UnitOfWork, order_id: str, draft: ReturnDraft, now: datetime) -> tuple[dict[str, Any], int, bool]:
    """Record what comes back of an order; return the return, the order's version, and whether it is new.

    Raises:
        OrderNotFound: there is none.
        OrderOfNobody: its customer was erased.
        OrderIsCancelled: it counts no more.
        ReturnedAtRefused: it came back before it was placed or comes in the future.
        ReturnExceedsOrder: more than is left.
        RefundExceedsOrder: more money than the customer pays.
        NothingToReturn: nothing is left.
        ReturnDiffers: the external id belongs to a return with other content.
    """
    order, earlier = await _locked(uow, order_id)
    requested = None if draft.lines is None else [vars(line) for line in draft.lines]
    present = _present(earlier, draft.external_id)
    if present is not None:
        if draft.refund_minor is not None and draft.refund_minor != present["refund_minor"]:
            raise ReturnDiffers(pointer="/external_id", id=present["id"])
        return _same(present, order_id, draft.returned_at, requested), order.version, False
    return await _add(uow, order, _new_return(order, earlier, draft, requested, draft.returned_at or now), now)


async def refund(uow: UnitOfWork, order_id: str, draft: RefundDraft, now: datetime) -> tuple[dict[str, Any], int, bool]:
    """Record money that is given back while the goods stay; return it as a return without goods, as `take_back` does.

    Raises:
        OrderNotFound: there is none.
        OrderOfNobody: its customer was erased.
        OrderIsCancelled: it counts no more.
        ReturnedAtRefused: it was refunded before it was placed or will be in the future.
        SkuNotInOrder: there is no such article.
        ReturnExceedsOrder: more than is left of the goods.
        RefundExceedsOrder: more money than the customer pays.
        ReturnDiffers: the external id belongs to a return or refund with other content.
    """
    order, earlier = await _locked(uow, order_id)
    requested = {name: getattr(draft, name) for name in ("refund_minor", "goods_minor", "sku", "reason")}
    present = _present(earlier, draft.external_id)
    if present is not None:
        return _same(present, order_id, draft.refunded_at, requested), order.version, False
    return await _add(uow, order, _new_refund(order, earlier, draft, requested, draft.refunded_at or now), now)


async def _locked(uow: UnitOfWork, order_id: str) -> tuple[StoredOrder, Sequence[Record]]:
    """Return an order and its returns, which nobody adds to until the transaction ends."""
    order = await locked(uow.connection, order_id)
    return order, await repository.returns_of(uow.connection, order_id) if order.version > 1 else []


def _present(earlier: Sequence[Record], external_id: str | None) -> Record | None:
    return None if external_id is None else next((each for each in earlier if each["external_id"] == external_id), None)


async def _add(uow: UnitOfWork, order: StoredOrder, new: NewReturn, now: datetime) -> tuple[dict[str, Any], int, bool]:
    check_returned_at(new.returned_at, order.placed_at, now)
    returned_total_minor, created_at = await repository.add_return(uow.connection, new)
    _publish(uow, order, new, returned_total_minor)
    return _shown(new._asdict(), created_at), new.order_version, True


def _check_counts(order: StoredOrder) -> None:
    if order.status == CANCELLED:
        raise OrderIsCancelled


def _new_refund(
    order: StoredOrder, earlier: Sequence[Record], draft: RefundDraft, requested: dict[str, Any], refunded_at: datetime
) -> NewReturn:
    _check_counts(order)
    returned = [line for each in earlier for line in each["lines"]]
    refund_minor = refund_of(0, draft.refund_minor, order.refunded_total_minor, order.total_minor)
    lines = goods_of_refund(order.lines, returned, refund_minor, draft.goods_minor, draft.sku)
    return NewReturn(
        id=new_id("ret"),
        order_id=order.id,
        order_version=order.version + 1,
        external_id=draft.external_id,
        returned_at=refunded_at,
        amount_minor=total_minor(lines),
        refund_minor=refund_minor,
        requested=requested,
        lines=lines,
        kind="refund",
        reason=draft.reason,
    )


def _new_return(
    order: StoredOrder, earlier: Sequence[Record], draft: ReturnDraft, requested: list[dict[str, Any]] | None, returned_at: datetime
) -> NewReturn:
    _check_counts(order)
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


def _same(
    present: Record, order_id: str, returned_at: datetime | None, requested: list[dict[str, Any]] | dict[str, Any] | None
) -> dict[str, Any]:
    moved = returned_at is not None and returned_at != present["returned_at"]
    if moved or requested != present["requested"]:
        raise ReturnDiffers(pointer="/external_id", id=present["id"])
    return _shown({**present, "order_id": order_id}, present["created_at"])


def _shown(values: dict[str, Any], created_at: datetime) -> dict[str, Any]:
    hidden = {"requested", "order_version"}
    return {name: value for name, value in values.items() if name not in hidden} | {"created_at": created_at}


def _publish(uow: UnitOfWork, order: StoredOrder, new: NewReturn, returned_total_minor: int) -> None:
    event = OrderReturned(
        return_id=new.id,
        order_id=new.order_id,
        customer_id=order.owner,
        placed_at=order.placed_at,
        returned_at=new.returned_at,
        currency=order.currency,
        amount_minor=new.amount_minor,
        order_amount_minor=order.amount_minor,
        returned_total_minor=returned_total_minor,
        kind=new.kind,
        lines=[Line.model_validate(line) for line in told(new.lines)],
    )
    uow.publish(event, sequence=new.order_version)

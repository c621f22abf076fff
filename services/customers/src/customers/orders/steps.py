"""How an order goes on its way, and how it is cancelled or corrected."""

from datetime import datetime
from typing import Any

from customers.orders import repository
from customers.orders.errors import CustomerUnknown, OrderDiffers, OrderIsCancelled
from customers.orders.repository import StoredOrder
from customers.orders.rules import CANCELLED, check_changed_at, check_placed_at, check_step
from customers.orders.schemas import OrderCorrection, OrderDraft, priced
from customers.orders.service import content, content_of, locked, new_order, publish_placed, stored
from shared.contracts.customers import OrderCancelled, OrderStatusChanged
from shared.database.unit_of_work import UnitOfWork
from shared.http.etags import check_version
from shared.ids import new_id


async def advance(
    uow: UnitOfWork, order_id: str, status: str, changed_at: datetime | None, now: datetime, match: int | None
) -> StoredOrder:
    """Take an order a step further; the step that it took last, taken again, changes nothing.

    Args:
        uow: the transaction.
        order_id: the order.
        status: where it is now.
        changed_at: since when; None for now.
        now: the present moment.
        match: the version that the caller has read; None when he does not mind.

    Raises:
        OrderNotFound: there is none.
        OrderOfNobody: its customer was erased.
        PreconditionFailed: it was changed since.
        OrderIsCancelled: no step follows a cancellation.
        StepNotAllowed: no way leads there.
        ChangedAtRefused: before the step before, or in the future.
    """
    order = await locked(uow.connection, order_id)
    if match is not None:
        check_version(match, order.version)
    if status != order.status:
        check_step(order.status, status)
        if status == CANCELLED:
            await _cancel(uow, order, changed_at, now)
        else:
            await _step(uow, order, status, changed_at, now)
    return await _present(uow, order_id)


async def cancel(uow: UnitOfWork, order_id: str, cancelled_at: datetime | None, now: datetime) -> StoredOrder:
    """Cancel an order that did not arrive; a second time changes nothing.

    Raises:
        OrderNotFound: there is none.
        OrderOfNobody: its customer was erased.
        StepNotAllowed: it arrived; what comes back is a return.
        ChangedAtRefused: before the step before, or in the future.
    """
    return await advance(uow, order_id, CANCELLED, cancelled_at, now, None)


async def correct(uow: UnitOfWork, order_id: str, correction: OrderCorrection, now: datetime) -> tuple[StoredOrder, bool]:
    """Cancel an order and place what it should have been in its stead; return that, and whether it is new.

    The returns of the old order count no more, as it does not: what came back is recorded again for the new one.

    Raises:
        OrderNotFound: there is none.
        OrderOfNobody: its customer was erased.
        OrderIsCancelled: it was cancelled or corrected before.
        PlacedAtRefused: or another field is refused.
        AmountsDiffer: the new amounts do not add up.
        OrderDiffers: the external id belongs to another order.
    """
    order = await locked(uow.connection, order_id)
    draft = _draft_of(order, correction)
    amounts = priced(draft)
    check_placed_at(draft.placed_at, now)
    present = await repository.get_by_external_id(uow.connection, draft.external_id) if draft.external_id else None
    if present is not None:
        if present.corrects != order.id or content_of(present) != content(draft, amounts):
            raise OrderDiffers(pointer="/external_id", id=present.id)
        return present, False
    if order.status == CANCELLED:
        raise OrderIsCancelled(replaced_by=order.replaced_by)
    new = new_order(draft, amounts, order.owner, corrects=order.id)
    placed = await repository.place(uow.connection, new, by_external_id=False)
    if placed is None:
        # Its customer is locked by nobody: he may have been erased meanwhile, or a twin was faster.
        raise OrderDiffers(pointer="/external_id") if draft.external_id else CustomerUnknown
    await _cancel(uow, order, None, now, replaced_by=new.id)
    publish_placed(uow, new)
    return stored(new, placed.created_at, placed.customer_external_id), True


def _draft_of(order: StoredOrder, correction: OrderCorrection) -> OrderDraft:
    """Return the whole order that a correction describes."""
    told = {name: value for name, value in vars(correction).items() if value is not None}
    kept: dict[str, Any] = {
        "placed_at": order.placed_at,
        "currency": order.currency,
        "channel": order.channel,
        "shop": order.shop,
        "customer_id": order.owner,
        "status": "placed" if order.status == CANCELLED else order.status,
    }
    return OrderDraft.model_construct(**(kept | told))


async def _present(uow: UnitOfWork, order_id: str) -> StoredOrder:
    order = await repository.get(uow.connection, order_id)
    assert order is not None
    return order


def _entry(order: StoredOrder, status: str, changed_at: datetime) -> list[dict[str, Any]]:
    return [{"status": status, "previous": order.status, "at": changed_at.isoformat()}]


def _checked_at(order: StoredOrder, changed_at: datetime | None, now: datetime) -> datetime:
    """Return when the step was taken; a step without a time follows the one before, even where that lies a little ahead."""
    latest = datetime.fromisoformat(order.history[-1]["at"]) if order.history else order.placed_at
    if changed_at is None:
        return max(now, latest)
    check_changed_at(changed_at, latest, now)
    return changed_at


async def _step(uow: UnitOfWork, order: StoredOrder, status: str, changed_at: datetime | None, now: datetime) -> None:
    at = _checked_at(order, changed_at, now)
    version = await repository.step(uow.connection, order.id, status, _entry(order, status, at))
    event = OrderStatusChanged(order_id=order.id, customer_id=order.owner, status=status, previous=order.status, changed_at=at)
    uow.publish(event, sequence=version)


async def _cancel(
    uow: UnitOfWork, order: StoredOrder, cancelled_at: datetime | None, now: datetime, replaced_by: str | None = None
) -> None:
    at = _checked_at(order, cancelled_at, now)
    version = await repository.cancel(uow.connection, order.id, _entry(order, CANCELLED, at), replaced_by, new_id("tch"), at)
    event = OrderCancelled(
        order_id=order.id,
        customer_id=order.owner,
        placed_at=order.placed_at,
        cancelled_at=at,
        reason="corrected" if replaced_by else "cancelled",
        currency=order.currency,
        order_amount_minor=order.amount_minor,
        returned_total_minor=order.returned_total_minor,
        replaced_by=replaced_by,
    )
    uow.publish(event, sequence=version)

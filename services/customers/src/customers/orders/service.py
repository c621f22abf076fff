"""How an order is placed and read."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from customers.links import repository as links
from customers.orders import lists, repository
from customers.orders.amounts.rules import Amounts
from customers.orders.errors import CustomerUnknown, OrderDiffers, OrderNotFound, OrderOfNobody
from customers.orders.repository import NewOrder, StoredOrder
from customers.orders.rules import check_placed_at
from customers.orders.schemas import OrderDraft, priced
from customers.profiles import service as profiles_service
from shared.contracts.customers import OrderPlaced
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.ids import new_id

# The second round places the order of a customer made in the first, or finds that a twin was faster.
_MAX_ROUNDS = 2
# What events tell of a line.
_TOLD = ("sku", "quantity", "amount_minor", "category")


async def place(uow: UnitOfWork, draft: OrderDraft, now: datetime) -> tuple[StoredOrder, bool]:
    """Record an order; return it, and whether it is new.

    Raises:
        PlacedAtRefused: it was placed before 1970 or in the future.
        AmountsDiffer: its amounts do not add up.
        CustomerUnknown: no customer has the id.
        OrderDiffers: the external id belongs to an order with other content.
    """
    check_placed_at(draft.placed_at, now)
    amounts = priced(draft)
    for _ in range(_MAX_ROUNDS):
        order = await _placed(uow, draft, amounts)
        if order is not None:
            return order, True
        if draft.external_id is not None:
            present = await repository.get_by_external_id(uow.connection, draft.external_id)
            if present is not None:
                return _same(present, draft, amounts), False
        if draft.customer_external_id is None:
            raise CustomerUnknown(pointer="/customer_id")
        # The order came before its customer.
        await profiles_service.ensure(uow, [draft.customer_external_id])
    raise OrderDiffers(pointer="/external_id")


async def _placed(uow: UnitOfWork, draft: OrderDraft, amounts: Amounts) -> StoredOrder | None:
    named = draft.customer_id or draft.customer_external_id
    assert named is not None
    new = new_order(draft, amounts, named)
    placed = await repository.place(uow.connection, new, by_external_id=draft.customer_id is None)
    if placed is None:
        return None
    new = new._replace(customer_id=placed.customer_id)
    publish_placed(uow, new)
    return stored(new, placed.created_at, placed.customer_external_id)


def new_order(draft: OrderDraft, amounts: Amounts, customer: str, corrects: str | None = None) -> NewOrder:
    """Return the row of a new order.

    Args:
        draft: what was sent.
        amounts: of the draft.
        customer: the customer's id, or his external id where the statement looks for that.
        corrects: the order in whose stead it stands.
    """
    return NewOrder(
        id=new_id("ord"),
        external_id=draft.external_id,
        customer_id=customer,
        placed_at=draft.placed_at,
        currency=draft.currency,
        channel=draft.channel,
        shop=draft.shop,
        status=draft.status,
        amount_minor=amounts.amount_minor,
        discount_minor=amounts.discount_minor,
        shipping_minor=amounts.shipping_minor,
        tax_minor=amounts.tax_minor,
        tax_included=amounts.tax_included,
        total_minor=amounts.total_minor,
        corrects=corrects,
        lines=amounts.lines,
    )


def stored(new: NewOrder, created_at: datetime, customer_external_id: str | None) -> StoredOrder:
    """Return a new order as it would be read."""
    return StoredOrder(
        **new._asdict(),
        version=1,
        customer_external_id=customer_external_id,
        history=[],
        returned_total_minor=0,
        refunded_total_minor=0,
        replaced_by=None,
        created_at=created_at,
        returns=[],
    )


def content(draft: OrderDraft, amounts: Amounts) -> tuple[Any, ...]:
    """Return what makes an order the same when it is sent again, in the order of the repository's `resolve`."""
    return (
        *(draft.placed_at, draft.currency, draft.channel, draft.shop),
        *(amounts.shipping_minor, amounts.tax_minor, amounts.tax_included, amounts.lines),
    )


def content_of(order: StoredOrder) -> tuple[Any, ...]:
    """Return the same of a stored order."""
    return (
        *(order.placed_at, order.currency, order.channel, order.shop),
        *(order.shipping_minor, order.tax_minor, order.tax_included, order.lines),
    )


def _same(present: StoredOrder, draft: OrderDraft, amounts: Amounts) -> StoredOrder:
    """Return the order that exists if it is the one that was sent again."""
    customer = present.customer_external_id if draft.customer_id is None else present.customer_id
    if customer != (draft.customer_id or draft.customer_external_id) or content_of(present) != content(draft, amounts):
        raise OrderDiffers(pointer="/external_id", id=present.id)
    return present


def publish_placed(uow: UnitOfWork, new: NewOrder) -> None:
    """Announce a new order."""
    # Validated whole: a batch makes thousands of lines.
    event = OrderPlaced.model_validate(
        {
            "order_id": new.id,
            "customer_id": new.customer_id,
            "placed_at": new.placed_at,
            "currency": new.currency,
            "amount_minor": new.amount_minor,
            "channel": new.channel,
            "shop": new.shop,
            "corrects": new.corrects,
            "lines": told(new.lines),
        }
    )
    uow.publish(event, sequence=1)


def told(lines: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return lines as events tell them: without what not every line has."""
    return [line if len(line) == len(_TOLD) else {name: line[name] for name in _TOLD} for line in lines]


async def found(connection: Connection, order_id: str) -> StoredOrder:
    """Return an order.

    Raises:
        OrderNotFound: there is none.
    """
    order = await repository.get(connection, order_id)
    if order is None:
        raise OrderNotFound
    return order


async def locked(connection: Connection, order_id: str) -> StoredOrder:
    """Return an order, without its returns, whose row nobody else changes until the transaction ends.

    Raises:
        OrderNotFound: there is none.
        OrderOfNobody: its customer was erased; it changes no more.
    """
    order = await repository.lock(connection, order_id)
    if order is None:
        raise OrderNotFound
    if order.customer_id is None:
        raise OrderOfNobody
    return order


async def listed(connection: Connection, filters: dict[str, Any], after: tuple[Any, ...] | None, limit: int) -> list[StoredOrder]:
    """Return the orders that pass the filters, newest first, after a sort key."""
    return await lists.page(connection, filters, after, limit)


async def of_customer(connection: Connection, customer_id: str, after: tuple[Any, ...] | None, limit: int) -> list[StoredOrder]:
    """Return the orders of a customer's family, newest first, after a sort key.

    Raises:
        CustomerNotFound: there is none.
    """
    family = await links.family(connection, customer_id)
    return await lists.page_of_family(connection, family.ids, after, limit)


async def erase(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Let the orders and returns of records be nobody's; return how many rows of each kind of record.

    They stay in the books, so that what was sold on a day stays what it was.
    """
    return await repository.make_nameless(connection, ids)


async def collect(connection: Connection, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the orders of records, each with its returns."""
    return {"orders": [dict(row) for row in await repository.collect(connection, ids)]}

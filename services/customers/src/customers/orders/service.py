"""What can be done with a single order."""

from datetime import datetime
from typing import Any

from asyncpg import Record

from customers.orders import repository
from customers.orders.errors import CustomerUnknown, OrderDiffers, OrderNotFound, ReturnDiffers
from customers.orders.repository import NewReturn, StoredOrder
from customers.orders.rules import check_placed_at, check_returned_at, lines_to_return, total_minor
from customers.orders.schemas import OrderDraft, ReturnDraft, data_of
from customers.profiles import repository as profiles
from customers.profiles import service as profiles_service
from customers.profiles.errors import CustomerNotFound
from shared.contracts import customers as contracts
from shared.contracts.customers import OrderPlaced, OrderReturned
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.ids import new_id

# The second round places the order of a customer made in the first, or finds that a twin was faster.
_MAX_ROUNDS = 2


async def place(uow: UnitOfWork, draft: OrderDraft, now: datetime) -> tuple[StoredOrder, bool]:
    """Record an order; return it, and whether it is new.

    Raises:
        PlacedAtRefused: it was placed before 1970 or in the future.
        CustomerUnknown: no customer has the id.
        OrderDiffers: the external id belongs to an order with other content.
    """
    check_placed_at(draft.placed_at, now)
    for _ in range(_MAX_ROUNDS):
        order = await _placed(uow, draft)
        if order is not None:
            return order, True
        if draft.external_id is not None:
            present = await repository.get_by_external_id(uow.connection, draft.external_id)
            if present is not None:
                return _same(present, draft), False
        if draft.customer_external_id is None:
            raise CustomerUnknown(pointer="/customer_id")
        # The order came before its customer.
        await profiles_service.ensure(uow, [draft.customer_external_id])
    raise OrderDiffers(pointer="/external_id")


async def _placed(uow: UnitOfWork, draft: OrderDraft) -> StoredOrder | None:
    order_id, amount_minor = new_id("ord"), total_minor(lines := data_of(draft))
    placed = await repository.place(uow.connection, order_id, draft, amount_minor)
    if placed is None:
        return None
    publish_placed(uow, order_id, placed.customer_id, amount_minor, draft)
    return StoredOrder(
        id=order_id,
        version=1,
        external_id=draft.external_id,
        customer_id=placed.customer_id,
        customer_external_id=placed.customer_external_id,
        placed_at=draft.placed_at,
        currency=draft.currency,
        channel=draft.channel,
        amount_minor=amount_minor,
        returned_total_minor=0,
        lines=lines,
        created_at=placed.created_at,
        returns=[],
    )


def _same(present: StoredOrder, draft: OrderDraft) -> StoredOrder:
    """Return the order that exists if it is the one that was sent again."""
    customer = present.customer_external_id if draft.customer_id is None else present.customer_id
    before = (customer, present.placed_at, present.currency, present.channel, present.lines)
    after = (draft.customer_id or draft.customer_external_id, draft.placed_at, draft.currency, draft.channel, data_of(draft))
    if before != after:
        raise OrderDiffers(pointer="/external_id", id=present.id)
    return present


def publish_placed(uow: UnitOfWork, order_id: str, customer_id: str, amount_minor: int, draft: OrderDraft) -> None:
    """Announce a new order."""
    event = OrderPlaced.model_validate(
        {
            "order_id": order_id,
            "customer_id": customer_id,
            "placed_at": draft.placed_at,
            "currency": draft.currency,
            "amount_minor": amount_minor,
            "channel": draft.channel,
            "lines": data_of(draft),
        }
    )
    uow.publish(event, sequence=1)


async def take_back(uow: UnitOfWork, order_id: str, draft: ReturnDraft, now: datetime) -> tuple[dict[str, Any], int, bool]:
    """Record what comes back of an order; return the return, the order's version, and whether it is new.

    Raises:
        OrderNotFound: there is none.
        ReturnedAtRefused: it came back before it was placed or comes in the future.
        ReturnExceedsOrder: more than is left.
        NothingToReturn: nothing is left.
        ReturnDiffers: the external id belongs to a return with other content.
    """
    order = await repository.lock(uow.connection, order_id)
    if order is None:
        raise OrderNotFound
    earlier = await repository.returns_of(uow.connection, order_id) if order["version"] > 1 else []
    requested = None if draft.lines is None else [vars(line) for line in draft.lines]
    if draft.external_id is not None:
        for each in earlier:
            if each["external_id"] == draft.external_id:
                return _same_return(each, order_id, draft, requested), order["version"], False
    returned_at = draft.returned_at or now
    check_returned_at(returned_at, order["placed_at"], now)
    lines = lines_to_return(order["lines"], [line for each in earlier for line in each["lines"]], requested)
    new = NewReturn(
        id=new_id("ret"),
        order_id=order_id,
        order_version=order["version"] + 1,
        external_id=draft.external_id,
        returned_at=returned_at,
        amount_minor=total_minor(lines),
        requested=requested,
        lines=lines,
    )
    returned_total_minor, created_at = await repository.add_return(uow.connection, new)
    _publish_returned(uow, order, new, returned_total_minor)
    return _shown(new._asdict(), created_at), new.order_version, True


def _same_return(present: Record, order_id: str, draft: ReturnDraft, requested: list[dict[str, Any]] | None) -> dict[str, Any]:
    moved = draft.returned_at is not None and draft.returned_at != present["returned_at"]
    if moved or requested != present["requested"]:
        raise ReturnDiffers(pointer="/external_id", id=present["id"])
    return _shown({**present, "order_id": order_id}, present["created_at"])


def _shown(values: dict[str, Any], created_at: datetime) -> dict[str, Any]:
    hidden = {"requested", "order_version"}
    return {name: value for name, value in values.items() if name not in hidden} | {"created_at": created_at}


def _publish_returned(uow: UnitOfWork, order: Record, new: NewReturn, returned_total_minor: int) -> None:
    event = OrderReturned(
        return_id=new.id,
        order_id=new.order_id,
        customer_id=order["customer_id"],
        placed_at=order["placed_at"],
        returned_at=new.returned_at,
        currency=order["currency"],
        amount_minor=new.amount_minor,
        order_amount_minor=order["amount_minor"],
        returned_total_minor=returned_total_minor,
        lines=[contracts.Line(**line) for line in new.lines],
    )
    uow.publish(event, sequence=new.order_version)


async def found(connection: Connection, order_id: str) -> StoredOrder:
    """Return an order.

    Raises:
        OrderNotFound: there is none.
    """
    order = await repository.get(connection, order_id)
    if order is None:
        raise OrderNotFound
    return order


async def of_customer(connection: Connection, customer_id: str, after: tuple[Any, ...] | None, limit: int) -> list[StoredOrder]:
    """Return a customer's orders, newest first, after a sort key.

    Raises:
        CustomerNotFound: there is none.
    """
    orders = await repository.page(connection, customer_id, after, limit)
    if not orders and not await profiles.exists(connection, customer_id):
        raise CustomerNotFound
    return orders

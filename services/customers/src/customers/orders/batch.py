"""A batch of orders: resolved in one statement, their unknown customers made in a second, written in a third."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from asyncpg import Record

from customers.orders import repository
from customers.orders.amounts.rules import Amounts
from customers.orders.errors import CustomerUnknown, OrderDiffers
from customers.orders.rules import check_placed_at
from customers.orders.schemas import ORDER, OrderDraft, priced
from customers.orders.service import content, new_order, publish_placed
from customers.privacy.erasures.errors import IdentityErased
from customers.privacy.erasures.suppression import erased_among
from customers.profiles import service as profiles
from shared.database.unit_of_work import UnitOfWork
from shared.errors import DomainError
from shared.http.batches import ItemResult, created, existed, read_items, refused

# Each round but the last loses to other writers of the same external ids, who have then finished.
_MAX_ROUNDS = 3


class _Item(NamedTuple):
    """A readable order and its place in the batch."""

    place: int
    draft: OrderDraft
    amounts: Amounts


async def place(uow: UnitOfWork, items: Sequence[Any], now: datetime) -> list[ItemResult]:
    """Record orders; return what became of each item, in order."""
    results: dict[int, ItemResult] = {}
    waiting: list[_Item] = []
    for number, item in enumerate(read_items(ORDER, items)):
        checked = item if isinstance(item, ItemResult) else _checked(number, item, now)
        if isinstance(checked, ItemResult):
            results[number] = checked
        else:
            waiting.append(checked)
    waiting = await _without_erased(uow, waiting, results)
    for _ in range(_MAX_ROUNDS):
        if not waiting:
            break
        waiting = await _place_round(uow, waiting, results)
    results.update((item.place, refused(OrderDiffers(pointer="/external_id"))) for item in waiting)
    return [results[number] for number in range(len(items))]


def _checked(place: int, draft: OrderDraft, now: datetime) -> _Item | ItemResult:
    try:
        check_placed_at(draft.placed_at, now)
        return _Item(place, draft, priced(draft))
    except DomainError as error:
        return refused(error)


async def _without_erased(uow: UnitOfWork, items: list[_Item], results: dict[int, ItemResult]) -> list[_Item]:
    """Refuse the orders that would bring an erased customer back."""
    wanted = [item.draft.customer_external_id for item in items if item.draft.customer_external_id is not None]
    erased = await erased_among(uow.connection, wanted)
    if not erased:
        return items
    results.update((item.place, refused(IdentityErased())) for item in items if item.draft.customer_external_id in erased)
    return [item for item in items if item.draft.customer_external_id not in erased]


async def _place_round(uow: UnitOfWork, items: Sequence[_Item], results: dict[int, ItemResult]) -> list[_Item]:
    """Settle what can be settled; return the items whose external id another writer took meanwhile, or that wait for such."""
    found = await repository.resolve(uow.connection, [item.draft for item in items])
    customers = await _customers(uow, items, found)
    new, again = _sort_out(items, found, customers, results)
    if not new:
        return again
    orders = [new_order(item.draft, item.amounts, customer) for item, customer in new]
    added = await repository.place_many(uow.connection, orders)
    lost: list[_Item] = []
    for (item, _), order in zip(new, orders, strict=True):
        if order.id in added:
            publish_placed(uow, order)
            results[item.place] = created(order.id)
        else:
            lost.append(item)
    return sorted([*lost, *again], key=lambda item: item.place)


async def _customers(uow: UnitOfWork, items: Sequence[_Item], found: Sequence[Record]) -> list[str | None]:
    """Return the id of each item's customer; make those of whom only an external id is known.

    The first of several items with one external id decides: what refuses the others leaves no customer behind.
    """
    missing: set[str] = set()
    seen: set[str | None] = set()
    for (_, draft, _), row in zip(items, found, strict=True):
        if draft.external_id in seen:
            continue
        if draft.external_id is not None:
            seen.add(draft.external_id)
        if row[0] is None and row[1] is None and draft.customer_external_id is not None:
            missing.add(draft.customer_external_id)
    if not missing:
        return [row[0] for row in found]
    made = await profiles.ensure(uow, missing)
    return [row[0] or made.get(item.draft.customer_external_id or "") for item, row in zip(items, found, strict=True)]


def _sort_out(
    items: Sequence[_Item], found: Sequence[Record], customers: Iterable[str | None], results: dict[int, ItemResult]
) -> tuple[list[tuple[_Item, str]], list[_Item]]:
    """Answer what exists or is refused; return the new items with their customers, and those that wait for the next round.

    Twins of new items wait, and items whose customer's external id was given up while they were resolved.
    """
    new: list[tuple[_Item, str]] = []
    again: list[_Item] = []
    seen: set[str] = set()
    for item, row, customer in zip(items, found, customers, strict=True):
        if row[1] is not None:
            results[item.place] = _existing(row, item, customer)
        elif customer is None and item.draft.customer_id is not None:
            results[item.place] = refused(CustomerUnknown(pointer="/customer_id"))
        elif customer is None or item.draft.external_id in seen:
            again.append(item)
        else:
            if item.draft.external_id is not None:
                seen.add(item.draft.external_id)
            new.append((item, customer))
    return new, again


def _existing(row: Record, item: _Item, customer: str | None) -> ItemResult:
    """Compare the order that has the external id with the one that was sent."""
    _, order_id, *present = row
    if present == [customer, *content(item.draft, item.amounts)]:
        return existed(order_id)
    return refused(OrderDiffers(pointer="/external_id", id=order_id))

"""A batch of customers: each item is read and checked on its own, then all good ones are written together."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from customers.profiles import service
from customers.profiles.schemas import UPSERT, CustomerUpsert
from shared.database.unit_of_work import UnitOfWork
from shared.errors import DomainError
from shared.http.batches import ItemResult, created, existed, read_items, refused
from shared.http.merge_patch import changes


async def upsert(uow: UnitOfWork, items: Sequence[Any], today: date) -> list[ItemResult]:
    """Make or complete customers; return what became of each item, in order."""
    read = [_checked(item, today) for item in read_items(UPSERT, items)]
    upserted = iter(await service.upsert(uow, [item for item in read if not isinstance(item, ItemResult)]))
    return [item if isinstance(item, ItemResult) else _result(next(upserted)) for item in read]


def _checked(item: CustomerUpsert | ItemResult, today: date) -> Mapping[str, Any] | ItemResult:
    if isinstance(item, ItemResult):
        return item
    try:
        return service.checked(changes(item), today)
    except DomainError as error:
        return refused(error)


def _result(upserted: service.Upserted) -> ItemResult:
    return created(upserted.id) if upserted.created else existed(upserted.id)

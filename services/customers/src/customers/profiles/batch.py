"""A batch of customers: each item is read and checked on its own, then all good ones are written together."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from customers.profiles import service
from customers.profiles.schemas import UPSERT, CustomerUpsert, fields_of
from customers.provenance.rules import Provenance
from shared.database.unit_of_work import UnitOfWork
from shared.errors import DomainError
from shared.http.batches import ItemResult, created, existed, read_items, refused


async def upsert(uow: UnitOfWork, items: Sequence[Any], today: date, actor: str) -> list[ItemResult]:
    """Make or complete customers; return what became of each item, in order."""
    read = [_checked(item, today) for item in read_items(UPSERT, items)]
    good = [item for item in read if not isinstance(item, ItemResult)]
    fields = [{name: value for name, value in item.items() if name != "source"} for item in good]
    upserted = iter(await service.upsert(uow, fields, [told_by(actor, item.get("source")) for item in good]))
    return [item if isinstance(item, ItemResult) else _result(next(upserted)) for item in read]


def told_by(actor: str, source: str | None) -> Provenance:
    """Return who tells something over the interface."""
    return Provenance(actor=actor) if source is None else Provenance(source, actor)


def _checked(item: CustomerUpsert | ItemResult, today: date) -> Mapping[str, Any] | ItemResult:
    if isinstance(item, ItemResult):
        return item
    try:
        return service.checked(fields_of(item), today)
    except DomainError as error:
        return refused(error)


def _result(upserted: service.Upserted) -> ItemResult:
    return created(upserted.id) if upserted.created else existed(upserted.id)

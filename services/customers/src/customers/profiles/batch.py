"""A batch of customers: each item is read and checked on its own, then all good ones are written together."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from customers.attributes import service as attributes
from customers.attributes.rules import Catalogue
from customers.privacy.erasures.errors import IdentityErased
from customers.privacy.erasures.suppression import places_refused
from customers.profiles import service
from customers.profiles.schemas import UPSERT, CustomerUpsert, fields_of
from customers.provenance.rules import Provenance, check_observed_at
from shared.database.unit_of_work import UnitOfWork
from shared.errors import DomainError
from shared.http.batches import ItemResult, created, existed, read_items, refused

# What is told beside the fields of a customer.
TOLD = ("source", "observed_at")
# An item that can be written, or why it cannot.
_Read = Mapping[str, Any] | ItemResult


async def upsert(uow: UnitOfWork, items: Sequence[Any], now: datetime, actor: str) -> list[ItemResult]:
    """Make or complete customers; return what became of each item, in order."""
    known = await attributes.catalogue(uow.connection)
    read = [_checked(item, now, known) for item in read_items(UPSERT, items)]
    read = await _without_erased(uow, read)
    if known.unique:
        read = await _without_taken(uow, known, read)
    good = [item for item in read if not isinstance(item, ItemResult)]
    fields = [{name: value for name, value in item.items() if name not in TOLD} for item in good]
    upserted = iter(await service.upsert(uow, fields, [told_by(actor, item) for item in good]))
    return [item if isinstance(item, ItemResult) else _result(next(upserted)) for item in read]


def told_by(actor: str, fields: Mapping[str, Any]) -> Provenance:
    """Return who tells fields over the interface, and when he saw them."""
    return Provenance(fields.get("source") or "api", actor, observed_at=fields.get("observed_at"))


def origin(actor: str, fields: dict[str, Any], now: datetime) -> Provenance:
    """Take off fields who tells them and when he saw them.

    Raises:
        ObservedInFuture: later than now.
    """
    told = told_by(actor, fields)
    check_observed_at(told.observed_at, now)
    for name in TOLD:
        fields.pop(name, None)
    return told


async def _without_erased(uow: UnitOfWork, read: list[_Read]) -> list[_Read]:
    """Refuse the items that would bring an erased identity back."""
    places = await places_refused(uow.connection, [{} if isinstance(item, ItemResult) else item for item in read])
    return [refused(IdentityErased()) if place in places else item for place, item in enumerate(read)] if places else read


async def _without_taken(uow: UnitOfWork, known: Catalogue, read: list[_Read]) -> list[_Read]:
    """Refuse the items that would take a unique value of another customer; who is quicker still, fails the batch."""
    values = [("", {}) if isinstance(item, ItemResult) else (item["external_id"], item.get("attributes") or {}) for item in read]
    taken = await attributes.refused_as_taken(uow.connection, known, values)
    return [refused(taken[place]) if place in taken else item for place, item in enumerate(read)]


def _checked(item: CustomerUpsert | ItemResult, now: datetime, known: Catalogue) -> Mapping[str, Any] | ItemResult:
    if isinstance(item, ItemResult):
        return item
    try:
        check_observed_at(item.observed_at, now)
        return service.checked(fields_of(item), now.date(), known)
    except DomainError as error:
        return refused(error)


def _result(upserted: service.Upserted) -> ItemResult:
    return created(upserted.id) if upserted.created else existed(upserted.id)

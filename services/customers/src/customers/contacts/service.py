"""What can be done with contacts and organisations."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from asyncpg import Record

from customers.contacts import repository
from customers.contacts.errors import (
    ContactExists,
    ContactNotFound,
    HierarchyCycle,
    NotAnOrganisation,
    ParentUnknown,
    PeriodRefused,
    PersonUnknown,
)
from customers.contacts.repository import Party
from customers.links.repository import Family, family
from customers.profiles.errors import CustomerNotFound
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.http.etags import check_version

# Longer chains of owners are mistakes.
MAX_DEPTH = 20
_BEFORE_ALL = (datetime(1970, 1, 1, tzinfo=UTC), "")


async def add(uow: UnitOfWork, customer_id: str, values: Mapping[str, Any]) -> Record:
    """Add a contact to the record of an organisation that the id names.

    Raises:
        CustomerNotFound: there is none.
        NotAnOrganisation: he is a person.
        PersonUnknown: the contact is no individual customer, or of the same family.
        ContactExists: he is one already.
        PeriodRefused: the last day is before the first.
    """
    _check_period(values)
    person_id = values["person_id"]
    own = await family(uow.connection, customer_id)
    parties = await repository.parties(uow.connection, sorted({customer_id, person_id or customer_id}))
    _check_organisation(parties.get(customer_id))
    if person_id is not None:
        person = parties.get(person_id)
        if person is None or person.kind != "individual" or person.root_id == own.root_id:
            raise PersonUnknown(pointer="/person_id")
    contact_id = repository.new_contact_id()
    if values["is_primary"]:
        await repository.demote(uow.connection, own.ids, contact_id)
    if not await repository.insert(uow.connection, contact_id, customer_id, person_id, values):
        raise ContactExists(pointer="/person_id")
    return await _shown(uow.connection, contact_id, own)


async def amend(uow: UnitOfWork, customer_id: str, contact_id: str, patch: Mapping[str, Any], match: int) -> Record:
    """Change a contact that the client has read.

    Raises:
        CustomerNotFound: there is no such organisation.
        ContactNotFound: it has no such contact.
        PreconditionFailed: it was changed since.
        PersonUnknown: a customer's own fields can only be changed in his record.
        PeriodRefused: the last day is before the first.
    """
    own = await family(uow.connection, customer_id)
    # In the order of `add`: first the organisation, then its contacts.
    await repository.parties(uow.connection, sorted(own.ids))
    contact = await _locked(uow.connection, contact_id, own, match)
    if contact["person_id"] is not None and any(patch.get(name) is not None for name in ("name", "email", "phone")):
        raise PersonUnknown("A customer's own record holds his name, address and number.", pointer="/name")
    values = {**contact, **patch}
    for name in ("name", "roles", "is_primary"):
        if values[name] is None:
            values[name] = contact[name]
    _check_period(values)
    if values["is_primary"] and not contact["is_primary"]:
        await repository.demote(uow.connection, own.ids, contact_id)
    await repository.update(uow.connection, contact_id, values)
    return await _shown(uow.connection, contact_id, own)


async def remove(uow: UnitOfWork, customer_id: str, contact_id: str, match: int) -> None:
    """Delete a contact; the person's own record stays.

    Raises:
        CustomerNotFound: there is no such organisation.
        ContactNotFound: it has no such contact.
        PreconditionFailed: it was changed since.
    """
    await _locked(uow.connection, contact_id, await family(uow.connection, customer_id), match)
    await repository.delete(uow.connection, contact_id)


async def found(connection: Connection, customer_id: str, contact_id: str) -> Record:
    """Return a contact of an organisation.

    Raises:
        CustomerNotFound: there is no such organisation.
        ContactNotFound: it has no such contact.
    """
    return await _shown(connection, contact_id, await family(connection, customer_id))


async def listed(
    connection: Connection, customer_id: str, side: str, after: tuple[Any, ...] | None, limit: int, role: str | None, on: date | None
) -> list[Record]:
    """Return the contacts of a customer, who is on this side of them, oldest first, after a sort key.

    Raises:
        CustomerNotFound: there is none.
    """
    own = await family(connection, customer_id)
    return await repository.page(connection, side, own.ids, after or _BEFORE_ALL, limit, role, on)


async def put_organisation(uow: UnitOfWork, customer_id: str, channel_kind: str | None, parent_id: str | None) -> dict[str, Any]:
    """Set what an organisation is among others.

    Raises:
        CustomerNotFound: there is none.
        NotAnOrganisation: he is a person.
        ParentUnknown: the parent is none.
        HierarchyCycle: it would belong to itself, or the chain above would be too long.
    """
    connection = uow.connection
    await repository.hold_hierarchy(connection)
    own = await family(connection, customer_id)
    parties = await repository.parties(connection, sorted({customer_id, parent_id or customer_id}))
    _check_organisation(parties.get(customer_id))
    if parent_id is not None:
        parent = parties.get(parent_id)
        if parent is None or parent.kind != "organisation":
            raise ParentUnknown(pointer="/parent_id")
        above = await repository.ancestors(connection, parent_id, MAX_DEPTH)
        if own.root_id in above or len(above) >= MAX_DEPTH:
            raise HierarchyCycle(pointer="/parent_id")
    await repository.put(connection, customer_id, channel_kind, parent_id)
    return await organisation(connection, customer_id)


async def organisation(connection: Connection, customer_id: str) -> dict[str, Any]:
    """Return what an organisation is among others: what its root says counts before what its merged records say.

    Raises:
        CustomerNotFound: there is none.
    """
    own = await family(connection, customer_id)
    rows = await repository.of_family(connection, own.ids, own.root_id)
    above = await repository.ancestors(connection, own.root_id, MAX_DEPTH)
    return {
        "channel_kind": next((row["channel_kind"] for row in rows if row["channel_kind"] is not None), None),
        "parent_id": above[1] if len(above) > 1 else None,
        "ancestors": above[1:],
    }


async def subsidiaries(connection: Connection, customer_id: str, after: tuple[Any, ...] | None, limit: int) -> list[Record]:
    """Return the organisations that belong to one, after a sort key.

    Raises:
        CustomerNotFound: there is none.
    """
    own = await family(connection, customer_id)
    return await repository.subsidiaries(connection, own.ids, after[0] if after else "", limit)


async def erase(connection: Connection, ids: list[str]) -> dict[str, int]:
    """Delete the contacts and organisations of customers; return how many of each kind."""
    contacts, organisations = await repository.erase(connection, ids)
    return {"contacts": contacts, "organisations": organisations}


async def collect(connection: Connection, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the contacts and organisations of customers; of other customers their ids only."""
    contacts, organisations = await repository.collect(connection, ids)
    return {"contacts": [dict(row) for row in contacts], "organisations": [dict(row) for row in organisations]}


def _check_organisation(party: Party | None) -> None:
    if party is None:
        raise CustomerNotFound
    if party.kind != "organisation":
        raise NotAnOrganisation


def _check_period(values: Mapping[str, Any]) -> None:
    if values["valid_from"] is not None and values["valid_to"] is not None and values["valid_to"] < values["valid_from"]:
        raise PeriodRefused(pointer="/valid_to")


async def _locked(connection: Connection, contact_id: str, own: Family, match: int) -> Record:
    contact = await repository.lock(connection, contact_id, own.ids)
    if contact is None:
        raise ContactNotFound
    check_version(match, contact["version"])
    return contact


async def _shown(connection: Connection, contact_id: str, own: Family) -> Record:
    contact = await repository.get(connection, contact_id, own.ids)
    if contact is None:
        raise ContactNotFound
    return contact

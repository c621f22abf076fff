"""What can be done with customers."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from customers.attributes import rules as attribute_rules
from customers.attributes import service as attributes
from customers.attributes.rules import Catalogue
from customers.profiles import records, repository, telling
from customers.profiles.dependencies import CustomerFilter
from customers.profiles.errors import CustomerNotFound, ExternalIdTaken
from customers.profiles.records import Locked
from customers.profiles.repository import Listed, Stored
from customers.profiles.rules import OBJECTS, Profile, amended, check_attributes, check_birth_date, merge_patched
from customers.profiles.telling import Family
from customers.provenance.rules import Provenance
from customers.search import service as search
from customers.search.narrowing import Reading
from shared.contracts.customers import CustomerRegistered, CustomerUpdated
from shared.database.pool import Connection
from shared.database.single_write import SingleWrite
from shared.database.unit_of_work import UnitOfWork
from shared.errors import Unavailable
from shared.http.etags import check_version

# An external id that was taken when a batch inserts may be given up before the batch locks it: it is then free in the next round.
_MAX_ROUNDS = 3
_NOBODY = Provenance()
_NO_DEFINITIONS = Catalogue()

# The fields of an item of a batch, and who tells them.
_Item = tuple[Mapping[str, Any], Provenance]


@dataclass(frozen=True, slots=True)
class Upserted:
    """What became of one item of a batch."""

    id: str
    created: bool


async def register(uow: UnitOfWork, fields: Mapping[str, Any], today: date, told: Provenance = _NOBODY) -> Stored:
    """Make a customer of the fields that a client sent.

    Raises:
        ExternalIdTaken: another customer has the external id.
        AttributeTaken: another customer has the value of a unique attribute.
        BirthDateInFuture: or another field is refused.
    """
    profile, names = await _drafted(uow.connection, fields, today)
    customer = await records.insert(uow.connection, profile, names, told)
    if customer is None:
        raise ExternalIdTaken(pointer="/external_id")
    _publish_registered(uow, customer.id, profile, customer.created_at)
    return customer


async def register_alone(write: SingleWrite, fields: Mapping[str, Any], today: date, told: Provenance) -> Stored:
    """Make a customer, and do nothing else; what `register` raises at once is raised at the commit here."""
    profile, names = await _drafted(write.connection, fields, today)
    customer, row = records.insertion(profile, names, told, write.at)
    write.write(row, _registered(customer.id, profile, write.at), sequence=1)
    return customer


async def _drafted(connection: Connection, fields: Mapping[str, Any], today: date) -> tuple[Profile, list[str]]:
    """Return the profile of somebody new, and the names of the fields that were told."""
    known = await attributes.catalogue(connection)
    if known.definitions and fields.get("attributes") is None:
        fields = {**fields, "attributes": {}}
    return amended(Profile(), checked(fields, today, known))


async def amend(uow: UnitOfWork, customer_id: str, patch: Mapping[str, Any], match: int, today: date, told: Provenance = _NOBODY) -> Stored:
    """Apply a merge patch to the version of a customer that the client has read.

    What is told is kept with the record that the id names, and counts for all records of its family.

    Raises:
        CustomerNotFound: there is none.
        PreconditionFailed: he was changed since.
        ExternalIdTaken: another customer has the new external id.
        AttributeTaken: another customer has the value of a unique attribute.
    """
    locked = await records.lock(uow.connection, customer_id)
    if locked is None:
        raise CustomerNotFound
    check_version(match, locked.root.version)
    fields = dict(patch)
    for name in OBJECTS:
        if fields.get(name) is not None:
            fields[name] = merge_patched(getattr(locked.root.profile, name), fields[name])
    known = await attributes.catalogue(uow.connection)
    fields = dict(checked(fields, today, known, locked.root.profile.attributes))
    families = await telling.families(uow.connection, [(locked, fields)], are_dated=told.observed_at is not None)
    family = families[locked.root.id]
    family.tell(locked, fields, told, patch.get("attributes"))
    await _rename(uow, locked, fields)
    await write(uow, [family])
    return family.now


async def _rename(uow: UnitOfWork, record: Locked, fields: Mapping[str, Any]) -> None:
    """Give a merged record the external id that it is told: it is no root, whose row is written anyway."""
    if "external_id" in fields and record.record_id != record.root.id and fields["external_id"] != record.external_id:
        await records.rename(uow.connection, record.record_id, fields["external_id"])


async def upsert(uow: UnitOfWork, items: Sequence[Mapping[str, Any]], told: Sequence[Provenance]) -> list[Upserted]:
    """Make or complete customers by their external ids; fields that an item leaves out stay as they are.

    Items with the same external id apply one after the other. Needs one statement when all are new, and a few, whatever their number,
    for those who exist.

    Args:
        uow: the transaction.
        items: checked fields, each with an `external_id`.
        told: who tells each.
    """
    groups: dict[str, list[_Item]] = {}
    for item, provenance in zip(items, told, strict=True):
        groups.setdefault(item["external_id"], []).append((item, provenance))
    ids: dict[str, str] = {}
    unseen: set[str] = set()
    for _ in range(_MAX_ROUNDS):
        waiting = {external_id: group for external_id, group in groups.items() if external_id not in ids}
        if not waiting:
            break
        made = await _make(uow, waiting)
        rest = {external_id: group[1:] if external_id in made else group for external_id, group in waiting.items()}
        present = await _complete(uow, {external_id: group for external_id, group in rest.items() if group})
        ids |= made | present
        unseen |= made.keys()
    if len(ids) < len(groups):
        raise Unavailable
    answers: list[Upserted] = []
    for item in items:
        external_id = item["external_id"]
        answers.append(Upserted(ids[external_id], created=external_id in unseen))
        unseen.discard(external_id)
    return answers


async def _make(uow: UnitOfWork, groups: Mapping[str, list[_Item]]) -> dict[str, str]:
    """Make the customers whose external ids are free of their first items; return their ids by external id."""
    drafts = {external_id: (*amended(Profile(), group[0][0]), group[0][1]) for external_id, group in groups.items()}
    made = await records.insert_many(uow.connection, list(drafts.values()))
    for external_id, (customer_id, created_at) in made.items():
        _publish_registered(uow, customer_id, drafts[external_id][0], created_at)
    return {external_id: customer_id for external_id, (customer_id, _) in made.items()}


async def _complete(uow: UnitOfWork, groups: Mapping[str, list[_Item]]) -> dict[str, str]:
    """Apply items to customers who exist; return the ids of their records by external id."""
    if not groups:
        return {}
    locked = await records.lock_many(uow.connection, list(groups), by="external_id")
    known = {external_id: group for external_id, group in groups.items() if external_id in locked}
    wanted = [(locked[external_id], {name for item, _ in group for name in item}) for external_id, group in known.items()]
    are_dated = any(told.observed_at is not None for group in known.values() for _, told in group)
    families = await telling.families(uow.connection, wanted, are_dated=are_dated)
    for external_id, group in known.items():
        record = locked[external_id]
        for item, told in group:
            families[record.root.id].tell(record, item, told)
    await write(uow, families.values())
    return {external_id: record.record_id for external_id, record in locked.items()}


async def write(uow: UnitOfWork, families: Collection[Family]) -> None:
    """Write what families were told, and announce what it changed."""
    told = [each for family in families for each in family.told]
    if not told:
        return
    changed = [family for family in families if family.steps]
    at = await records.write(uow.connection, [family.now for family in changed], told)
    for family in changed:
        family.steps = [(step._replace(updated_at=at), names) for step, names in family.steps]
        for step, names in family.steps:
            publish_updated(uow, step, names)


async def ensure(uow: UnitOfWork, external_ids: Iterable[str], told: Provenance = _NOBODY) -> dict[str, str]:
    """Return the ids of customers by external id; those of whom an order knows no more than that are made."""
    wanted = sorted(set(external_ids))
    made = await records.ensure(uow.connection, wanted, told)
    blank = Profile()
    for customer_id, created_at in made.values():
        _publish_registered(uow, customer_id, blank, created_at)
    ids = {external_id: customer_id for external_id, (customer_id, _) in made.items()}
    if len(ids) < len(wanted):
        # Others made them meanwhile.
        ids |= await repository.ids_by_external_ids(uow.connection, [each for each in wanted if each not in ids])
    return ids


def checked(
    fields: Mapping[str, Any],
    today: date,
    known: Catalogue = _NO_DEFINITIONS,
    before: Mapping[str, Any] | None = None,
    *,
    texts: bool = False,
) -> Mapping[str, Any]:
    """Return the fields after the rules that look beyond their form have passed them.

    Args:
        fields: as a client sent them; attributes as a whole.
        today: in UTC.
        known: the definitions of attributes.
        before: the attributes until now; None when he is new.
        texts: whether values of attributes come as texts, as in a table.

    Raises:
        BirthDateInFuture: it is.
        AttributesRefused: over a limit.
        AttributeInvalid: or another refusal of `attributes.rules.checked`.
    """
    check_birth_date(fields.get("birth_date"), today)
    if "attributes" not in fields:
        return fields
    told = fields["attributes"] or {}
    check_attributes(told)
    if known.definitions or known.is_strict:
        return {**fields, "attributes": attribute_rules.checked(known, told, before, texts=texts)}
    return fields


def _publish_registered(uow: UnitOfWork, customer_id: str, profile: Profile, at: datetime) -> None:
    uow.publish(_registered(customer_id, profile, at), sequence=1)


def _registered(customer_id: str, profile: Profile, at: datetime) -> CustomerRegistered:
    return CustomerRegistered(
        customer_id=customer_id, kind=profile.kind, country=profile.country, language=profile.language, registered_at=at
    )


def publish_updated(uow: UnitOfWork, after: Stored, changed: list[str]) -> None:
    """Announce that the profile of a customer changed."""
    profile = after.profile
    event = CustomerUpdated(
        customer_id=after.id,
        changed=changed,
        kind=profile.kind,
        country=profile.country,
        language=profile.language,
        updated_at=after.updated_at,
    )
    uow.publish(event, sequence=after.version)


async def found(connection: Connection, customer_id: str) -> Stored:
    """Return a customer.

    Raises:
        CustomerNotFound: there is none.
    """
    customer = await repository.get(connection, customer_id)
    if customer is None:
        raise CustomerNotFound
    return customer


async def listed(connection: Connection, wanted: CustomerFilter, after: tuple[Any, ...] | None, limit: int) -> list[Listed]:
    """Return the customers that a filter lets pass, after a sort key.

    Raises:
        AttributeNotFilterable: no such attribute can be filtered by.
        AttributeInvalid: what is asked for is no value of it.
    """
    values = {**wanted.values, **await attributes.asked(connection, wanted.attributes)}
    if wanted.search is None:
        return await repository.page(connection, values, wanted.sort, after, limit)

    async def read(reading: Reading, after: tuple[Any, ...] | None, limit: int) -> list[Listed]:
        return await repository.searched(connection, values, reading, wanted.sort, after, limit)

    found = await search.page(connection, wanted.search, read, after, limit)
    return [row._replace(sort_key=(number, *row.sort_key)) for number, row in found]

"""What can be done with customers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from customers.profiles import repository
from customers.profiles.dependencies import CustomerFilter
from customers.profiles.errors import CustomerNotFound, ExternalIdTaken
from customers.profiles.repository import Listed, Stored
from customers.profiles.rules import Profile, amended, check_attributes, check_birth_date, merge_patched
from customers.search import service as search
from shared.contracts.customers import CustomerRegistered, CustomerUpdated
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.errors import Unavailable
from shared.http.etags import check_version

# An external id that was taken when a batch inserts may be given up before the batch locks it: it is then free in the next round.
_MAX_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Upserted:
    """What became of one item of a batch."""

    id: str
    created: bool


async def register(uow: UnitOfWork, fields: Mapping[str, Any], today: date) -> Stored:
    """Make a customer of the fields that a client sent.

    Raises:
        ExternalIdTaken: another customer has the external id.
        BirthDateInFuture: or another field is refused.
    """
    profile, _ = amended(Profile(), checked(fields, today))
    customer = await repository.insert(uow.connection, profile)
    if customer is None:
        raise ExternalIdTaken(pointer="/external_id")
    _publish_registered(uow, customer.id, profile, customer.created_at)
    return customer


async def amend(uow: UnitOfWork, customer_id: str, patch: Mapping[str, Any], match: int, today: date) -> Stored:
    """Apply a merge patch to the version of a customer that the client has read.

    Raises:
        CustomerNotFound: there is none.
        PreconditionFailed: he was changed since.
        ExternalIdTaken: another customer has the new external id.
    """
    customer = await repository.lock(uow.connection, customer_id)
    if customer is None:
        raise CustomerNotFound
    check_version(match, customer.version)
    fields = dict(patch)
    if fields.get("attributes") is not None:
        fields["attributes"] = merge_patched(customer.profile.attributes, fields["attributes"])
    profile, changed = amended(customer.profile, checked(fields, today))
    if not changed:
        return customer
    after = customer._replace(version=customer.version + 1, profile=profile)
    times = await repository.update_many(uow.connection, [after])
    _publish_updated(uow, after, changed, times[customer_id])
    return after._replace(updated_at=times[customer_id])


async def upsert(uow: UnitOfWork, items: Sequence[Mapping[str, Any]]) -> list[Upserted]:
    """Make or complete customers by their external ids; fields that an item leaves out stay as they are.

    Items with the same external id apply one after the other. Needs one statement when all are new, three at most.

    Args:
        uow: the transaction.
        items: checked fields, each with an `external_id`.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for item in items:
        groups.setdefault(item["external_id"], []).append(item)
    ids: dict[str, str] = {}
    unseen: set[str] = set()
    for _ in range(_MAX_ROUNDS):
        waiting = {external_id: group for external_id, group in groups.items() if external_id not in ids}
        if not waiting:
            break
        made = await _make(uow, waiting)
        present = await _complete(uow, {external_id: group for external_id, group in waiting.items() if external_id not in made})
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


async def _make(uow: UnitOfWork, groups: Mapping[str, list[Mapping[str, Any]]]) -> dict[str, str]:
    """Make the customers whose external ids are free; return their ids by external id."""
    stories = {external_id: _story(Profile(), group) for external_id, group in groups.items()}
    made = await repository.insert_many(uow.connection, [(story[-1][0], len(story)) for story in stories.values()])
    for external_id, (customer_id, created_at) in made.items():
        _tell(uow, Stored(customer_id, 0, Profile(), created_at, created_at), stories[external_id], created_at)
    return {external_id: customer_id for external_id, (customer_id, _) in made.items()}


async def _complete(uow: UnitOfWork, groups: Mapping[str, list[Mapping[str, Any]]]) -> dict[str, str]:
    """Apply items to customers who exist; return their ids by external id."""
    if not groups:
        return {}
    locked = await repository.lock_by_external_ids(uow.connection, list(groups))
    stories = {external_id: _story(customer.profile, groups[external_id])[1:] for external_id, customer in locked.items()}
    changed = {external_id: story for external_id, story in stories.items() if story}
    if changed:
        after = [
            locked[external_id]._replace(version=locked[external_id].version + len(story), profile=story[-1][0])
            for external_id, story in changed.items()
        ]
        times = await repository.update_many(uow.connection, after)
        for external_id, story in changed.items():
            _tell(uow, locked[external_id], story, times[locked[external_id].id])
    return {external_id: customer.id for external_id, customer in locked.items()}


# Each step is a profile and the names of the fields that differ from the step before.
Story = list[tuple[Profile, list[str]]]


def _story(profile: Profile, items: Sequence[Mapping[str, Any]]) -> Story:
    """Return the start and each step that changed something; for a new customer the first item is the start."""
    start = 0
    if profile.external_id is None:
        profile, start = amended(profile, items[0])[0], 1
    story: Story = [(profile, [])]
    for item in items[start:]:
        profile, changed = amended(profile, item)
        if changed:
            story.append((profile, changed))
    return story


def _tell(uow: UnitOfWork, before: Stored, story: Story, at: datetime) -> None:
    """Publish an event for each step that follows a version; the first step of version 0 is the registration."""
    for version, (profile, changed) in enumerate(story, before.version + 1):
        if version == 1:
            _publish_registered(uow, before.id, profile, at)
        else:
            _publish_updated(uow, before._replace(version=version, profile=profile), changed, at)


async def ensure(uow: UnitOfWork, external_ids: Iterable[str]) -> dict[str, str]:
    """Return the ids of customers by external id; those of whom an order knows no more than that are made."""
    wanted = sorted(set(external_ids))
    made = await repository.ensure(uow.connection, wanted)
    blank = Profile()
    for customer_id, created_at in made.values():
        _publish_registered(uow, customer_id, blank, created_at)
    ids = {external_id: customer_id for external_id, (customer_id, _) in made.items()}
    if len(ids) < len(wanted):
        # Others made them meanwhile.
        ids |= await repository.ids_by_external_ids(uow.connection, [each for each in wanted if each not in ids])
    return ids


def checked(fields: Mapping[str, Any], today: date) -> Mapping[str, Any]:
    """Return the fields after the rules that look beyond their form have passed them.

    Raises:
        BirthDateInFuture: it is.
        AttributesRefused: over a limit.
    """
    check_birth_date(fields.get("birth_date"), today)
    check_attributes(fields.get("attributes") or {})
    return fields


def _publish_registered(uow: UnitOfWork, customer_id: str, profile: Profile, at: datetime) -> None:
    event = CustomerRegistered(
        customer_id=customer_id, kind=profile.kind, country=profile.country, language=profile.language, registered_at=at
    )
    uow.publish(event, sequence=1)


def _publish_updated(uow: UnitOfWork, after: Stored, changed: list[str], at: datetime) -> None:
    profile = after.profile
    event = CustomerUpdated(
        customer_id=after.id,
        changed=changed,
        kind=profile.kind,
        country=profile.country,
        language=profile.language,
        updated_at=at,
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
    """Return the customers that a filter lets pass, after a sort key."""
    if wanted.search is None:
        return await repository.page(connection, wanted.values, wanted.sort, after, limit)

    async def read(query: str, after: tuple[Any, ...] | None, limit: int) -> list[Listed]:
        return await repository.page(connection, {**wanted.values, "document": query}, wanted.sort, after, limit)

    found = await search.page(connection, wanted.search, read, after, limit)
    return [row._replace(sort_key=(number, *row.sort_key)) for number, row in found]

"""Turns the good rows of a piece into customers: set by set, in the transaction that moves the import on.

Rows of one identity are one customer, who takes what they tell in their order and gets one change set. A dry run goes the same way and
stops before it writes.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from asyncpg import IntegrityConstraintViolationError, UniqueViolationError

from customers.identities import service as identities
from customers.identities.rules import is_blocked
from customers.imports import matching, storing
from customers.imports import repository as imports
from customers.imports.preparing import Prepared, prepare
from customers.imports.validation import Draft, Refusal
from customers.privacy.erasures import repository as erasures
from customers.privacy.erasures.errors import IdentityErased
from customers.privacy.erasures.suppression import places_refused
from customers.profiles.rules import OBJECTS
from customers.provenance.rules import Provenance
from shared.database.unit_of_work import UnitOfWork
from shared.errors import Conflict, DomainError, Invalid

SAMPLE_SIZE = 5
_ERASED = ("", IdentityErased.code, IdentityErased.title)
_EXTERNAL_IDS = "uq_customers_external_id"
_TAKEN = ("/external_id", "external_id_taken", "Another customer has this external id.")
# Sorts after every moment that a row tells.
_NOW = datetime.max.replace(tzinfo=UTC)
OUTCOMES = ("created", "updated", "unchanged", "merged", "refused")


@dataclass(frozen=True, slots=True)
class Order:
    """What an import wants of its rows.

    Attributes:
        import_id: the import, which is the cause of every change.
        match: the field that rows are matched by.
        mode: create, update or upsert.
        source: whose word the rows are.
        actor: principal who sent the file.
        dry_run: whether nothing is written.
        required: attributes that a new customer must have.
        columns: the columns of customers that the rows fill.
    """

    import_id: str
    match: str
    mode: str
    source: str
    actor: str
    dry_run: bool
    required: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def provenance(self) -> Provenance:
        """Who tells what the rows tell."""
        return Provenance(self.source, self.actor, self.import_id)


@dataclass(slots=True)
class Outcome:
    """What became of the rows of a piece.

    Attributes:
        counts: rows by outcome; each row has one.
        refusals: why rows were refused that were good by themselves.
        samples: the first rows of each outcome.
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    refusals: list[Refusal] = field(default_factory=list)
    samples: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {outcome: [] for outcome in OUTCOMES})

    def count(self, outcome: str, row: int, customer_id: str | None = None, changed: Callable[[], Iterable[str]] = tuple) -> None:
        """Count a row; what it changed is asked for the first ones only."""
        self.counts[outcome] += 1
        if len(self.samples[outcome]) < SAMPLE_SIZE:
            self.samples[outcome].append({"row": row, "customer_id": customer_id, "fields": sorted(changed())})

    def add(self, other: "Outcome") -> None:
        """Take over what became of other rows."""
        self.refusals += other.refusals
        for outcome in OUTCOMES:
            self.counts[outcome] += other.counts[outcome]
            self.samples[outcome] = [*self.samples[outcome], *other.samples[outcome]][:SAMPLE_SIZE]

    def refuse(self, drafts: Sequence[Draft], pointer: str, code: str, detail: str) -> None:
        """Refuse the rows of an identity."""
        for draft in drafts:
            self.refusals.append(Refusal(draft.row, pointer, code, detail))
            self.count("refused", draft.row)


@dataclass(slots=True)
class Group:
    """The rows of one identity.

    Attributes:
        drafts: in the order of the file.
    """

    drafts: list[Draft]
    _fields: Mapping[str, Any] | None = None

    @property
    def fields(self) -> Mapping[str, Any]:
        """What the rows tell, the later ones having the last word."""
        if self._fields is None:
            self._fields = _all_of(self.drafts)
        return self._fields

    @property
    def first(self) -> Sequence[Draft]:
        """The rows that were true first, all of one moment."""
        return self.drafts if len(self.drafts) == 1 else _by_moment(self.drafts)[0]

    def prepared(self, columns: tuple[str, ...]) -> Prepared:
        """Who he was at first, if nobody knows him."""
        if len(self.drafts) == 1:
            return self.drafts[0].prepared
        return prepare(_all_of(self.first), columns, self.first[0].observed_at)


async def write(uow: UnitOfWork, order: Order, drafts: Sequence[Draft]) -> Outcome:
    """Make and complete the customers of these rows; a dry run only finds out."""
    outcome = Outcome()
    groups = _groups(drafts)
    # Identities without a constraint stay unique among imports by this lock, whatever runs beside them.
    await matching.lock(uow.connection)
    if await erasures.any_suppressed(uow.connection):
        keys = list(groups)
        for place in await places_refused(uow.connection, [groups[key].fields for key in keys]):
            outcome.refuse(groups.pop(keys[place]).drafts, *_ERASED)
    await _write(uow, order, groups, outcome)
    return outcome


async def _write(uow: UnitOfWork, order: Order, groups: Mapping[str, Group], outcome: Outcome, *, was_outrun: bool = False) -> None:
    """Write groups; when the database refuses one of them, find out which by halves."""
    attempt = Outcome()
    try:
        async with uow.savepoint():
            await _attempt(uow, order, groups, attempt)
    except (Conflict, Invalid, IntegrityConstraintViolationError) as error:
        # Who took an external id meanwhile is found the next time.
        if _is_external_id(error) and not was_outrun:
            await _write(uow, order, groups, outcome, was_outrun=True)
        elif len(groups) == 1:
            [group] = groups.values()
            outcome.refuse(group.drafts, *_reason(error))
        else:
            keys = list(groups)
            for half in (keys[: len(keys) // 2], keys[len(keys) // 2 :]):
                await _write(uow, order, {key: groups[key] for key in half}, outcome, was_outrun=was_outrun)
    else:
        outcome.add(attempt)


def _reason(error: Conflict | Invalid | IntegrityConstraintViolationError) -> tuple[str, str, str]:
    if isinstance(error, DomainError):
        return error.pointer or "", error.code, error.detail or error.title
    if getattr(error, "constraint_name", None) == IdentityErased.code:
        return _ERASED
    if _is_external_id(error):
        return _TAKEN
    return "", "already_exists", "Something with an identity of this row exists already."


def _is_external_id(error: Exception) -> bool:
    return isinstance(error, UniqueViolationError) and getattr(error, "constraint_name", None) == _EXTERNAL_IDS


async def _attempt(uow: UnitOfWork, order: Order, groups: Mapping[str, Group], outcome: Outcome) -> None:
    groups = await _trusted(uow, order, groups, outcome)
    matches = await matching.match(uow.connection, order.match, list(groups))
    met = await _met(uow, order, groups, matches)
    new: dict[str, Group] = {}
    known: dict[str, Group] = {}
    for key, group in groups.items():
        found = matches.get(key)
        if found is None and order.mode == "update":
            outcome.refuse(group.drafts, f"/{order.match}", "customer_unknown", "No customer has this identity.")
        elif found is None:
            new[key] = group
        elif order.mode == "create" and key not in met:
            outcome.refuse(group.drafts, f"/{order.match}", "customer_exists", "A customer has this identity.")
        elif found.is_ambiguous:
            outcome.refuse(group.drafts, f"/{order.match}", "identity_ambiguous", "Several customers have this identity.")
        else:
            known[key] = group
    await _create(uow, order, new, met, outcome)
    await _update(uow, order, known, matches, met, outcome)


async def _met(uow: UnitOfWork, order: Order, groups: Mapping[str, Group], matches: Mapping[str, matching.Match]) -> set[str]:
    """Return the identities of those of whom earlier rows of the file have told something."""
    names = {key: matches[key].customer_id if key in matches else key for key in groups}
    if order.dry_run:
        hashes = {key: _hash(name) for key, name in names.items()}
        met = await imports.met_keys(uow.connection, order.import_id, list(hashes.values()))
        return {key for key, each in hashes.items() if each in met}
    heard = await imports.have_heard(uow.connection, order.import_id, [match.customer_id for match in matches.values()])
    return {key for key, name in names.items() if name in heard}


async def _meet(uow: UnitOfWork, order: Order, names: Iterable[str]) -> None:
    """Remember of whom a dry run would have told something: new ones by their identity, others by their id."""
    if order.dry_run:
        await imports.meet_keys(uow.connection, order.import_id, [_hash(name) for name in names])


def _hash(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


async def _trusted(uow: UnitOfWork, order: Order, groups: Mapping[str, Group], outcome: Outcome) -> dict[str, Group]:
    """Refuse the rows whose address or number identifies nobody: they would all be one customer. External ids are the caller's own."""
    if order.match == "external_id":
        return dict(groups)
    _, rules = await identities.rules(uow.connection)
    trusted: dict[str, Group] = {}
    for key, group in groups.items():
        if is_blocked(rules, order.match, key):
            outcome.refuse(group.drafts, f"/{order.match}", "identity_blocked", "This value identifies nobody.")
        else:
            trusted[key] = group
    return trusted


def _groups(drafts: Sequence[Draft]) -> dict[str, Group]:
    rows: dict[str, list[Draft]] = {}
    for draft in drafts:
        rows.setdefault(draft.key, []).append(draft)
    return {key: Group(group) for key, group in rows.items()}


async def _create(uow: UnitOfWork, order: Order, groups: Mapping[str, Group], met: Collection[str], outcome: Outcome) -> None:
    """Make the customers whom nobody knows."""
    free = await _free(uow, order, groups, outcome)
    if not order.dry_run:
        await storing.create(uow, list(free.values()), order.columns, order.provenance)
        await _tell_the_rest(uow, order, [(groups[key], prepared.customer_id) for key, prepared in free.items()])
    await _meet(uow, order, free)
    for key, prepared in free.items():
        first, *rest = groups[key].drafts
        customer_id = None if order.dry_run else prepared.customer_id
        outcome.count("merged" if key in met else "created", first.row, customer_id, first.names)
        _count_merged(rest, customer_id, outcome)


async def _free(uow: UnitOfWork, order: Order, groups: Mapping[str, Group], outcome: Outcome) -> dict[str, Prepared]:
    """Return the new customers who have all that they must, and nothing that belongs to others."""
    prepared = {key: group.prepared(order.columns) for key, group in groups.items()}
    # Whoever is matched by his external id and unknown, has one that is free.
    wanted = {} if order.match == "external_id" else {key: groups[key].fields.get("external_id") for key in groups}
    taken = await matching.taken_external_ids(uow.connection, wanted.values())
    for key, group in groups.items():
        attributes = (group.fields.get("attributes") or {}) if order.required else {}
        missing = next((name for name in order.required if attributes.get(name) is None), None)
        if missing is not None:
            detail = "A new customer must have this attribute."
            outcome.refuse(group.drafts, f"/attributes/{missing}", "attribute_required", detail)
            del prepared[key]
        elif (external_id := wanted.get(key)) is not None and external_id in taken:
            outcome.refuse(group.drafts, *_TAKEN)
            del prepared[key]
        elif external_id is not None:
            taken.add(external_id)
    return prepared


async def _tell_the_rest(uow: UnitOfWork, order: Order, made: Sequence[tuple[Group, str]]) -> None:
    """Tell of new customers what was true later than what they were made of."""
    rest = {customer_id: _by_moment(group.drafts)[1:] for group, customer_id in made if len(group.drafts) > 1}
    told = {customer_id: _told(moments) for customer_id, moments in rest.items() if moments}
    if told:
        await storing.update(uow, told, order.provenance, dry_run=False)


async def _update(
    uow: UnitOfWork,
    order: Order,
    groups: Mapping[str, Group],
    matches: Mapping[str, matching.Match],
    met: Collection[str],
    outcome: Outcome,
) -> None:
    """Complete the customers who are known."""
    if not groups:
        return
    owners = await matching.owners_of_external_ids(uow.connection, [group.fields.get("external_id") for group in groups.values()])
    rows: dict[str, list[Group]] = {}
    for key, group in groups.items():
        record_id = matches[key].customer_id
        if (named := group.fields.get("external_id")) is not None and owners.setdefault(named, record_id) != record_id:
            outcome.refuse(group.drafts, *_TAKEN)
            continue
        # Two identities can lead to one customer.
        rows.setdefault(record_id, []).append(group)
    told = {record_id: _told_by(found) for record_id, found in rows.items()}
    heard = await storing.update(uow, told, order.provenance, dry_run=order.dry_run)
    await _meet(uow, order, [record_id for record_id, each in heard.items() if each.is_news])
    for record_id, found in rows.items():
        names = heard[record_id].changed if record_id in heard else []
        first, *rest = [draft for group in found for draft in group.drafts]
        became = "merged" if first.key in met else "updated" if names else "unchanged"
        outcome.count(became, first.row, record_id, names.copy)
        _count_merged(rest, record_id, outcome)


def _count_merged(drafts: Sequence[Draft], customer_id: str | None, outcome: Outcome) -> None:
    for draft in drafts:
        outcome.count("merged", draft.row, customer_id, draft.names)


def _by_moment(drafts: Sequence[Draft]) -> list[list[Draft]]:
    """Return rows of one customer by when they were true, the earliest first; rows that do not tell are true now."""
    moments: dict[datetime, list[Draft]] = {}
    for draft in drafts:
        moments.setdefault(draft.observed_at or _NOW, []).append(draft)
    return [moments[moment] for moment in sorted(moments)]


def _told_by(groups: Sequence[Group]) -> storing.Told:
    """Return what groups tell of one customer."""
    if len(groups) == 1 and all(draft.observed_at is None for draft in groups[0].drafts):
        return storing.Told(groups[0].fields)
    return _told(_by_moment([draft for group in groups for draft in group.drafts]))


def _told(moments: Sequence[Sequence[Draft]]) -> storing.Told:
    *earlier, last = [storing.Told(_all_of(drafts), observed_at=drafts[0].observed_at) for drafts in moments]
    return last._replace(earlier=earlier)


def _all_of(drafts: Sequence[Draft]) -> Mapping[str, Any]:
    """Return what rows tell, the later ones having the last word."""
    fields = drafts[0].fields
    for draft in drafts[1:]:
        fields = _put_together(fields, draft.fields)
    return fields


def _put_together(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what two rows tell: the later one has the last word on each field, and on each member of an object."""
    fields = {**before, **after}
    for name in OBJECTS:
        if before.get(name) is not None and after.get(name) is not None:
            fields[name] = {**before[name], **after[name]}
    return fields

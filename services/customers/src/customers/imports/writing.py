"""Turns the good rows of a piece into customers: set by set, in the transaction that moves the import on.

Rows of one identity are one customer, who takes what they tell in their order and gets one change set. A dry run goes the same way and
stops before it writes.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from customers.imports import matching, storing
from customers.imports import repository as imports
from customers.imports.validation import Draft, Refusal
from customers.profiles.facts import differing
from customers.profiles.repository import Stored
from customers.profiles.rules import Profile, amended, merge_patched
from shared.database.unit_of_work import UnitOfWork

SAMPLE_SIZE = 5
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
    """

    import_id: str
    match: str
    mode: str
    source: str
    actor: str
    dry_run: bool


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

    def count(self, outcome: str, row: int, customer_id: str | None = None, changed: Sequence[str] = ()) -> None:
        """Count a row."""
        self.counts[outcome] += 1
        if len(self.samples[outcome]) < SAMPLE_SIZE:
            self.samples[outcome].append({"row": row, "customer_id": customer_id, "fields": list(changed)})

    def refuse(self, drafts: Sequence[Draft], pointer: str, code: str, detail: str) -> None:
        """Refuse the rows of an identity."""
        for draft in drafts:
            self.refusals.append(Refusal(draft.row, pointer, code, detail))
            self.count("refused", draft.row)


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one identity.

    Attributes:
        drafts: in the order of the file.
        is_first: whether no earlier piece of the file had the identity.
    """

    drafts: list[Draft]
    is_first: bool

    @property
    def search_name(self) -> str:
        """What the name that the rows leave behind is found by."""
        return next((draft.search_name for draft in reversed(self.drafts) if "name" in draft.fields), "")


async def write(uow: UnitOfWork, order: Order, drafts: Sequence[Draft]) -> Outcome:
    """Make and complete the customers of these rows; a dry run only finds out."""
    outcome = Outcome()
    groups = await _groups(uow, order, drafts)
    # Identities without a constraint stay unique among imports by this lock, whatever runs beside them.
    await matching.lock(uow.connection)
    matches = await matching.match(uow.connection, order.match, list(groups))
    new: dict[str, Group] = {}
    known: dict[str, Group] = {}
    for key, group in groups.items():
        found = matches.get(key)
        if found is None and order.mode == "update":
            outcome.refuse(group.drafts, f"/{order.match}", "customer_unknown", "No customer has this identity.")
        elif found is None:
            new[key] = group
        elif order.mode == "create" and group.is_first:
            outcome.refuse(group.drafts, f"/{order.match}", "customer_exists", "A customer has this identity.")
        elif found.is_ambiguous:
            outcome.refuse(group.drafts, f"/{order.match}", "identity_ambiguous", "Several customers have this identity.")
        else:
            known[key] = group
    await _create(uow, order, new, outcome)
    await _update(uow, order, {matches[key].customer_id: group for key, group in known.items()}, outcome)
    return outcome


async def _groups(uow: UnitOfWork, order: Order, drafts: Sequence[Draft]) -> dict[str, Group]:
    rows: dict[str, list[Draft]] = {}
    for draft in drafts:
        rows.setdefault(draft.key, []).append(draft)
    hashes = {key: _hash(key) for key in rows}
    first = await imports.meet_keys(uow.connection, order.import_id, list(set(hashes.values())))
    return {key: Group(group, hashes[key] in first) for key, group in rows.items()}


def _hash(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)


async def _create(uow: UnitOfWork, order: Order, groups: Mapping[str, Group], outcome: Outcome) -> None:
    """Make the customers whom nobody knows; rows whose external id is another's are refused."""
    drafts: list[storing.New] = []
    for key, group in groups.items():
        profile = Profile()
        for draft in group.drafts:
            profile = _told(profile, draft)
        names = tuple(dict.fromkeys(name for draft in group.drafts for name in draft.fields))
        drafts.append(storing.New(key, profile, names, group.search_name))
    taken = await matching.taken_external_ids(uow.connection, [each.profile.external_id for each in drafts])
    free = []
    for each in drafts:
        if each.profile.external_id in taken:
            outcome.refuse(groups[each.key].drafts, "/external_id", "external_id_taken", "Another customer has this external id.")
            continue
        if each.profile.external_id is not None:
            taken.add(each.profile.external_id)
        free.append(each)
    ids: Mapping[str, str | None] = dict.fromkeys(each.key for each in free)
    if not order.dry_run:
        ids = await storing.create(uow, order, free)
    for each in free:
        group = groups[each.key]
        if each.key not in ids:
            outcome.refuse(group.drafts, "/external_id", "external_id_taken", "Another customer has this external id.")
            continue
        outcome.count("created" if group.is_first else "merged", group.drafts[0].row, ids[each.key], sorted(group.drafts[0].fields))
        _count_merged(group.drafts[1:], ids[each.key], outcome)


async def _update(uow: UnitOfWork, order: Order, groups: Mapping[str, Group], outcome: Outcome) -> None:
    """Complete the customers who are known."""
    if not groups:
        return
    stored = await storing.lock(uow.connection, list(groups))
    changed: list[tuple[Stored, Profile, list[str]]] = []
    wanted = [draft.fields.get("external_id") for group in groups.values() for draft in group.drafts]
    owners = await matching.owners_of_external_ids(uow.connection, wanted)
    for customer_id, group in groups.items():
        before = stored[customer_id]
        after = before.profile
        for draft in group.drafts:
            after = _told(after, draft)
        if after.external_id is not None and owners.setdefault(after.external_id, customer_id) != customer_id:
            outcome.refuse(group.drafts, "/external_id", "external_id_taken", "Another customer has this external id.")
            continue
        names = differing(before.profile, after)
        if names:
            changed.append((before, after, names))
        first = "merged" if not group.is_first else "updated" if names else "unchanged"
        outcome.count(first, group.drafts[0].row, customer_id, names)
        _count_merged(group.drafts[1:], customer_id, outcome)
    if changed and not order.dry_run:
        await storing.update(uow, order, changed)


def _count_merged(drafts: Sequence[Draft], customer_id: str | None, outcome: Outcome) -> None:
    for draft in drafts:
        outcome.count("merged", draft.row, customer_id, sorted(draft.fields))


def _told(profile: Profile, draft: Draft) -> Profile:
    fields = dict(draft.fields)
    if fields.get("attributes") is not None:
        fields["attributes"] = merge_patched(profile.attributes, fields["attributes"])
    return amended(profile, fields)[0]

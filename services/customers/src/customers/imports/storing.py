"""Writes what an import tells of customers: rows, change sets and events, each set by set."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from customers.imports.preparing import CHANGE_COLUMNS, Prepared, end_of_registered, row_columns
from customers.profiles import records, telling
from customers.profiles.rules import OBJECTS, Profile, merge_patched
from customers.profiles.service import write
from customers.provenance.rules import Provenance
from shared.database.copying import copy_lines, line_of
from shared.database.unit_of_work import UnitOfWork

_NOW = "SELECT now()"


class Told(NamedTuple):
    """What rows tell of a customer who is known.

    Attributes:
        fields: the last word on each; attributes and preferences put together from all rows.
        observed_at: when it was true, where the rows tell.
        earlier: what other rows tell of him that was true before.
    """

    fields: Mapping[str, Any]
    observed_at: datetime | None = None
    earlier: Sequence["Told"] = ()

    @property
    def every(self) -> Sequence["Told"]:
        """What the rows tell, in the order in which it was true."""
        return (*self.earlier, self)

    @property
    def names(self) -> Iterable[str]:
        """The fields that are told."""
        return {name for each in self.every for name in each.fields}

    @property
    def attributes(self) -> Iterable[str] | None:
        """The names of the attributes that are told."""
        return self.fields.get("attributes")

    def after(self, profile: Profile) -> dict[str, Any]:
        """Return the fields of a profile that has heard them: its objects keep what they have besides."""
        fields = dict(self.fields)
        for name in OBJECTS:
            if fields.get(name) is not None:
                fields[name] = merge_patched(getattr(profile, name), fields[name])
        return fields


class Heard(NamedTuple):
    """What it was to a customer that rows told of him.

    Attributes:
        changed: sorted names of the fields that changed.
        is_news: whether any of it was noted; what was true earlier may change nothing.
    """

    changed: list[str]
    is_news: bool


async def create(uow: UnitOfWork, drafts: Sequence[Prepared], names: tuple[str, ...], provenance: Provenance) -> None:
    """Make customers.

    Args:
        uow: the transaction.
        drafts: who they are.
        names: the columns that they were prepared for.
        provenance: who tells it.

    Raises:
        UniqueViolationError: somebody took the external id of one of them meanwhile.
    """
    if not drafts:
        return
    connection = uow.connection
    # As all writers of customers, so that no two wait for each other in a circle.
    ordered = sorted(drafts, key=lambda draft: (draft.external_id is None, draft.external_id or draft.customer_id))
    await copy_lines(connection, "customers", row_columns(names), [draft.row for draft in ordered])
    teller = line_of((provenance.source, provenance.actor, provenance.cause))
    await copy_lines(connection, "profile_changes", CHANGE_COLUMNS, [draft.change for draft in drafts], f"\t{teller}")
    at = await connection.fetchval(_NOW)
    assert at is not None
    await uow.publish_lines([draft.event for draft in drafts], end_of_registered(at))


async def update(uow: UnitOfWork, told: Mapping[str, "Told"], provenance: Provenance, *, dry_run: bool) -> dict[str, Heard]:
    """Let customers know what rows tell of them; return what it was to them, by record.

    Args:
        uow: the transaction.
        told: by the id of the record that the rows speak of.
        provenance: who tells it.
        dry_run: whether to find out and write nothing.

    Raises:
        ExternalIdTaken: or another conflict, which the caller cuts down to the row that makes it.
    """
    locked = await records.lock_many(uow.connection, list(told))
    wanted = [(record, told[record_id].names) for record_id, record in locked.items()]
    are_dated = any(each.observed_at is not None for of_record in told.values() for each in of_record.every)
    families = await telling.families(uow.connection, wanted, are_dated=are_dated)
    heard: dict[str, Heard] = {}
    for record_id, record in locked.items():
        family = families[record.root.id]
        steps, noted = len(family.steps), len(family.told)
        for each in told[record_id].every:
            fields = each.after(family.now.profile)
            family.tell(record, fields, replace(provenance, observed_at=each.observed_at), fields.get("attributes") and each.attributes)
        changed = sorted({name for _, names in family.steps[steps:] for name in names})
        heard[record_id] = Heard(changed, len(family.told) > noted)
        named = told[record_id].fields.get("external_id", record.external_id)
        if named != record.external_id and not dry_run and record.record_id != record.root.id:
            await records.rename(uow.connection, record.record_id, named)
    if not dry_run:
        await write(uow, families.values())
    return heard

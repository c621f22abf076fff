"""Writes what an import tells of customers: rows, change sets and events, each set by set."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from customers.imports.preparing import JSON_FIELDS, Prepared
from customers.profiles import records, telling
from customers.profiles.rules import DEFAULTS, OBJECTS, Profile, merge_patched
from customers.profiles.service import write
from customers.provenance.rules import Provenance
from shared.contracts.customers import CustomerRegistered
from shared.database.unit_of_work import UnitOfWork

# After so many the event loop has its turn.
_TURN = 250
# A new customer, and the fields that were told of him.
New = tuple[Prepared, Mapping[str, Any]]
# One text for all rows: to take thousands of arrays' elements apart would hold the event loop up.
_INSERT = """
WITH told AS (
    SELECT * FROM json_to_recordset($1::text::json)
        AS t (id text, change_id text, search_name text, facts jsonb, observed_at timestamptz{typed})
), made AS (
    INSERT INTO customers (id, root_id, search_name{columns})
    SELECT id, id, search_name{columns} FROM told ORDER BY {order}
    ON CONFLICT (external_id) DO NOTHING
    RETURNING id, created_at
), noted AS (
    INSERT INTO profile_changes (id, customer_id, source, actor, cause, observed_at, fields)
    SELECT change_id, id, $2, $3, $4, observed_at, facts FROM told JOIN made USING (id)
)
SELECT id, created_at FROM made
"""


class Told(NamedTuple):
    """What rows tell of a customer who is known.

    Attributes:
        fields: the last word on each; attributes and preferences put together from all rows.
        replaces: whether the members of objects take the place of those that are there, and do not go into them.
        observed_at: when it was true, where the rows tell.
        earlier: what other rows tell of him that was true before.
    """

    fields: Mapping[str, Any]
    replaces: bool = False
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
        if self.replaces:
            return fields | ({"attributes": {**profile.attributes, **fields["attributes"]}} if "attributes" in fields else {})
        for name in OBJECTS:
            if fields.get(name) is not None:
                fields[name] = merge_patched(getattr(profile, name), fields[name])
        return fields


async def create(uow: UnitOfWork, drafts: Sequence[New], names: tuple[str, ...], provenance: Provenance) -> set[str]:
    """Make customers; return their ids, without those whose external id somebody took meanwhile.

    Args:
        uow: the transaction.
        drafts: who they are, and the fields that were told of them.
        names: the columns that they were prepared for.
        provenance: who tells it.
    """
    if not drafts:
        return set()
    content = f"[{','.join([draft.row for draft, _ in drafts])}]"
    rows = await uow.connection.fetch(_insert_statement(names), content, provenance.source, provenance.actor, provenance.cause)
    made: dict[str, datetime] = {row["id"]: row["created_at"] for row in rows}
    for number, (draft, fields) in enumerate(drafts):
        if number % _TURN == 0:
            await asyncio.sleep(0)
        if draft.customer_id in made:
            _publish_registered(uow, draft.customer_id, fields, made[draft.customer_id])
    return set(made)


@lru_cache(maxsize=64)
def _insert_statement(names: tuple[str, ...]) -> str:
    typed = "".join(f', "{name}" {_type(name)}' for name in names)
    # As all writers of customers, so that no two wait for each other in a circle.
    return _INSERT.format(
        typed=typed, columns="".join(f', "{name}"' for name in names), order="external_id" if "external_id" in names else "id"
    )


def _type(name: str) -> str:
    if name in JSON_FIELDS:
        return "jsonb"
    return "date" if name == "birth_date" else "text"


def _publish_registered(uow: UnitOfWork, customer_id: str, fields: Mapping[str, Any], at: datetime) -> None:
    event = CustomerRegistered.model_construct(
        customer_id=customer_id,
        kind=fields.get("kind") or DEFAULTS["kind"],
        country=fields.get("country"),
        language=fields.get("language"),
        registered_at=at,
    )
    uow.publish(event, sequence=1)


async def update(uow: UnitOfWork, told: Mapping[str, "Told"], provenance: Provenance, *, dry_run: bool) -> dict[str, list[str]]:
    """Let customers know what rows tell of them; return the sorted names of the fields that changed, by record.

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
    changed: dict[str, list[str]] = {}
    for record_id, record in locked.items():
        family = families[record.root.id]
        before = len(family.steps)
        for each in told[record_id].every:
            fields = each.after(family.now.profile)
            family.tell(record, fields, replace(provenance, observed_at=each.observed_at), fields.get("attributes") and each.attributes)
        changed[record_id] = sorted({name for _, names in family.steps[before:] for name in names})
        named = told[record_id].fields.get("external_id", record.external_id)
        if named != record.external_id and not dry_run and record.record_id != record.root.id:
            await records.rename(uow.connection, record.record_id, named)
    if not dry_run:
        await write(uow, families.values())
    return changed

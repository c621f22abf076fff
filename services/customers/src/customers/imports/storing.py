"""Writes what an import tells of customers: rows, change sets and events, each set by set."""

# ruff: noqa: S608 - statements are put together from names of columns only

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from customers.profiles.facts import facts_of
from customers.profiles.repository import Stored
from customers.profiles.rules import FIELDS, LISTS, OBJECTS, Profile
from customers.profiles.search import fold
from shared.contracts.customers import CustomerRegistered, CustomerUpdated
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.ids import new_id

if TYPE_CHECKING:
    from customers.imports.writing import Order

_JSON = frozenset({*OBJECTS, *LISTS})
# Beside the fields: id, text that the name is found by, change set and its fields; then what all change sets share.
_INSERT = """
WITH told AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::jsonb[]{arrays}) AS t (id, search_name, change_id, facts{columns})
), made AS (
    INSERT INTO customers (id, root_id, search_name{columns})
    SELECT id, id, search_name{read} FROM told ORDER BY {order}
    ON CONFLICT (external_id) DO NOTHING
    RETURNING id, created_at
), noted AS (
    INSERT INTO profile_changes (id, customer_id, source, actor, cause, fields)
    SELECT change_id, id, ${source}, ${actor}, ${cause}, facts FROM told JOIN made USING (id)
)
SELECT id, created_at FROM made
"""


class New(NamedTuple):
    """A customer to be made.

    Attributes:
        key: the identity that his rows were matched by.
        profile: what they tell.
        names: the fields that they tell.
        search_name: what his name is found by.
    """

    key: str
    profile: Profile
    names: tuple[str, ...]
    search_name: str


async def create(uow: UnitOfWork, order: "Order", drafts: Sequence[New]) -> dict[str, str]:
    """Make customers; return their ids by key, without those whose external id somebody took meanwhile."""
    if not drafts:
        return {}
    names = tuple(name for name in FIELDS if name == "kind" or any(name in draft.names for draft in drafts))
    by_id = {new_id("cus"): draft for draft in drafts}
    columns: list[list[Any]] = [
        list(by_id),
        [draft.search_name for draft in drafts],
        [new_id("chg") for _ in drafts],
        [facts_of(draft.profile, list(draft.names)) for draft in drafts],
        *(_column(name, (draft.profile for draft in drafts)) for name in names),
    ]
    rows = await uow.connection.fetch(_insert_statement(names), *columns, order.source, order.actor, order.import_id)
    for row in rows:
        _publish_registered(uow, row["id"], by_id[row["id"]].profile, row["created_at"])
    return {by_id[row["id"]].key: row["id"] for row in rows}


@lru_cache(maxsize=64)
def _insert_statement(names: tuple[str, ...]) -> str:
    arrays = "".join(f", ${number}::{_type(name)}[]" for number, name in enumerate(names, 5))
    last = 4 + len(names)
    columns = "".join(f', "{name}"' for name in names)
    # As all writers of customers, so that no two wait for each other in a circle.
    order = "external_id" if "external_id" in names else "id"
    read = "".join(f", {_read(name)}" for name in names)
    return _INSERT.format(arrays=arrays, columns=columns, read=read, order=order, source=last + 1, actor=last + 2, cause=last + 3)


def _type(name: str) -> str:
    return "date" if name == "birth_date" else "text"


def _read(name: str) -> str:
    return f'"{name}"::jsonb' if name in _JSON else f'"{name}"'


def _column(name: str, profiles: Iterable[Profile]) -> list[Any]:
    values = (getattr(profile, name) for profile in profiles)
    # As text: an array of lists would be taken for one of two dimensions.
    return [orjson.dumps(value).decode() for value in values] if name in _JSON else list(values)


def _publish_registered(uow: UnitOfWork, customer_id: str, profile: Profile, at: datetime) -> None:
    event = CustomerRegistered.model_construct(
        customer_id=customer_id, kind=profile.kind, country=profile.country, language=profile.language, registered_at=at
    )
    uow.publish(event, sequence=1)


_INTERIM_LOCK = f"""
SELECT id, version, {", ".join(f'"{name}"' for name in FIELDS)}, created_at, updated_at FROM customers WHERE id = ANY($1::text[])
ORDER BY id FOR NO KEY UPDATE
"""
_INTERIM_UPDATE = """
WITH told AS (SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::jsonb[]{arrays})
    AS t (id, search_name, version, change_id, facts{columns})
), noted AS (
    INSERT INTO profile_changes (id, customer_id, source, actor, cause, fields)
    SELECT change_id, id, ${source}, ${actor}, ${cause}, facts FROM told
)
UPDATE customers AS c SET version = told.version, search_name = told.search_name, updated_at = now(){sets} FROM told WHERE c.id = told.id
RETURNING c.id, c.updated_at
"""


async def lock(connection: Connection, ids: Iterable[str]) -> dict[str, Stored]:
    """Return customers whose rows nobody else changes until the transaction ends."""
    rows = await connection.fetch(_INTERIM_LOCK, sorted(ids))
    found = {}
    for row in rows:
        profile = Profile(*row[2 : 2 + len(FIELDS)])
        found[row["id"]] = Stored(row["id"], row["version"], profile, row["created_at"], row["updated_at"])
    return found


async def update(uow: UnitOfWork, order: "Order", changed: Sequence[tuple[Stored, Profile, list[str]]]) -> None:
    """Write what changed of locked customers."""
    names = FIELDS
    columns: list[list[Any]] = [
        [before.id for before, _, _ in changed],
        [fold(after.name) for _, after, _ in changed],
        [before.version + 1 for before, _, _ in changed],
        [new_id("chg") for _ in changed],
        [facts_of(after, list(differing), before.profile) for before, after, differing in changed],
        *(_column(name, (after for _, after, _ in changed)) for name in names),
    ]
    arrays = "".join(f", ${number}::{_type(name)}[]" for number, name in enumerate(names, 6))
    last = 5 + len(names)
    statement = _INTERIM_UPDATE.format(
        arrays=arrays,
        columns="".join(f', "{name}"' for name in names),
        sets="".join(f', "{name}" = told.{_read(name)}' for name in names),
        source=last + 1,
        actor=last + 2,
        cause=last + 3,
    )
    rows = await uow.connection.fetch(statement, *columns, order.source, order.actor, order.import_id)
    times = {row["id"]: row["updated_at"] for row in rows}
    for before, after, differing in changed:
        event = CustomerUpdated.model_construct(
            customer_id=before.id,
            changed=list(differing),
            kind=after.kind,
            country=after.country,
            language=after.language,
            updated_at=times[before.id],
        )
        uow.publish(event, sequence=before.version + 1)

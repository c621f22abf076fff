"""Every query on customers."""

# ruff: noqa: S608 - statements are put together from the constants of this module only

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from asyncpg import Record, UniqueViolationError

from customers.profiles.errors import ExternalIdTaken
from customers.profiles.rules import FIELDS, Profile
from customers.profiles.search import fold
from shared.database.pool import Connection
from shared.ids import new_id

_FIELDS = ", ".join(FIELDS)
_COLUMNS = f"id, version, {_FIELDS}, created_at, updated_at"

_INSERT = f"""
INSERT INTO customers (id, {_FIELDS}, search_name, root_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $1)
ON CONFLICT (external_id) DO NOTHING
RETURNING {_COLUMNS}
"""
_ROWS = """unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
       $10::date[], $11::text[], $12::jsonb[], $13::text[], $14::bigint[])"""
# In the order of the external ids, so that two batches never wait for each other in a circle.
_INSERT_MANY = f"""
INSERT INTO customers (id, {_FIELDS}, search_name, version, root_id)
SELECT *, id FROM {_ROWS} AS t (id, {_FIELDS}, search_name, version) ORDER BY external_id
ON CONFLICT (external_id) DO NOTHING
RETURNING id, external_id, created_at
"""
_UPDATE_MANY = f"""
UPDATE customers AS c
SET version = t.version, search_name = t.search_name, updated_at = now(), {", ".join(f"{name} = t.{name}" for name in FIELDS)}
FROM {_ROWS} AS t (id, {_FIELDS}, search_name, version)
WHERE c.id = t.id
RETURNING c.id, c.created_at, c.updated_at
"""
_ENSURE = """
INSERT INTO customers (id, kind, external_id, root_id)
SELECT id, 'individual', external_id, id FROM unnest($1::text[], $2::text[]) AS t (id, external_id) ORDER BY external_id
ON CONFLICT (external_id) DO NOTHING
RETURNING id, external_id, created_at
"""
_GET = f"SELECT {_COLUMNS} FROM customers WHERE id = $1"
_LOCK = f"{_GET} FOR NO KEY UPDATE"
_LOCK_BY_EXTERNAL_IDS = f"""
SELECT {_COLUMNS} FROM customers WHERE external_id = ANY($1::text[]) ORDER BY external_id FOR NO KEY UPDATE
"""
_IDS_BY_EXTERNAL_IDS = "SELECT external_id, id FROM customers WHERE external_id = ANY($1::text[])"
_EXISTS = "SELECT EXISTS (SELECT FROM customers WHERE id = $1)"

# One condition a filter; `{n}` becomes the number of its parameter.
_FILTERS = {
    "kind": "kind = ${n}",
    "country": "country = ${n}",
    "language": "language = ${n}",
    "city": "city = ${n}",
    "external_id": "external_id = ${n}",
    "email": "lower(email) = lower(${n})",
    "phone": "phone = ${n}",
    "created_from": "created_at >= ${n}",
    "created_to": "created_at < ${n}",
    "document": "search_document @@ ${n}::text::tsquery",
}
_SORTS = {
    "created_at": ("created_at, id", "(created_at, id) > (${n}, ${m})"),
    "-created_at": ("created_at DESC, id DESC", "(created_at, id) < (${n}, ${m})"),
    "name": ("search_name, id", "(search_name, id) > (${n}, ${m})"),
}


class Stored(NamedTuple):
    """A customer as the table holds him."""

    id: str
    version: int
    profile: Profile
    created_at: datetime
    updated_at: datetime


class Listed(NamedTuple):
    """A row of a list and what the next page starts after."""

    customer: Stored
    sort_key: tuple[Any, ...]


async def insert(connection: Connection, profile: Profile) -> Stored | None:
    """Add a customer, or return None when his external id is taken."""
    row = await connection.fetchrow(_INSERT, *_values(new_id("cus"), profile))
    return row and _stored(row)


async def insert_many(connection: Connection, drafts: Sequence[tuple[Profile, int]]) -> dict[str, tuple[str, datetime]]:
    """Add customers with their versions; return id and time of those that are new, by external id."""
    if not drafts:
        return {}
    rows = await connection.fetch(_INSERT_MANY, *_columns((*_values(new_id("cus"), each), version) for each, version in drafts))
    return {row["external_id"]: (row["id"], row["created_at"]) for row in rows}


async def ensure(connection: Connection, external_ids: Sequence[str]) -> dict[str, tuple[str, datetime]]:
    """Add customers of whom only the external id is known; return id and time of those that are new."""
    rows = await connection.fetch(_ENSURE, [new_id("cus") for _ in external_ids], external_ids)
    return {row["external_id"]: (row["id"], row["created_at"]) for row in rows}


async def update_many(connection: Connection, changed: Sequence[Stored]) -> dict[str, datetime]:
    """Write profiles and versions of locked customers; return by id when they changed.

    Raises:
        ExternalIdTaken: another customer has it.
    """
    columns = _columns((*_values(each.id, each.profile), each.version) for each in changed)
    try:
        rows = await connection.fetch(_UPDATE_MANY, *columns)
    except UniqueViolationError as error:
        raise ExternalIdTaken(pointer="/external_id") from error
    return {row["id"]: row["updated_at"] for row in rows}


async def get(connection: Connection, customer_id: str) -> Stored | None:
    """Return a customer."""
    row = await connection.fetchrow(_GET, customer_id)
    return row and _stored(row)


async def lock(connection: Connection, customer_id: str) -> Stored | None:
    """Return a customer whose row nobody else changes until the transaction ends."""
    row = await connection.fetchrow(_LOCK, customer_id)
    return row and _stored(row)


async def lock_by_external_ids(connection: Connection, external_ids: Sequence[str]) -> dict[str, Stored]:
    """Return customers by external id, locked in its order."""
    rows = await connection.fetch(_LOCK_BY_EXTERNAL_IDS, external_ids)
    return {row["external_id"]: _stored(row) for row in rows}


async def ids_by_external_ids(connection: Connection, external_ids: Sequence[str]) -> dict[str, str]:
    """Return the ids of the customers who have these external ids."""
    return dict(await connection.fetch(_IDS_BY_EXTERNAL_IDS, external_ids))


async def exists(connection: Connection, customer_id: str) -> bool:
    """Tell whether there is such a customer."""
    return bool(await connection.fetchval(_EXISTS, customer_id))


async def page(connection: Connection, filters: dict[str, Any], sort: str, after: tuple[Any, ...] | None, limit: int) -> list[Listed]:
    """Return the customers after a row that pass the filters.

    Args:
        connection: to read with.
        filters: values by filter name; `document` is a text query, of `search.rules`.
        sort: `created_at`, `-created_at` or `name`.
        after: sort key of the last row that was seen.
        limit: rows at most.
    """
    names = tuple(sorted(filters))
    rows = await connection.fetch(_page_statement(names, sort, after is not None), *map(filters.get, names), *(after or ()), limit)
    key = "search_name" if sort == "name" else "created_at"
    return [Listed(_stored(row), (row[key], row["id"])) for row in rows]


# The filters, the sort and whether there is an `after` make some thousand statements at most; few are ever used.
@lru_cache(maxsize=512)
def _page_statement(names: tuple[str, ...], sort: str, continued: bool) -> str:  # noqa: FBT001
    conditions = [_FILTERS[name].format(n=number) for number, name in enumerate(names, 1)]
    # Who was merged into another is found as the other, and the erased are nobody.
    conditions.append("root_id = id")
    last = len(names)
    order, beyond = _SORTS[sort]
    if continued:
        conditions.append(beyond.format(n=last + 1, m=last + 2))
        last += 2
    return f"SELECT {_COLUMNS}, search_name FROM customers WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT ${last + 1}"


def _values(customer_id: str, profile: Profile) -> tuple[Any, ...]:
    return (customer_id, *(getattr(profile, name) for name in FIELDS), fold(profile.name))


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _stored(row: Record) -> Stored:
    profile = Profile(*row[2 : 2 + len(FIELDS)])
    return Stored(row["id"], row["version"], profile, row["created_at"], row["updated_at"])

"""Every query on customers; what writes them is in `records`."""

# ruff: noqa: S608 - statements are put together from the constants of this module only

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from asyncpg import Record

from customers.attributes.filters import FILTERS as ATTRIBUTE_FILTERS
from customers.profiles.rules import FIELDS, Profile
from customers.search.narrowing import Reading
from customers.segments.filters import FILTERS as SEGMENT_FILTERS
from customers.stages.filters import FILTERS as STAGE_FILTERS
from shared.database.pool import Connection

_FIELDS = ", ".join(FIELDS)
COLUMNS = f"id, version, {_FIELDS}, created_at, updated_at"

# Whoever was merged is answered with whom he belongs to.
_GET = f"SELECT {COLUMNS} FROM customers WHERE id = (SELECT root_id FROM customers WHERE id = $1)"
_IDS_BY_EXTERNAL_IDS = "SELECT external_id, id FROM customers WHERE external_id = ANY($1::text[])"
_GET_RECORD = f"SELECT {COLUMNS} FROM customers WHERE id = $1"
_GET_RECORDS = f"SELECT {COLUMNS} FROM customers WHERE id = ANY($1::text[]) ORDER BY id"
_EXISTS = "SELECT EXISTS (SELECT FROM customers WHERE id = $1 AND root_id IS NOT NULL)"

_WHOLE = "coalesce(search_document, '') @@ ${n}::text::tsquery"
# The query is read once and not for each row that is looked at.
_WALKED_WHOLE = "coalesce(search_document, '') @@ (SELECT ${n}::text::tsquery)"
# One condition a filter; `{n}` becomes the number of its parameter.
_FILTERS = {
    "kind": "kind = ${n}",
    "country": "country = ${n}",
    "language": "language = ${n}",
    "city": "city = ${n}",
    "external_id": "id = (SELECT root_id FROM customers WHERE external_id = ${n})",
    "owner": "owner = ${n}",
    "tag": "tags @> jsonb_build_array(${n}::text) AND tags <> '[]'",
    "interest": "interests @> jsonb_build_array(${n}::text) AND interests <> '[]'",
    "email": "lower(email) = lower(${n})",
    "phone": "phone = ${n}",
    "created_from": "created_at >= ${n}",
    "created_to": "created_at < ${n}",
    "document": "search_document @@ ${n}::text::tsquery",
    # Postgres takes the union of some rare words for frequent and would walk the order; that this says nothing new it does not know.
    "rare_document": "search_document @@ ${n}::text::tsquery AND root_id = id",
    # By no index.
    "whole_document": _WHOLE,
    **ATTRIBUTE_FILTERS,
    **STAGE_FILTERS,
    **SEGMENT_FILTERS,
}
# Rows of the list that are looked at before the index of documents is asked; and as many again, and more, where some of them matched.
_WALKED, _WALKED_FURTHER = 10_000, 40_000
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


async def get(connection: Connection, customer_id: str) -> Stored | None:
    """Return a customer."""
    row = await connection.fetchrow(_GET, customer_id)
    return row and stored_of(row)


async def get_record(connection: Connection, record_id: str) -> Stored:
    """Return the row of a record that exists, whomever it was merged into."""
    row = await connection.fetchrow(_GET_RECORD, record_id)
    assert row is not None
    return stored_of(row)


async def get_records(connection: Connection, ids: Sequence[str]) -> list[Stored]:
    """Return the rows of records, whomever they were merged into."""
    return [stored_of(row) for row in await connection.fetch(_GET_RECORDS, ids)]


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
        filters: values by filter name.
        sort: `created_at`, `-created_at` or `name`.
        after: sort key of the last row that was seen.
        limit: rows at most.
    """
    statement = _page_statement(tuple(sorted(filters)), sort, after is not None)
    rows = await connection.fetch(statement, *_parameters(filters, after), limit)
    return _listed(rows, sort)


async def searched(
    connection: Connection, filters: dict[str, Any], reading: Reading, sort: str, after: tuple[Any, ...] | None, limit: int
) -> list[Listed]:
    """Return the customers after a row that pass the filters and whose documents match.

    Args:
        connection: to read with.
        filters: values by filter name.
        reading: how the documents are read.
        sort: `created_at`, `-created_at` or `name`.
        after: sort key of the last row that was seen.
        limit: rows at most.
    """
    if reading.are_many:
        walked = await _walked(connection, filters, reading.whole, sort, after, limit)
        if len(walked) == limit:
            return walked
    documents = {"document": reading.whole}
    if reading.narrow is not None:
        documents = {"rare_document": reading.narrow} | ({} if reading.narrow == reading.whole else {"whole_document": reading.whole})
    asked = filters | documents
    statement = _page_statement(tuple(sorted(asked)), sort, after is not None)
    parameters = (*_parameters(asked, after), limit)
    if reading.narrow is not None:
        return _listed(await connection.fetch(statement, *parameters), sort)
    # Planned anew each time: whether to walk the order or the index of documents depends on how frequent the words are.
    return _listed(await (await connection.prepare(statement)).fetch(*parameters), sort)


async def _walked(
    connection: Connection, filters: dict[str, Any], whole: str, sort: str, after: tuple[Any, ...] | None, limit: int
) -> list[Listed]:
    """Return the matches among the next rows of the list, which may be too few."""

    async def walk(after: tuple[Any, ...] | None, rows: int, limit: int) -> list[Listed]:
        statement = _walk_statement(tuple(sorted(filters)), sort, after is not None)
        return _listed(await connection.fetch(statement, *_parameters(filters, after), rows, whole, limit), sort)

    found = await walk(after, _WALKED, limit)
    if found and limit > len(found) >= limit * _WALKED / _WALKED_FURTHER:
        found += await walk(found[-1].sort_key, _WALKED_FURTHER, limit - len(found))
    return found


def _parameters(filters: dict[str, Any], after: tuple[Any, ...] | None) -> tuple[Any, ...]:
    return (*(filters[name] for name in sorted(filters)), *(after or ()))


def _listed(rows: Sequence[Record], sort: str) -> list[Listed]:
    key = "search_name" if sort == "name" else "created_at"
    return [Listed(stored_of(row), (row[key], row["id"])) for row in rows]


# The filters, the sort and whether there is an `after` make some thousand statements at most; few are ever used.
@lru_cache(maxsize=512)
def _page_statement(names: tuple[str, ...], sort: str, continued: bool) -> str:  # noqa: FBT001
    conditions = [_FILTERS[name].format(n=number) for number, name in enumerate(names, 1)]
    # Who was merged into another is found as the other, and the erased are nobody. Not `root_id = id`, which Postgres takes for rare.
    conditions.append("merged_into IS NULL AND erased_at IS NULL")
    last = len(names)
    order, beyond = _SORTS[sort]
    if continued:
        conditions.append(beyond.format(n=last + 1, m=last + 2))
        last += 2
    return f"SELECT {COLUMNS}, search_name FROM customers WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT ${last + 1}"


@lru_cache(maxsize=512)
def _walk_statement(names: tuple[str, ...], sort: str, continued: bool) -> str:  # noqa: FBT001
    walk = _page_statement(names, sort, continued).replace(", search_name FROM", ", search_name, search_document FROM", 1)
    last = len(names) + (2 if continued else 0) + 1
    return f"""
    SELECT {COLUMNS}, search_name FROM ({walk}) AS walked
    WHERE {_WALKED_WHOLE.format(n=last + 1)} ORDER BY {_SORTS[sort][0]} LIMIT ${last + 2}
    """


def stored_of(row: Record) -> Stored:
    """Return a customer of a row of `COLUMNS`."""
    profile = Profile(*row[2 : 2 + len(FIELDS)])
    return Stored(row["id"], row["version"], profile, row["created_at"], row["updated_at"])

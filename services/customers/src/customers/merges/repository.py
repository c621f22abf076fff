"""Every query on merges."""

# ruff: noqa: S608 - statements are put together from the constants of this module only

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from asyncpg import Record

from shared.database.pool import Connection
from shared.ids import new_id

State = Literal["live", "undone"]

_COLUMNS = "id, survivor_id, merged_id, reason, merged_at, merged_by, undone_at, undone_by"

# Both roots are locked: nobody else draws a number for these families now.
_LINK = """
WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS at), linked AS (
    UPDATE customers SET merged_into = $2, root_id = $2, link_version = link_version + 1 WHERE id = $3 RETURNING link_version, family_size
), followers AS (
    UPDATE customers SET root_id = $2 WHERE root_id = $3 AND merged_into IS NOT NULL
), grown AS (
    UPDATE customers SET family_size = customers.family_size + linked.family_size FROM linked WHERE id = $2
), made AS (
    INSERT INTO merges (id, survivor_id, merged_id, rules_version, reason, merged_at, merged_by)
    SELECT $1, $2, $3, $4, $5, at, $6 FROM moment
)
SELECT at, link_version FROM moment, linked
"""
# The profiles are folded between the two: as long as both are one family, a value that only one may have goes from one to the other.
_MARK_UNDONE = "UPDATE merges SET undone_at = clock_timestamp(), undone_by = $2 WHERE id = $1 RETURNING undone_at"
_UNLINK = """
WITH RECURSIVE tree (id) AS (
    SELECT $1::text UNION ALL SELECT c.id FROM tree JOIN customers AS c ON c.merged_into = tree.id
), counted AS MATERIALIZED (
    SELECT count(*)::int AS size FROM tree
), followers AS (
    UPDATE customers AS c SET root_id = $1 FROM tree WHERE c.id = tree.id AND c.id <> $1
), shrunk AS (
    UPDATE customers SET family_size = family_size - size FROM counted WHERE id = $2
)
UPDATE customers SET merged_into = NULL, root_id = id, link_version = link_version + 1, family_size = size FROM counted
WHERE id = $1 RETURNING link_version
"""
_GET = f"SELECT {_COLUMNS} FROM merges WHERE id = $1"
_LOCK = f"{_GET} FOR NO KEY UPDATE"
_OF = "(m.survivor_id = ANY(${n}) OR m.merged_id = ANY(${n}))"
# Books that the service keeps over customers: they are read for the survivor too, but nobody counts on them.
_BOOKS = (
    *("access_exports", "attribute_values", "audit_entries", "consent_decisions", "consent_history", "customer_stages"),
    *("erasures", "organisations", "profile_changes", "restrictions", "stage_moves"),
)
_KINDS = """
SELECT quote_ident(table_name) FROM information_schema.columns
WHERE table_schema = current_schema() AND column_name = 'customer_id' AND table_name <> ALL($1::text[])
"""


class StoredMerge(NamedTuple):
    """A merge as the table holds it."""

    id: str
    survivor_id: str
    merged_id: str
    reason: str | None
    merged_at: datetime
    merged_by: str | None
    undone_at: datetime | None
    undone_by: str | None


async def link(
    connection: Connection, survivor_id: str, merged_id: str, rules_version: int, reason: str | None, merged_by: str
) -> tuple[StoredMerge, int]:
    """Link a locked root, with all who belong to it, to another; return the merge and the number of the link's event."""
    merge_id = new_id("mrg")
    row = await connection.fetchrow(_LINK, merge_id, survivor_id, merged_id, rules_version, reason, merged_by)
    assert row is not None
    return StoredMerge(merge_id, survivor_id, merged_id, reason, row["at"], merged_by, None, None), row["link_version"]


async def mark_undone(connection: Connection, merge: StoredMerge, undone_by: str) -> StoredMerge:
    """Say that a merge holds no more."""
    return merge._replace(undone_at=await connection.fetchval(_MARK_UNDONE, merge.id, undone_by), undone_by=undone_by)


async def unlink(connection: Connection, merged_id: str, root_id: str) -> int:
    """Make a record of a locked root's family its own root, with all who belong to it; return the number of the link's event."""
    sequence = await connection.fetchval(_UNLINK, merged_id, root_id)
    assert sequence is not None
    return sequence


async def get(connection: Connection, merge_id: str) -> StoredMerge | None:
    """Return a merge."""
    row = await connection.fetchrow(_GET, merge_id)
    return row and StoredMerge(*row)


async def lock(connection: Connection, merge_id: str) -> StoredMerge | None:
    """Return a merge that nobody else undoes until the transaction ends."""
    row = await connection.fetchrow(_LOCK, merge_id)
    return row and StoredMerge(*row)


async def page(
    connection: Connection, ids: Sequence[str] | None, state: State | None, after: tuple[Any, ...] | None, limit: int
) -> list[StoredMerge]:
    """Return merges, newest first, after a sort key.

    Args:
        connection: to read with.
        ids: only those that touch one of these records.
        state: only those that hold, or that were undone.
        after: moment and id of the last that was seen.
        limit: merges at most.
    """
    parameters: list[Any] = [] if ids is None else [ids]
    statement = _page_statement(ids is not None, state, after is not None)
    return [StoredMerge(*row) for row in await connection.fetch(statement, *parameters, *(after or ()), limit)]


@lru_cache(maxsize=32)
def _page_statement(of_some: bool, state: State | None, continued: bool) -> str:  # noqa: FBT001
    conditions = [_OF.format(n=1)] if of_some else []
    last = len(conditions)
    if state is not None:
        conditions.append("undone_at IS NULL" if state == "live" else "undone_at IS NOT NULL")
    if continued:
        conditions.append(f"(merged_at, id) < (${last + 1}, ${last + 2})")
        last += 2
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {_COLUMNS} FROM merges AS m {where} ORDER BY merged_at DESC, id DESC LIMIT ${last + 1}"


async def counts(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Return how many things of each kind, by the tables of the schema, belong to records; kinds without any are left out."""
    tables = sorted(row[0] for row in await connection.fetch(_KINDS, _BOOKS))
    counted = ", ".join(f"(SELECT count(*) FROM {table} WHERE customer_id = ANY($1::text[])) AS {table}" for table in tables)
    row: Record | None = await connection.fetchrow(f"SELECT {counted}", ids)
    return {name: count for name, count in (row or {}).items() if count}

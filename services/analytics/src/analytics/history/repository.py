"""Every statement on the facts: added once, hashed for the checksum, emptied for a rebuild."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Record

from shared.database.pool import Connection
from shared.database.rows import transposed

# Roll-up cells are shared by all customers; whoever changes them holds this advisory lock (any fixed number) to the end of his
# transaction, so that concurrent consumers neither deadlock nor read a customer's state before another's commit.
_LOCK_KEY = 7_205_102
# A statement of its own: the snapshot of the next one must be taken after the lock is held.
_LOCK = f"SELECT pg_advisory_xact_lock({_LOCK_KEY})"

# The latest event of a customer decides; several of one batch become one row, which an upsert can touch only once.
_PUT_CUSTOMERS = """
WITH batch AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::bigint[])
        AS t (customer_id, kind, country, language, registered_at, version)
), latest AS (
    SELECT DISTINCT ON (customer_id) customer_id, kind, country, language,
           max(registered_at) OVER (PARTITION BY customer_id) AS registered_at, version
    FROM batch ORDER BY customer_id, version DESC
)
INSERT INTO customers AS c (customer_id, kind, country, language, registered_at, version)
SELECT customer_id, kind, country, language, registered_at, version FROM latest
WHERE NOT EXISTS (SELECT FROM erased_customers AS e WHERE e.customer_id = latest.customer_id FOR KEY SHARE)
ON CONFLICT (customer_id) DO UPDATE SET
    kind = CASE WHEN excluded.version > c.version THEN excluded.kind ELSE c.kind END,
    country = CASE WHEN excluded.version > c.version THEN excluded.country ELSE c.country END,
    language = CASE WHEN excluded.version > c.version THEN excluded.language ELSE c.language END,
    registered_at = coalesce(c.registered_at, excluded.registered_at),
    version = greatest(c.version, excluded.version)
"""

_CUSTOMERS_OF = "SELECT * FROM customers WHERE customer_id = ANY ($1::text[]) ORDER BY customer_id"
_ERASE_CUSTOMERS = """
WITH gone AS (DELETE FROM customers WHERE customer_id = ANY ($1::text[]) RETURNING customer_id) SELECT count(*) FROM gone
"""

_STATE = "SELECT version, latest_order_at, latest_response_at, latest_movement_at FROM projection"

# Tables of facts and of roll-ups, with the rows that count: a cell that fell back to zero is as good as absent, a link that was undone
# as good as never made, and the version of the projection tells how often it changed, not what it holds.
_CHECKED_TABLES = {
    "customers": "SELECT * FROM customers",
    "orders": "SELECT * FROM orders",
    "returns": "SELECT * FROM returns",
    "cancellations": "SELECT * FROM cancellations",
    "responses": "SELECT * FROM responses",
    "members": "SELECT * FROM members",
    "points_movements": "SELECT * FROM points_movements",
    "projection": "SELECT latest_order_at, latest_response_at, latest_movement_at FROM projection",
    "customer_activity": "SELECT * FROM customer_activity",
    "activity_cells": "SELECT * FROM activity_cells WHERE customers > 0",
    "customer_money": "SELECT * FROM customer_money",
    "order_months": "SELECT * FROM order_months WHERE orders > 0 OR gross_minor <> 0 OR returned_minor <> 0",
    "nps_days": "SELECT * FROM nps_days",
    "points_days": "SELECT * FROM points_days WHERE enrolled > 0 OR movements > 0",
    "customer_links": "SELECT customer_id, survivor_id, root_id, merge_id FROM customer_links WHERE survivor_id IS NOT NULL",
    "erased_customers": "SELECT customer_id FROM erased_customers",
}

# A sum of hashes does not depend on the order of the rows; unlike an exclusive-or it tells a row from the same row three times.
_SUMS = " UNION ALL ".join(
    f"SELECT '{table}' AS name, count(*) AS rows, coalesce(sum(('x' || left(md5(t::text), 16))::bit(64)::bigint), 0)::text AS sum"  # noqa: S608
    f" FROM ({rows}) AS t"
    for table, rows in _CHECKED_TABLES.items()
)
# Parallel workers finish in any order, and the checksum of the whole depends on it.
_CHECKSUM = f"SELECT name, rows, sum FROM ({_SUMS}) AS sums ORDER BY name"  # noqa: S608

# Whoever was erased stays so, even while a rebuild hears of him again.
_KEPT_TABLES = {"projection", "erased_customers"}
_EMPTIED_TABLES = ", ".join(table for table in _CHECKED_TABLES if table not in _KEPT_TABLES)
_EMPTY = f"TRUNCATE {_EMPTIED_TABLES}"
_FORGET_LATEST = """
UPDATE projection SET version = version + 1, latest_order_at = NULL, latest_response_at = NULL, latest_movement_at = NULL
"""


class CustomerFact(NamedTuple):
    """A customer as one event told of him."""

    customer_id: str
    kind: str
    country: str | None
    language: str | None
    registered_at: datetime | None
    version: int


class ProjectionState(NamedTuple):
    """How far the history goes."""

    version: int
    latest_order_at: datetime | None
    latest_response_at: datetime | None
    latest_movement_at: datetime | None


class TableSum(NamedTuple):
    """The number of a table's rows and the sum of their hashes."""

    name: str
    rows: int
    sum: str


class HistoryRepository:
    """The facts as a whole."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock(self) -> None:
        """Wait until no other transaction changes roll-ups; held until this one ends."""
        await self._connection.execute(_LOCK)

    async def put_customers(self, facts: Sequence[CustomerFact]) -> None:
        """Store customers unless something later is known of them or they were erased."""
        await self._connection.execute(_PUT_CUSTOMERS, *transposed(facts))

    async def customers_of(self, customer_ids: Sequence[str]) -> Sequence[Record]:
        """Return what is known of these customers."""
        return await self._connection.fetch(_CUSTOMERS_OF, customer_ids)

    async def erase_customers(self, customer_ids: Sequence[str]) -> int:
        """Delete these customers; return how many were known."""
        return await self._connection.fetchval(_ERASE_CUSTOMERS, customer_ids) or 0

    async def state(self) -> ProjectionState:
        """Return how far the history goes."""
        row = await self._connection.fetchrow(_STATE)
        return ProjectionState(*row) if row else ProjectionState(0, None, None, None)

    async def table_sums(self) -> list[TableSum]:
        """Return count and hash sum of each table of facts and roll-ups."""
        return [TableSum(*row) for row in await self._connection.fetch(_CHECKSUM)]

    async def empty(self) -> None:
        """Delete all facts and roll-ups."""
        await self._connection.execute(_EMPTY)
        await self._connection.execute(_FORGET_LATEST)

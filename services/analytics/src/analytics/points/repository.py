"""Every statement on members and their points."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from asyncpg import Record

from shared.database.pool import Connection
from shared.database.rows import transposed

_ADD_MEMBERS = """
WITH batch AS (
    SELECT * FROM unnest($1::text[], $2::timestamptz[]) AS t (customer_id, enrolled_at)
), added AS (
    INSERT INTO members (customer_id, enrolled_at) SELECT customer_id, enrolled_at FROM batch
    WHERE NOT EXISTS (SELECT FROM erased_customers AS e WHERE e.customer_id = batch.customer_id FOR KEY SHARE)
    ON CONFLICT (customer_id) DO NOTHING
    RETURNING enrolled_at
), by_day AS (
    INSERT INTO points_days AS p (day, enrolled, issued, reversed, movements)
    SELECT date_trunc('day', enrolled_at, 'UTC')::date, count(*), 0, 0, 0 FROM added GROUP BY 1
    ON CONFLICT (day) DO UPDATE SET enrolled = p.enrolled + excluded.enrolled
)
UPDATE projection SET version = version + 1, latest_movement_at = greatest(latest_movement_at, (SELECT max(enrolled_at) FROM batch))
"""

_ADD_MOVEMENTS = """
WITH batch AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[])
        AS t (entry_id, customer_id, points, reason, order_id, occurred_at)
), added AS (
    INSERT INTO points_movements (entry_id, customer_id, points, reason, order_id, occurred_at)
    SELECT entry_id, customer_id, points, reason, order_id, occurred_at FROM batch
    WHERE NOT EXISTS (SELECT FROM erased_customers AS e WHERE e.customer_id = batch.customer_id FOR KEY SHARE)
    ON CONFLICT (entry_id) DO NOTHING
    RETURNING points, occurred_at
), by_day AS (
    INSERT INTO points_days AS p (day, enrolled, issued, reversed, movements)
    SELECT date_trunc('day', occurred_at, 'UTC')::date, 0, sum(greatest(points, 0)), sum(greatest(-points, 0)), count(*)
    FROM added GROUP BY 1
    ON CONFLICT (day) DO UPDATE SET
        issued = p.issued + excluded.issued, reversed = p.reversed + excluded.reversed, movements = p.movements + excluded.movements
)
UPDATE projection SET version = version + 1, latest_movement_at = greatest(latest_movement_at, (SELECT max(occurred_at) FROM batch))
"""

_MEMBERS_OF = "SELECT * FROM members WHERE customer_id = ANY ($1::text[]) ORDER BY customer_id"
_MOVEMENTS_OF = "SELECT * FROM points_movements WHERE customer_id = ANY ($1::text[]) ORDER BY occurred_at, entry_id"

_ERASE = """
WITH gone_members AS (
    DELETE FROM members WHERE customer_id = ANY ($1::text[]) RETURNING enrolled_at
), gone_movements AS (
    DELETE FROM points_movements WHERE customer_id = ANY ($1::text[]) RETURNING points, occurred_at
), by_day AS (
    UPDATE points_days AS p SET enrolled = p.enrolled - gone.enrolled, issued = p.issued - gone.issued,
        reversed = p.reversed - gone.reversed, movements = p.movements - gone.movements
    FROM (SELECT date_trunc('day', moment, 'UTC')::date AS day, sum(enrolled) AS enrolled, sum(greatest(points, 0)) AS issued,
                 sum(greatest(-points, 0)) AS reversed, sum(1 - enrolled) AS movements
          FROM (SELECT enrolled_at AS moment, 1 AS enrolled, 0 AS points FROM gone_members
                UNION ALL SELECT occurred_at, 0, points FROM gone_movements) AS each GROUP BY 1) AS gone
    WHERE p.day = gone.day
)
SELECT (SELECT count(*) FROM gone_members) AS members, (SELECT count(*) FROM gone_movements) AS points_movements
"""

_MONTHS = """
SELECT date_trunc('month', day)::date AS month, sum(enrolled)::bigint AS enrolled, sum(issued)::bigint AS issued,
       sum(reversed)::bigint AS reversed, sum(movements)::bigint AS movements
FROM points_days WHERE ($1::date IS NULL OR day >= $1) AND ($2::date IS NULL OR day < $2) AND (enrolled > 0 OR movements > 0)
GROUP BY 1 ORDER BY 1
"""

_OUTSTANDING = """
SELECT coalesce(sum(issued - reversed), 0)::bigint AS outstanding, coalesce(sum(enrolled), 0)::bigint AS members
FROM points_days WHERE $1::date IS NULL OR day < $1
"""


class MemberFact(NamedTuple):
    """A member as the event of his enrolment told of him."""

    customer_id: str
    enrolled_at: datetime


class MovementFact(NamedTuple):
    """A movement of points: positive when issued, negative when taken back."""

    entry_id: str
    customer_id: str
    points: int
    reason: str
    order_id: str | None
    occurred_at: datetime


class PointsMonth(NamedTuple):
    """What moved in a month."""

    month: date
    enrolled: int
    issued: int
    reversed: int
    movements: int


class PointsRepository:
    """Members, movements, and their sums by day."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add_members(self, facts: Sequence[MemberFact]) -> None:
        """Store members and count those that are new."""
        await self._connection.execute(_ADD_MEMBERS, *transposed(facts))

    async def add_movements(self, facts: Sequence[MovementFact]) -> None:
        """Store movements and add up those that are new."""
        await self._connection.execute(_ADD_MOVEMENTS, *transposed(facts))

    async def of(self, customer_ids: Sequence[str]) -> tuple[Sequence[Record], Sequence[Record]]:
        """Return these customers as members, and the movements of their points."""
        members = await self._connection.fetch(_MEMBERS_OF, customer_ids)
        return members, await self._connection.fetch(_MOVEMENTS_OF, customer_ids)

    async def erase(self, customer_ids: Sequence[str]) -> dict[str, int]:
        """Delete these members and their movements, and what they added to the days; return how many of each."""
        row = await self._connection.fetchrow(_ERASE, customer_ids)
        return dict(row) if row else {}

    async def months(self, since: date | None, until: date | None) -> list[PointsMonth]:
        """Return what moved in each month, of the days from `since` and before `until`."""
        return [PointsMonth(*row) for row in await self._connection.fetch(_MONTHS, since, until)]

    async def outstanding(self, until: date | None) -> tuple[int, int]:
        """Return the points that stood and the members that were enrolled before the day `until`, or by all that is known."""
        row = await self._connection.fetchrow(_OUTSTANDING, until)
        return (row["outstanding"], row["members"]) if row else (0, 0)

"""Every statement that counts anew the orders and money of people, from all their orders and returns."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from shared.database.pool import Connection

# The roots among the given ids, each with everybody who belongs to him; who belongs to another is nobody's root.
_MEMBERS = """
members AS (
    SELECT id AS root_id, id AS customer_id FROM unnest($1::text[]) AS t (id)
    WHERE NOT EXISTS (SELECT FROM customer_links AS l WHERE l.customer_id = id AND l.root_id <> id)
    UNION ALL
    SELECT root_id, customer_id FROM customer_links WHERE root_id = ANY ($1::text[]) AND root_id <> customer_id
)
"""
_MOMENTS = f"""
WITH {_MEMBERS}
SELECT root_id, array_agg(placed_at) AS moments FROM members JOIN orders USING (customer_id) WHERE NOT is_cancelled GROUP BY root_id
"""  # noqa: S608 - made of constants
_FORGET_MONEY = "DELETE FROM customer_money WHERE customer_id = ANY ($1::text[])"
_COUNT_MONEY = f"""
WITH {_MEMBERS}, moved AS (
    SELECT root_id, currency, 1 AS orders, placed_at AS last_at, amount_minor AS gross_minor, 0 AS returned_minor
    FROM members JOIN orders USING (customer_id) WHERE NOT is_cancelled
    UNION ALL
    SELECT root_id, currency, 0, NULL, 0, amount_minor FROM members JOIN returns USING (customer_id) WHERE NOT is_cancelled
)
INSERT INTO customer_money (customer_id, currency, orders, last_at, gross_minor, returned_minor)
SELECT root_id, currency, sum(orders), max(last_at), sum(gross_minor), sum(returned_minor) FROM moved GROUP BY root_id, currency
"""  # noqa: S608 - made of constants
_TOUCH = "UPDATE projection SET version = version + 1"


class PeopleRepository:
    """What is counted by person: by the root of a family."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def moments_of(self, root_ids: Sequence[str]) -> Mapping[str, Sequence[datetime]]:
        """Return when each order that counts was placed, of those ids that are roots and have any."""
        return {row["root_id"]: row["moments"] for row in await self._connection.fetch(_MOMENTS, root_ids)}

    async def count_money(self, root_ids: Sequence[str]) -> None:
        """Count the money of these people anew."""
        await self._connection.execute(_FORGET_MONEY, root_ids)
        await self._connection.execute(_COUNT_MONEY, root_ids)
        await self._connection.execute(_TOUCH)

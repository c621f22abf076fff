"""Every statement of recency, frequency and money."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from analytics.rfm.rules import Group
from shared.database.pool import Connection

_MAIN_CURRENCY = "SELECT currency FROM order_months GROUP BY currency ORDER BY sum(orders) DESC, currency LIMIT 1"

# By the end of all that is known: from the roll-up.
_PEOPLE_NOW = """
    SELECT last_at::date AS last_day, orders, gross_minor - returned_minor AS revenue_minor
    FROM customer_money WHERE currency = $1 AND orders > 0
"""

# By the end of an earlier day: from the orders and returns themselves.
_PEOPLE_THEN = """
    SELECT last_day, orders, gross_minor - coalesce(returned_minor, 0) AS revenue_minor
    FROM (SELECT coalesce(root_id, customer_id) AS person_id, max(placed_at)::date AS last_day, count(*) AS orders,
                 sum(amount_minor)::bigint AS gross_minor
          FROM orders LEFT JOIN customer_links USING (customer_id)
          WHERE currency = $1 AND placed_at < $2::date + 1 AND NOT is_cancelled AND customer_id IS NOT NULL GROUP BY 1) AS bought
    LEFT JOIN (SELECT coalesce(root_id, customer_id) AS person_id, sum(amount_minor)::bigint AS returned_minor
               FROM returns LEFT JOIN customer_links USING (customer_id)
               WHERE currency = $1 AND returned_at < $2::date + 1 AND placed_at < $2::date + 1 AND NOT is_cancelled
                   AND customer_id IS NOT NULL GROUP BY 1) AS back
    USING (person_id)
"""


def _scored(people: str) -> str:
    # A discrete percentile is an existing value, and a comparison with it treats ties alike: the same data always give the same scores.
    # width_bucket counts the cut points up to a value; one less counts those below it, for days and whole numbers have neighbours.
    return f"""
WITH people AS MATERIALIZED ({people}), cuts AS MATERIALIZED (
    SELECT percentile_disc(ARRAY[.2, .4, .6, .8]) WITHIN GROUP (ORDER BY last_day) AS days,
           percentile_disc(ARRAY[.2, .4, .6, .8]) WITHIN GROUP (ORDER BY orders) AS counts,
           percentile_disc(ARRAY[.2, .4, .6, .8]) WITHIN GROUP (ORDER BY revenue_minor) AS sums
    FROM people
), groups AS (
    SELECT 1 + width_bucket(last_day - 1, days) AS recency, 1 + width_bucket(orders - 1, counts) AS frequency,
           1 + width_bucket(revenue_minor - 1, sums) AS money,
           count(*) AS customers, sum(orders)::bigint AS orders, sum(revenue_minor)::bigint AS revenue_minor
    FROM people, cuts GROUP BY 1, 2, 3
)
SELECT groups.*, days, counts, sums FROM groups, cuts ORDER BY recency DESC, frequency DESC, money DESC
"""  # noqa: S608 - composed of constants


_NOW, _THEN = _scored(_PEOPLE_NOW), _scored(_PEOPLE_THEN)


@dataclass(frozen=True, slots=True)
class Scored:
    """All customers by their scores.

    Attributes:
        groups: customers with the same scores, best first.
        last_days: cut points of the day of the last order.
        orders: cut points of the number of orders.
        revenue_minor: cut points of the money, in minor units.
    """

    groups: Sequence[Group]
    last_days: Sequence[date] = ()
    orders: Sequence[int] = ()
    revenue_minor: Sequence[int] = ()


class RfmRepository:
    """Customers by recency, frequency and money."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def main_currency(self) -> str | None:
        """Return the currency with the most orders, None without orders."""
        return await self._connection.fetchval(_MAIN_CURRENCY)

    async def scored(self, currency: str, until: date | None) -> Scored:
        """Return the customers' scores by the end of all that is known, or of the day `until`."""
        rows = await (self._connection.fetch(_NOW, currency) if until is None else self._connection.fetch(_THEN, currency, until))
        if not rows:
            return Scored([])
        groups = [Group(*row[:6]) for row in rows]
        return Scored(groups, rows[0]["days"], rows[0]["counts"], rows[0]["sums"])

"""Every statement that reads the months' orders."""

from datetime import date
from typing import NamedTuple

from shared.database.pool import Connection

_MONTHS = """
SELECT month, currency, orders, gross_minor, returned_minor FROM order_months
WHERE ($1::date IS NULL OR month >= $1) AND ($2::date IS NULL OR month < $2)
    AND (orders > 0 OR gross_minor <> 0 OR returned_minor <> 0) ORDER BY month, currency
"""

# A customer of cohort c who ordered in its k-th month is one customer of the month c + k.
_CUSTOMERS = """
SELECT (cohort + k * interval '1 month')::date AS month, sum(customers)::bigint AS customers FROM activity_cells
WHERE measure = 'calendar' AND ($1::date IS NULL OR cohort + k * interval '1 month' >= $1)
    AND ($2::date IS NULL OR cohort + k * interval '1 month' < $2) GROUP BY 1
"""

_EVERYBODY = "SELECT coalesce(sum(customers), 0)::bigint FROM activity_cells WHERE measure = 'calendar' AND k = 0"


class MonthRow(NamedTuple):
    """The orders of a month in one currency."""

    month: date
    currency: str
    orders: int
    gross_minor: int
    returned_minor: int


class SalesRepository:
    """Orders by month."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def months(self, since: date | None, until: date | None) -> list[MonthRow]:
        """Return the months from `since` and before `until`, a row for each currency."""
        return [MonthRow(*row) for row in await self._connection.fetch(_MONTHS, since, until)]

    async def customers(self, since: date | None, until: date | None) -> dict[date, int]:
        """Return how many customers ordered in each month."""
        return {row["month"]: row["customers"] for row in await self._connection.fetch(_CUSTOMERS, since, until)}

    async def everybody(self) -> int:
        """Return how many customers have ever ordered."""
        row = await self._connection.fetchrow(_EVERYBODY)
        return row[0] if row else 0

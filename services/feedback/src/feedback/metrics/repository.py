"""Every statement on the roll-ups."""

from collections.abc import Sequence
from datetime import date

from asyncpg import Record

from shared.database.pool import Connection
from shared.statistics import NPS_SCORES

_COUNTERS = ", ".join(f"score_{number}" for number in range(NPS_SCORES))
_SUMS = ", ".join(f"sum(score_{number})" for number in range(NPS_SCORES))
# Months that lie within the window as a whole, and the days at its ends.
_MONTHS = f"""
WITH whole AS (
    SELECT date_trunc('month', $1::date + interval '1 month' - interval '1 day')::date AS since,
        date_trunc('month', $2::date)::date AS until
), counts AS (
    SELECT month, channel, {_COUNTERS} FROM nps_months, whole
    WHERE ($1 IS NULL OR month >= whole.since) AND ($2 IS NULL OR month < whole.until)
    UNION ALL
    SELECT date_trunc('month', day)::date, channel, {_COUNTERS} FROM nps_days, whole
    WHERE ($1 IS NULL OR day >= $1) AND ($2 IS NULL OR day < $2) AND (day < whole.since OR day >= whole.until)
)
SELECT month AS first_day, ARRAY[{_SUMS}] AS distribution FROM counts WHERE ($3::text IS NULL OR channel = $3)
GROUP BY 1 ORDER BY 1
"""  # noqa: S608 - made of column names


class NpsRepository:
    """Counts of answers by channel, day and month."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def months(self, since: date | None, until: date | None, channel: str | None) -> Sequence[Record]:
        """Return first day and distribution of each month with answers on days from `since` and before `until`."""
        return await self._connection.fetch(_MONTHS, since, until, channel)

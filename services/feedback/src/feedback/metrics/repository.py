"""Every statement on the roll-ups."""

from collections.abc import Sequence
from datetime import date

from asyncpg import Record

from shared.database.pool import Connection
from shared.statistics import NPS_SCORES

_SUMS = ", ".join(f"sum(score_{number})::bigint" for number in range(NPS_SCORES))
_MONTHS = f"""
SELECT date_trunc('month', day)::date AS first_day, ARRAY[{_SUMS}] AS distribution FROM nps_days
WHERE ($1::date IS NULL OR day >= $1) AND ($2::date IS NULL OR day < $2) AND ($3::text IS NULL OR channel = $3)
GROUP BY 1 ORDER BY 1
"""  # noqa: S608 - made of column names


class NpsRepository:
    """Counts of answers by channel and day."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def months(self, since: date | None, until: date | None, channel: str | None) -> Sequence[Record]:
        """Return first day and distribution of each month with answers on days from `since` and before `until`."""
        return await self._connection.fetch(_MONTHS, since, until, channel)

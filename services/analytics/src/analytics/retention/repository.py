"""Every statement that reads the cells of cohorts."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from analytics.purchases.rules import Measure
from analytics.retention.rules import CohortCounts
from shared.database.pool import Connection

_CELLS = """
SELECT cohort, measure, k, customers FROM activity_cells
WHERE ($1::date IS NULL OR cohort >= $1) AND ($2::date IS NULL OR cohort < $2) AND measure = ANY ($3::text[]) AND customers > 0
"""


class CellsRepository:
    """Counts of customers by cohort."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def cohorts(self, since: date | None, until: date | None, measures: Sequence[Measure]) -> dict[date, CohortCounts]:
        """Return the counts of the cohorts from `since` and before `until`."""
        found: defaultdict[date, dict[Measure, dict[int, int]]] = defaultdict(dict)
        for cohort, measure, k, customers in await self._connection.fetch(_CELLS, since, until, [measure.value for measure in measures]):
            found[cohort].setdefault(Measure(measure), {})[k] = customers
        return dict(found)

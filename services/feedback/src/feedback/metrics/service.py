"""Tells the figures."""

from datetime import datetime

from feedback.metrics.errors import WindowReversed
from feedback.metrics.repository import NpsRepository
from feedback.metrics.schemas import NpsFilter
from shared.database.pool import Connection
from shared.figures.satisfaction import NpsAnswer, nps_answer


async def nps(connection: Connection, wanted: NpsFilter, now: datetime) -> NpsAnswer:
    """Return the net promoter score of a window; every answer that was recorded until now counts.

    Raises:
        WindowReversed: it ends before it begins.
    """
    if wanted.since and wanted.until and wanted.until < wanted.since:
        raise WindowReversed(pointer="/to", location="query")
    rows = await NpsRepository(connection).months(wanted.since, wanted.until, wanted.channel)
    months = [(row["first_day"], list(map(int, row["distribution"]))) for row in rows]
    return nps_answer(months, wanted, wanted.channel, now, now)

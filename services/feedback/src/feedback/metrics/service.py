"""Tells the figures."""

from datetime import datetime

from feedback.metrics.errors import WindowReversed
from feedback.metrics.repository import NpsRepository
from feedback.metrics.rules import NPS_DEFINITION, Month, total
from feedback.metrics.schemas import MonthScore, NpsFilter, NpsReport, ScoreCount, Window, parts_of
from shared.database.pool import Connection
from shared.statistics import NetPromoterScore


async def nps(connection: Connection, wanted: NpsFilter, now: datetime) -> NpsReport:
    """Return the net promoter score of a window.

    Raises:
        WindowReversed: it ends before it begins.
    """
    if wanted.since and wanted.until and wanted.until < wanted.since:
        raise WindowReversed(pointer="/to", location="query")
    rows = await NpsRepository(connection).months(wanted.since, wanted.until, wanted.channel)
    months = [Month(row["first_day"], tuple(row["distribution"])) for row in rows]
    distribution = total(months)
    return NpsReport(
        **parts_of(NetPromoterScore.of(distribution)),
        definition=NPS_DEFINITION,
        window=Window.model_validate({"from": wanted.since, "to": wanted.until}),
        channel=wanted.channel,
        as_of=now,
        distribution=[ScoreCount(score=score, n=n) for score, n in enumerate(distribution)],
        trend=[MonthScore(month=f"{month.first_day:%Y-%m}", **parts_of(month.nps)) for month in months],
    )

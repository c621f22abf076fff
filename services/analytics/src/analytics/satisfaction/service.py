"""Hears of answers and tells the net promoter score."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from analytics.history.repository import HistoryRepository
from analytics.history.rules import moment, score, text
from analytics.metrics.rules import ZONE, Window, horizon
from analytics.metrics.schemas import definition_out, window_out
from analytics.satisfaction.repository import ResponseFact, SatisfactionRepository
from analytics.satisfaction.rules import DEFINITION, score_of
from analytics.satisfaction.schemas import IntervalOut, MonthScore, NpsAnswer
from shared.contracts.feedback import ResponseRecorded
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received
from shared.statistics import NetPromoterScore

# Answers to other questions are none of this score.
RECOMMENDATION = "nps"


async def on_responses_recorded(uow: UnitOfWork, events: Sequence[Received[ResponseRecorded]]) -> None:
    """Add answers to the history and count them."""
    facts = [_fact(received.event) for received in events if received.event.question == RECOMMENDATION]
    if not facts:
        return
    await HistoryRepository(uow.connection).lock()
    await SatisfactionRepository(uow.connection).add(facts)


def _fact(event: ResponseRecorded) -> ResponseFact:
    return ResponseFact(
        response_id=text(event.response_id, "response_id"),
        customer_id=None if event.customer_id is None else text(event.customer_id, "customer_id"),
        question=event.question,
        score=score(event.score, "score"),
        channel=None if event.channel is None else text(event.channel, "channel"),
        has_comment=event.has_comment,
        answered_at=moment(event.answered_at, "answered_at"),
    )


async def read(connection: Connection, window: Window, channel: str | None, now: datetime) -> NpsAnswer:
    """Return the net promoter score of the window and of its months.

    Args:
        connection: to read from.
        window: of days.
        channel: only answers from there; all when None.
        now: the present moment.
    """
    as_of = horizon((await HistoryRepository(connection).state()).latest_response_at, now)
    rows = await SatisfactionRepository(connection).monthly_scores(window.since, window.until, channel)
    months = [(month, score_of(row[1:] for row in mine)) for month, mine in groupby(rows, key=itemgetter(0))]
    return NpsAnswer(
        definition=definition_out(DEFINITION.of(channel=channel)),
        window=window_out(window),
        zone=ZONE,
        as_of=as_of,
        computed_at=now,
        **_figures(score_of(row[1:] for row in rows)),
        months=[MonthScore(month=month, **_figures(of_month)) for month, of_month in months],
    )


def _figures(nps: NetPromoterScore) -> dict[str, Any]:
    interval = nps.interval
    return {
        "n": nps.n,
        "promoters": nps.promoters,
        "passives": nps.passives,
        "detractors": nps.detractors,
        "numerator": nps.promoters - nps.detractors,
        "denominator": nps.n,
        "score": nps.score,
        "interval": None if interval is None else IntervalOut(low=interval.low, high=interval.high),
    }

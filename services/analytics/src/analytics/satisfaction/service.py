"""Hears of answers and tells the net promoter score."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from analytics.history.repository import HistoryRepository
from analytics.history.rules import moment, score, text
from analytics.metrics.rules import Window, horizon
from analytics.satisfaction.repository import ResponseFact, SatisfactionRepository
from analytics.satisfaction.rules import distribution_of
from shared.contracts.feedback import ResponseRecorded
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received
from shared.figures.satisfaction import NpsAnswer, nps_answer

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
    months = [(month, distribution_of(row[1:] for row in mine)) for month, mine in groupby(rows, key=itemgetter(0))]
    return nps_answer(months, window, channel, as_of, now)

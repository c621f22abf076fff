"""Hears of answers and tells the net promoter score."""

from collections.abc import Sequence

from analytics.history.repository import HistoryRepository
from analytics.history.rules import moment, score, text
from analytics.satisfaction.repository import ResponseFact, SatisfactionRepository
from shared.contracts.feedback import ResponseRecorded
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received


async def on_responses_recorded(uow: UnitOfWork, events: Sequence[Received[ResponseRecorded]]) -> None:
    """Add answers to the history and count them."""
    facts = [_fact(received.event) for received in events]
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

"""Hears of members and their points, and tells what was issued, taken back and is outstanding."""

from collections.abc import Sequence
from datetime import datetime

from analytics.history.repository import HistoryRepository
from analytics.history.rules import moment, points, text
from analytics.metrics.rules import ZONE, Window, horizon
from analytics.points.repository import MemberFact, MovementFact, PointsRepository
from analytics.points.rules import DEFINITION
from analytics.points.schemas import PointsAnswer, PointsMonthOut
from shared.contracts.loyalty import MemberEnrolled, PointsAccrued, PointsReversed
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received
from shared.figures.schemas import definition_out, window_out

_WALLET = "points"


async def on_members_enrolled(uow: UnitOfWork, events: Sequence[Received[MemberEnrolled]]) -> None:
    """Add members to the history and count them."""
    facts = [
        MemberFact(text(received.event.customer_id, "customer_id"), moment(received.event.enrolled_at, "enrolled_at"))
        for received in events
    ]
    await HistoryRepository(uow.connection).lock()
    await PointsRepository(uow.connection).add_members(facts)


async def on_points_accrued(uow: UnitOfWork, events: Sequence[Received[PointsAccrued]]) -> None:
    """Add points that were earned."""
    await _add(uow, [_fact(received.event, sign=1) for received in events if _counts(received.event)])


async def on_points_reversed(uow: UnitOfWork, events: Sequence[Received[PointsReversed]]) -> None:
    """Add points that were taken back."""
    await _add(uow, [_fact(received.event, sign=-1) for received in events if _counts(received.event)])


async def _add(uow: UnitOfWork, facts: list[MovementFact]) -> None:
    if not facts:
        return
    await HistoryRepository(uow.connection).lock()
    await PointsRepository(uow.connection).add_movements(facts)


def _counts(event: PointsAccrued | PointsReversed) -> bool:
    """Return whether points are of the default programme and can be spent: those of others, and tier points, cannot be added to them."""
    return event.programme_id is None and event.wallet == _WALLET


def _fact(event: PointsAccrued | PointsReversed, *, sign: int) -> MovementFact:
    return MovementFact(
        entry_id=text(event.entry_id, "entry_id"),
        customer_id=text(event.customer_id, "customer_id"),
        points=sign * points(event.points, "points"),
        reason=event.reason,
        order_id=None if event.order_id is None else text(event.order_id, "order_id"),
        occurred_at=moment(event.occurred_at, "occurred_at"),
    )


async def read(connection: Connection, window: Window, now: datetime) -> PointsAnswer:
    """Return the points of the window and what is outstanding at its end.

    Args:
        connection: to read from.
        window: of days.
        now: the present moment.
    """
    as_of = horizon((await HistoryRepository(connection).state()).latest_movement_at, now)
    repository = PointsRepository(connection)
    months = await repository.months(window.since, window.until)
    outstanding, members = await repository.outstanding(window.until)
    return PointsAnswer(
        definition=definition_out(DEFINITION),
        window=window_out(window),
        zone=ZONE,
        as_of=as_of,
        computed_at=now,
        issued=sum(month.issued for month in months),
        reversed=sum(month.reversed for month in months),
        outstanding=outstanding,
        members=members,
        movements=sum(month.movements for month in months),
        months=[PointsMonthOut.model_validate(month) for month in months],
    )

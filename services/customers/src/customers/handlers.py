"""Every event that the service listens to."""

from collections.abc import Sequence

from customers.privacy.handlers import PRIVACY_HANDLERS
from customers.timeline import service as timeline
from shared.contracts.feedback import ResponseRecorded
from shared.contracts.loyalty import MemberEnrolled, PointsAccrued, PointsReversed
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received
from shared.messaging.handlers import HandlerTable


async def on_responses_recorded(uow: UnitOfWork, events: Sequence[Received[ResponseRecorded]]) -> None:
    """Answers appear on the timeline."""
    await timeline.hear_responses(uow.connection, [received.event for received in events])


async def on_members_enrolled(uow: UnitOfWork, events: Sequence[Received[MemberEnrolled]]) -> None:
    """New members appear on the timeline."""
    await timeline.hear_enrolments(uow.connection, [received.event for received in events])


async def on_points_moved(uow: UnitOfWork, events: Sequence[Received[PointsAccrued]] | Sequence[Received[PointsReversed]]) -> None:
    """Points earned and taken back appear on the timeline."""
    await timeline.hear_points(uow.connection, [received.event for received in events])


HANDLERS: HandlerTable = {
    **PRIVACY_HANDLERS,
    ResponseRecorded: on_responses_recorded,
    MemberEnrolled: on_members_enrolled,
    PointsAccrued: on_points_moved,
    PointsReversed: on_points_moved,
}

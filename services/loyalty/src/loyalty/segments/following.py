"""Following who enters segments and leaves them: rules see the segments of the moment at which something happened."""

from collections.abc import Sequence

from loyalty.ledger.errors import UnusableEvent
from loyalty.ledger.rules import check_id, check_moment
from loyalty.segments import repository
from loyalty.segments.repository import Stay
from shared.contracts.customers import SegmentMembershipChanged
from shared.database.unit_of_work import UnitOfWork


async def changed(uow: UnitOfWork, events: Sequence[SegmentMembershipChanged]) -> None:
    """Keep who entered a segment or left it.

    Raises:
        UnusableEvent: a stay has no name that a segment can have, or ends before it began.
    """
    await repository.keep(uow.connection, [_stay(event) for event in events])


def _stay(event: SegmentMembershipChanged) -> Stay:
    check_id("segment", event.segment)
    check_moment("entered_at", event.entered_at)
    check_moment("changed_at", event.changed_at)
    if not event.is_member and event.changed_at <= event.entered_at:
        raise UnusableEvent("changed_at")
    return Stay(event.customer_id, event.segment, event.entered_at, None if event.is_member else event.changed_at)

"""Following which customers may be one person, and which share a device, card or account."""

from collections.abc import Sequence

from loyalty.ledger.errors import UnusableEvent
from loyalty.ledger.rules import check_id
from loyalty.relations import repository
from loyalty.relations.repository import Told
from shared.contracts.customers import DuplicateSettled, DuplicateSuspected, IdentitySharingChanged
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received

_SCORES = range(101)
_MAX_KINDS = 20
_REJECTED = "rejected"


async def suspected(uow: UnitOfWork, events: Sequence[Received[DuplicateSuspected]]) -> None:
    """Keep who may be one person.

    Raises:
        UnusableEvent: a score is none, or both are one.
    """
    for event, _ in events:
        if event.score not in _SCORES:
            raise UnusableEvent("score")
    await _keep(uow, [Told(e.pair_id, e.customer_id, e.other_id, e.score, False, (), envelope.sequence) for e, envelope in events])


async def settled(uow: UnitOfWork, events: Sequence[Received[DuplicateSettled]]) -> None:
    """Keep of whom nobody suspects any more that they are one person, and who are said to be two.

    Raises:
        UnusableEvent: both are one.
    """
    told = [Told(e.pair_id, e.customer_id, e.other_id, None, e.outcome == _REJECTED, (), envelope.sequence) for e, envelope in events]
    await _keep(uow, told)


async def shared(uow: UnitOfWork, events: Sequence[Received[IdentitySharingChanged]]) -> None:
    """Keep what two customers share.

    Raises:
        UnusableEvent: a kind of identity has a name that none has, or both are one.
    """
    for event, _ in events:
        if len(event.kinds) > _MAX_KINDS or not all(kind.isidentifier() and kind.isascii() and len(kind) <= 40 for kind in event.kinds):
            raise UnusableEvent("kinds")
    told = [Told(e.sharing_id, e.customer_id, e.other_id, None, False, sorted(set(e.kinds)), envelope.sequence) for e, envelope in events]
    await _keep(uow, told)


async def _keep(uow: UnitOfWork, told: Sequence[Told]) -> None:
    for each in told:
        check_id("id", each.id)
        if each.customer_id == each.other_id:
            raise UnusableEvent("other_id")
    await repository.keep(uow.connection, told)

"""Setting points aside: placed, then captured or let go, or let go by time.

Nothing changes hands while points are held. What is held can be captured as long as the hold lives, also when its lot expires meanwhile;
what is let go after its lot has expired is lost at that moment.
"""

from collections.abc import Sequence
from datetime import datetime

from loyalty.abuse.guard import guard, guard_frozen
from loyalty.holds import repository
from loyalty.holds.errors import HoldClosed, HoldExceeded, HoldNotFound
from loyalty.holds.repository import HoldDraft, HoldRow, Placed, Released
from loyalty.ledger.errors import InsufficientPoints
from loyalty.ledger.events import event_of, programme_of
from loyalty.ledger.rules import POINTS
from loyalty.members.errors import MemberNotFound
from loyalty.programmes.the_programme import PROGRAMME_ID
from shared.contracts.loyalty import HoldReleased, PointsHeld
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.ids import new_id


async def place_many(
    uow: UnitOfWork, drafts: Sequence[HoldDraft], *, programme_id: str = PROGRAMME_ID, at: datetime | None = None
) -> list[Placed]:
    """Set points aside for many; each has its own outcome, in their order: held, insufficient, unknown or closed."""
    placed = await repository.place(uow.connection, programme_id, drafts, at) if drafts else []
    for draft, hold in zip(drafts, placed, strict=True):
        if hold.sequence is not None:
            event = PointsHeld(
                hold_id=hold.hold_id,
                customer_id=draft.customer_id,
                points=draft.points,
                occurred_at=hold.created_at,
                expires_at=hold.expires_at,
                wallet=draft.wallet,
                programme_id=programme_of(programme_id),
            )
            uow.publish(event, sequence=hold.sequence)
    return placed


async def request(
    uow: UnitOfWork,
    customer_id: str,
    points: int,
    *,
    seconds: int,
    caller: str,
    reference: str | None = None,
    wallet: str = POINTS,
    programme_id: str = PROGRAMME_ID,
) -> HoldRow:
    """Set points of a member aside for so many seconds, as a till asks for it.

    Raises:
        MemberFrozen: he, or one of his household, is frozen.
        VelocityExceeded: a limit on holds is reached.
        MemberNotFound: there is no such member, or his membership ended.
        InsufficientPoints: there are fewer; `spendable` tells how many.
    """
    await guard(uow, "hold", customer_id=customer_id, caller=caller, points=points)
    return await place(uow, customer_id, points, seconds=seconds, reference=reference, wallet=wallet, programme_id=programme_id)


async def place(
    uow: UnitOfWork,
    customer_id: str,
    points: int,
    *,
    seconds: int,
    reference: str | None = None,
    wallet: str = POINTS,
    programme_id: str = PROGRAMME_ID,
    at: datetime | None = None,
) -> HoldRow:
    """Set points of a member aside for so many seconds; whoever calls it has asked the guard.

    Raises:
        MemberNotFound: there is no such member, or his membership ended.
        InsufficientPoints: there are fewer; `spendable` tells how many.
    """
    draft = HoldDraft(new_id("hol"), customer_id, wallet, points, seconds, reference)
    [placed] = await place_many(uow, [draft], programme_id=programme_id, at=at)
    if placed.status == "insufficient":
        raise InsufficientPoints(spendable=placed.spendable)
    if placed.status != "held":
        raise MemberNotFound
    period = (placed.created_at, placed.expires_at)
    return HoldRow(placed.hold_id, programme_id, customer_id, wallet, points, 0, reference, *period, "open", None)


async def capture(uow: UnitOfWork, hold_id: str, points: int | None = None, *, at: datetime | None = None) -> HoldRow:
    """Spend points of a hold, all of them when None, and let the rest go.

    Raises:
        HoldNotFound: there is none.
        HoldClosed: it is not open any more.
        HoldExceeded: it holds fewer.
        MemberFrozen: he is frozen since.
    """
    await guard_frozen(uow, (await found(uow.connection, hold_id, at=at)).customer_id)
    return await _close(uow, hold_id, points, is_void=False, at=at)


async def void(uow: UnitOfWork, hold_id: str, *, at: datetime | None = None) -> HoldRow:
    """Let all points of a hold go.

    Raises:
        HoldNotFound: there is none.
        HoldClosed: it is not open any more.
    """
    return await _close(uow, hold_id, None, is_void=True, at=at)


async def found(connection: Connection, hold_id: str, *, at: datetime | None = None) -> HoldRow:
    """Return a hold as it stands.

    Raises:
        HoldNotFound: there is none.
    """
    hold = await repository.find(connection, hold_id, at)
    if hold is None:
        raise HoldNotFound
    return hold


async def note_timed_out(uow: UnitOfWork, many: int, *, at: datetime | None = None) -> int:
    """Note up to so many holds that have timed out, and tell of them; return how many there were."""
    released = await repository.note_timed_out(uow.connection, many, at)
    for hold, programme_id in released:
        _tell_of_release(uow, hold, programme_id, "timed_out")
    return len(released)


async def _close(uow: UnitOfWork, hold_id: str, points: int | None, *, is_void: bool, at: datetime | None) -> HoldRow:
    closed = await repository.close(uow.connection, hold_id, points, is_void=is_void, at=at)
    if closed.status == "unknown":
        raise HoldNotFound
    if closed.status == "exceeds":
        raise HoldExceeded(points=closed.points)
    if closed.status != "done":
        raise HoldClosed(state=closed.status)
    hold = await found(uow.connection, hold_id, at=at)
    for line in closed.lines:
        uow.publish(event_of(line, hold.programme_id), sequence=line.sequence)
    if closed.released is not None:
        _tell_of_release(uow, closed.released, hold.programme_id, "voided" if is_void else "captured")
    return hold


def _tell_of_release(uow: UnitOfWork, hold: Released, programme_id: str, reason: str) -> None:
    event = HoldReleased(
        hold_id=hold.hold_id,
        customer_id=hold.customer_id,
        points=hold.points,
        reason=reason,
        occurred_at=hold.occurred_at,
        wallet=hold.wallet,
        programme_id=programme_of(programme_id),
    )
    uow.publish(event, sequence=hold.sequence)

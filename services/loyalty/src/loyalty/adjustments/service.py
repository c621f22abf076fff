"""Points given or taken by hand: at once within the limit, by a second person beyond it."""

from datetime import datetime

from loyalty.abuse.guard import guard
from loyalty.adjustments import repository
from loyalty.adjustments.errors import AdjustmentDecided, AdjustmentNotFound, OwnAdjustment
from loyalty.adjustments.repository import AdjustmentRow
from loyalty.adjustments.schemas import AdjustmentRequest
from loyalty.ledger import service as ledger
from loyalty.ledger.errors import InsufficientPoints
from loyalty.ledger.posting import Note, note
from loyalty.ledger.rules import Draw, Grant
from loyalty.members import service as members
from loyalty.members.errors import MemberNotFound
from loyalty.programmes import service as programmes
from loyalty.tiers import booking as tiers
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.ids import new_id


async def request(uow: UnitOfWork, wanted: AdjustmentRequest, *, limit: int, caller: str) -> AdjustmentRow:
    """Post an adjustment within the limit, or keep a larger one until a second person decides.

    Raises:
        MemberNotFound: there is no such member.
        ProgrammeNotFound: there is no such programme.
        WalletNotFound: there is no such wallet.
        InsufficientPoints: more is to be taken than there is.
        VelocityExceeded: too much is given or taken by hand.
    """
    await members.admit(uow.connection, wanted.customer_id)
    await guard(uow, "adjustment", customer_id=wanted.customer_id, caller=caller, points=abs(wanted.points))
    programme_id = await programmes.require(uow.connection, wanted.programme_id)
    await programmes.require_wallet(uow.connection, wanted.wallet, programme_id)
    state = "posted" if abs(wanted.points) <= limit else "pending"
    adjustment = await repository.insert(
        uow.connection,
        new_id("adj"),
        programme_id,
        wanted.customer_id,
        wanted.wallet,
        wanted.points,
        wanted.reason,
        wanted.expires_at,
        state,
        caller,
    )
    if state == "posted":
        await _post(uow, adjustment, adjustment.requested_at)
    return adjustment


async def decide(uow: UnitOfWork, adjustment_id: str, *, approve: bool, caller: str) -> AdjustmentRow:
    """Approve an adjustment, which posts it, or reject it.

    Raises:
        AdjustmentNotFound: there is none.
        AdjustmentDecided: that was done before.
        OwnAdjustment: the caller asked for it himself.
        InsufficientPoints: more is to be taken than there is.
    """
    adjustment = await repository.find(uow.connection, adjustment_id, lock=True)
    if adjustment is None:
        raise AdjustmentNotFound
    if adjustment.state != "pending":
        raise AdjustmentDecided(state=adjustment.state)
    if adjustment.requested_by == caller:
        raise OwnAdjustment
    decided = await repository.decide(uow.connection, adjustment_id, "posted" if approve else "rejected", caller)
    if approve:
        await _post(uow, decided, decided.decided_at or decided.requested_at)
    return decided


async def found(connection: Connection, adjustment_id: str) -> AdjustmentRow:
    """Return an adjustment.

    Raises:
        AdjustmentNotFound: there is none.
    """
    adjustment = await repository.find(connection, adjustment_id)
    if adjustment is None:
        raise AdjustmentNotFound
    return adjustment


async def _post(uow: UnitOfWork, adjustment: AdjustmentRow, moment: datetime) -> None:
    facts = {"kind": "adjustment", "wallet": adjustment.wallet, "counter": "adjustment", "occurred_at": moment}
    explanation = {"requested_by": adjustment.requested_by, "decided_by": adjustment.decided_by}
    if adjustment.points > 0:
        granted = Grant(
            adjustment.customer_id, adjustment.points, adjustment.id, expires_at=adjustment.expires_at, explanation=explanation, **facts
        )
        [outcome] = await ledger.grant(uow, [granted], programme_id=adjustment.programme_id)
    else:
        drawn = Draw(adjustment.customer_id, -adjustment.points, adjustment.id, explanation=explanation, **facts)
        [outcome] = await ledger.draw(uow, [drawn], programme_id=adjustment.programme_id)
    if outcome.status == "insufficient":
        raise InsufficientPoints(spendable=outcome.spendable)
    if outcome.status != "posted":
        raise MemberNotFound
    by = adjustment.decided_by or adjustment.requested_by
    await note(uow.connection, [Note(line.entry_id, adjustment.reason, None, by) for line in outcome.lines])
    await tiers.refresh(uow, [adjustment.customer_id])

"""The events that tell of entries."""

from collections.abc import Sequence
from typing import Any

from loyalty.ledger.posting import Line, programmes_of
from loyalty.ledger.repository import Posted
from loyalty.ledger.rules import POINTS
from loyalty.programmes.the_programme import PROGRAMME_ID
from shared.contracts.base import Event
from shared.contracts.loyalty import (
    PointsAccrued,
    PointsAdjusted,
    PointsExpired,
    PointsRedeemed,
    PointsRestored,
    PointsReversed,
    PointsTransferred,
)
from shared.database.unit_of_work import UnitOfWork

# So begins the source of an entry that takes back the expiry which it names.
UNDONE = "undo_ent_"


def programme_of(programme_id: str) -> str | None:
    """Return a programme as events name it: the default one by nothing."""
    return programme_id if programme_id != PROGRAMME_ID else None


async def tell(uow: UnitOfWork, lines: Sequence[Line]) -> None:
    """Tell of entries of any programmes."""
    programmes = await programmes_of(uow.connection, [line.entry_id for line in lines]) if lines else {}
    for line in lines:
        uow.publish(event_of(line, programmes[line.entry_id]), sequence=line.sequence)


def event_of_order(entry: Posted, wallet: str = POINTS, programme_id: str = PROGRAMME_ID) -> Event:
    """Return the event that tells of an entry that an order, its return or its cancellation made, or that its time put off."""
    facts: dict[str, Any] = {
        "entry_id": entry.entry_id,
        "customer_id": entry.customer_id,
        "points": entry.points,
        "occurred_at": entry.occurred_at,
    }
    if wallet != POINTS:
        facts["wallet"] = wallet
    if programme_id != PROGRAMME_ID:
        facts["programme_id"] = programme_id
    match entry.kind:
        case "accrual":
            return PointsAccrued(reason="order", order_id=entry.order_id, **facts)
        case "reversal":
            return PointsReversed(reason="return", order_id=entry.order_id, **facts)
        case "reinstatement":
            return PointsRestored(reason="return" if entry.order_id else "activity", order_id=entry.order_id, **facts)
        case "expiry":
            return PointsExpired(**facts)


def event_of(line: Line, programme_id: str = PROGRAMME_ID) -> Event:
    """Return the event that tells of any other entry."""
    facts: dict[str, Any] = {
        "entry_id": line.entry_id,
        "customer_id": line.customer_id,
        "points": abs(line.points),
        "occurred_at": line.occurred_at,
        "wallet": line.wallet,
        "programme_id": programme_of(programme_id),
    }
    signed: dict[str, Any] = {**facts, "points": line.points}
    match line.kind:
        case "accrual":
            reason = "order" if line.order_id is not None else "rule"
            return PointsAccrued(reason=reason, order_id=line.order_id, rule_version=line.rule_version, **facts)
        case "redemption":
            return PointsRedeemed(source_id=line.source_id, **facts)
        case "reversal":
            return PointsReversed(reason="cancellation", order_id=line.order_id, **facts)
        case "restoration":
            return PointsRestored(reason="cancellation", **facts)
        case "reinstatement":
            return PointsRestored(reason="activity" if line.source_id.startswith(UNDONE) else "membership_ended", **facts)
        case "expiry":
            return PointsExpired(**facts)
        case "forfeiture":
            return PointsExpired(reason="forfeited", **facts)
        case "adjustment":
            return PointsAdjusted(adjustment_id=line.source_id, **signed)
        case "transfer_in" | "transfer_out":
            return PointsTransferred(transfer_id=line.source_id, **signed)
    raise ValueError(f"nothing tells of {line.kind}")

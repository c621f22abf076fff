from typing import Annotated

from fastapi import Path, Response

from loyalty.abuse.errors import VelocityExceeded
from loyalty.adjustments import service
from loyalty.adjustments.errors import AdjustmentDecided, AdjustmentNotFound, OwnAdjustment
from loyalty.adjustments.schemas import Adjustment, AdjustmentRequest
from loyalty.dependencies import ManagesLoyalty, Settings
from loyalty.ledger.errors import InsufficientPoints, WalletNotFound
from loyalty.members.errors import MemberNotFound
from loyalty.programmes.errors import ProgrammeNotFound
from shared.http import APIRouter, Reads, Uow, problems

router = APIRouter(prefix="/v1/adjustments", tags=["adjustments"])

AdjustmentId = Annotated[str, Path(description="The adjustment.", max_length=200, examples=["adj_01jd3z0k7cz9v8w6t5s4r3q2p1"])]
_DECIDING = problems(AdjustmentNotFound, AdjustmentDecided, OwnAdjustment, InsufficientPoints)


@router.post(
    "",
    operation_id="adjustments_create",
    summary="Give or take points by hand",
    status_code=201,
    responses=problems(MemberNotFound, ProgrammeNotFound, WalletNotFound, InsufficientPoints, VelocityExceeded),
)
async def create(wanted: AdjustmentRequest, response: Response, uow: Uow, caller: ManagesLoyalty, settings: Settings) -> Adjustment:
    """Give or take points by hand: at once within the limit, else as soon as somebody else approves it."""
    adjustment = await service.request(uow, wanted, limit=settings.adjustment_limit, caller=caller.principal)
    response.headers["location"] = f"/v1/adjustments/{adjustment.id}"
    return Adjustment.model_validate(adjustment)


@router.get("/{adjustment_id}", operation_id="adjustments_get", summary="Read an adjustment", responses=problems(AdjustmentNotFound))
async def get(adjustment_id: AdjustmentId, connection: Reads, _caller: ManagesLoyalty) -> Adjustment:
    """Read an adjustment and who decided it."""
    return Adjustment.model_validate(await service.found(connection, adjustment_id))


@router.post("/{adjustment_id}/approve", operation_id="adjustments_approve", summary="Approve an adjustment", responses=_DECIDING)
async def approve(adjustment_id: AdjustmentId, uow: Uow, caller: ManagesLoyalty) -> Adjustment:
    """Approve and post an adjustment that somebody else asked for."""
    return Adjustment.model_validate(await service.decide(uow, adjustment_id, approve=True, caller=caller.principal))


@router.post("/{adjustment_id}/reject", operation_id="adjustments_reject", summary="Reject an adjustment", responses=_DECIDING)
async def reject(adjustment_id: AdjustmentId, uow: Uow, caller: ManagesLoyalty) -> Adjustment:
    """Reject an adjustment that somebody else asked for."""
    return Adjustment.model_validate(await service.decide(uow, adjustment_id, approve=False, caller=caller.principal))

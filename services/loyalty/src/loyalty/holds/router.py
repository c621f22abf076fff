from typing import Annotated

from fastapi import Path, Response

from loyalty.abuse.errors import MemberFrozen, VelocityExceeded
from loyalty.dependencies import ReadsLoyalty, WritesLoyalty
from loyalty.holds import service
from loyalty.holds.errors import HoldClosed, HoldExceeded, HoldNotFound
from loyalty.holds.schemas import CaptureRequest, Hold, HoldRequest
from loyalty.ledger.errors import InsufficientPoints
from loyalty.members.errors import MemberNotFound
from loyalty.programmes.errors import ProgrammeNotFound
from loyalty.programmes.service import require
from shared.http import APIRouter, Reads, Uow, problems

router = APIRouter(prefix="/v1/holds", tags=["holds"])

HoldId = Annotated[str, Path(description="The hold.", max_length=200, examples=["hol_01jd3z0k7cz9v8w6t5s4r3q2p1"])]


@router.post(
    "",
    operation_id="holds_create",
    summary="Set points aside",
    status_code=201,
    responses=problems(MemberNotFound, ProgrammeNotFound, InsufficientPoints, MemberFrozen, VelocityExceeded),
)
async def create(wanted: HoldRequest, response: Response, uow: Uow, caller: WritesLoyalty) -> Hold:
    """Set points of a member aside until they are captured, voided, or the time is over; nobody else can spend them meanwhile."""
    hold = await service.request(
        uow,
        wanted.customer_id,
        wanted.points,
        seconds=wanted.expires_in_seconds,
        reference=wanted.reference,
        wallet=wanted.wallet,
        programme_id=await require(uow.connection, wanted.programme_id),
        caller=caller.principal,
    )
    response.headers["location"] = f"/v1/holds/{hold.id}"
    return Hold.model_validate(hold)


@router.get("/{hold_id}", operation_id="holds_get", summary="Read a hold", responses=problems(HoldNotFound))
async def get(hold_id: HoldId, connection: Reads, _caller: ReadsLoyalty) -> Hold:
    """Read a hold as it stands at this moment."""
    return Hold.model_validate(await service.found(connection, hold_id))


@router.post(
    "/{hold_id}/capture",
    operation_id="holds_capture",
    summary="Spend what is held",
    responses=problems(HoldNotFound, HoldClosed, HoldExceeded, MemberFrozen),
)
async def capture(hold_id: HoldId, uow: Uow, _caller: WritesLoyalty, wanted: CaptureRequest | None = None) -> Hold:
    """Spend the points of a hold, or a part of them and let the rest go."""
    return Hold.model_validate(await service.capture(uow, hold_id, wanted.points if wanted is not None else None))


@router.post("/{hold_id}/void", operation_id="holds_void", summary="Let go what is held", responses=problems(HoldNotFound, HoldClosed))
async def void(hold_id: HoldId, uow: Uow, _caller: WritesLoyalty) -> Hold:
    """Let all points of a hold go."""
    return Hold.model_validate(await service.void(uow, hold_id))

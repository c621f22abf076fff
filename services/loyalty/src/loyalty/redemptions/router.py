"""Routes of redemptions."""

from datetime import datetime
from typing import Annotated

from fastapi import Query, Response

from loyalty.abuse.errors import MemberFrozen, VelocityExceeded
from loyalty.dependencies import ReadsMember, WritesLoyalty, WritesMember
from loyalty.fields import CustomerIdPath
from loyalty.ledger.errors import InsufficientPoints
from loyalty.members.errors import MemberNotFound
from loyalty.redemptions import service
from loyalty.redemptions.errors import OptionUnknown, RedemptionClosed, RedemptionNotFound, RedemptionVoucherUsed
from loyalty.redemptions.schemas import CancelRequest, MemberRedemptionRequest, Redemption, RedemptionIdPath, RedemptionRequest, Status
from loyalty.rewards.errors import RewardNotFound, RewardRefused
from shared.database.moments import LAST_MOMENT
from shared.http import APIRouter, Caller, Page, PageQuery, Reads, Uow, problems
from shared.http.etags import set_etag

router = APIRouter(prefix="/v1", tags=["redemptions"])

_REDEEMING = problems(
    MemberNotFound, MemberFrozen, VelocityExceeded, RewardNotFound, OptionUnknown, InsufficientPoints, *RewardRefused.REASONS.values()
)
_Of = Annotated[
    str | None,
    Query(max_length=200, description="Whose; a member's token must name its own.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"]),
]


@router.post("/redemptions", operation_id="redemptions_create", status_code=201, responses=_REDEEMING)
async def create(wanted: RedemptionRequest, response: Response, uow: Uow, caller: WritesLoyalty) -> Redemption:
    """Take a reward for a member: goods hold the points until they are handed over, codes are given at once."""
    return await _redeem(uow, wanted.customer_id, wanted, caller, response)


@router.post("/members/{customer_id}/redemptions", operation_id="members_redeem", status_code=201, responses=_REDEEMING)
async def create_own(
    customer_id: CustomerIdPath, wanted: MemberRedemptionRequest, response: Response, uow: Uow, caller: WritesMember
) -> Redemption:
    """Take a reward, as a member for himself."""
    return await _redeem(uow, customer_id, wanted, caller, response)


@router.get("/redemptions", operation_id="redemptions_list")
async def list_redemptions(
    page: PageQuery,
    connection: Reads,
    _: ReadsMember,
    customer_id: _Of = None,
    status: Annotated[Status | None, Query(description="Only those that stand so at this moment.")] = None,
) -> Page[Redemption]:
    """List redemptions, newest first: all, of a member, of a status, or both."""
    after = page.key(datetime, str) or (LAST_MOMENT, "")
    rows = await service.listed(connection, page.fetch, after, customer_id=customer_id, status=status)
    return page.page(rows, key=lambda row: (row["created_at"], row["id"]), item=lambda row: Redemption.model_validate(dict(row)))


@router.get("/redemptions/{redemption_id}", operation_id="redemptions_get", responses=problems(RedemptionNotFound))
async def get(
    redemption_id: RedemptionIdPath, response: Response, connection: Reads, _: ReadsMember, customer_id: _Of = None
) -> Redemption:
    """Return a redemption as it stands at this moment."""
    row = await service.found_of(connection, redemption_id, customer_id)
    set_etag(response, row["version"], row["status"])
    return Redemption.model_validate(dict(row))


@router.post(
    "/redemptions/{redemption_id}/fulfil",
    operation_id="redemptions_fulfil",
    responses=problems(RedemptionNotFound, RedemptionClosed, MemberFrozen),
)
async def fulfil(redemption_id: RedemptionIdPath, uow: Uow, _: WritesLoyalty) -> Redemption:
    """Hand a reward over: the points that were held are spent; twice changes nothing more."""
    return Redemption.model_validate(dict(await service.fulfil(uow, redemption_id)))


@router.post(
    "/redemptions/{redemption_id}/cancel",
    operation_id="redemptions_cancel",
    responses=problems(RedemptionNotFound, RedemptionClosed, RedemptionVoucherUsed, MemberNotFound),
)
async def cancel(redemption_id: RedemptionIdPath, uow: Uow, _: WritesLoyalty, wanted: CancelRequest | None = None) -> Redemption:
    """End a redemption: points come back with their expiry, pieces into stock, codes are void; twice changes nothing more."""
    return Redemption.model_validate(dict(await service.cancel(uow, redemption_id, wanted.reason if wanted is not None else None)))


async def _redeem(uow: Uow, customer_id: str, wanted: MemberRedemptionRequest, caller: Caller, response: Response) -> Redemption:
    row = await service.redeem(uow, customer_id, wanted, caller=caller.principal)
    response.headers["location"] = f"/v1/redemptions/{row['id']}"
    return Redemption.model_validate(dict(row))

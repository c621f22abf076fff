"""Routes of limits, freezes and reviews."""

from datetime import UTC, datetime

from fastapi import Response

from loyalty.abuse import deciding, freezing, limiting, repository, reviewing
from loyalty.abuse.errors import (
    MemberAlreadyFrozen,
    MemberNotFrozen,
    ReviewDecided,
    ReviewNotFound,
    VelocityLimitInvalid,
    VelocityLimitNotFound,
)
from loyalty.abuse.schemas import (
    CustomerQuery,
    Freeze,
    FreezeRequest,
    KindQuery,
    LimitIdPath,
    Review,
    ReviewDecision,
    ReviewIdPath,
    StateQuery,
    UnfreezeRequest,
    VelocityLimit,
    VelocityLimitDraft,
    VelocityLimitPatch,
)
from loyalty.dependencies import ManagesLoyalty
from loyalty.fields import CustomerIdPath
from loyalty.members.errors import MemberNotFound
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, Page, PageQuery, Reads, Uow, problems
from shared.http.etags import IfMatch, set_etag
from shared.http.merge_patch import changes

router = APIRouter(prefix="/v1", tags=["abuse"])

_FIRST = (datetime(1970, 1, 1, tzinfo=UTC), "")
_DECIDING = problems(ReviewNotFound, ReviewDecided)


@router.post("/velocity-limits", operation_id="velocity_limits_create", status_code=201, responses=problems(VelocityLimitInvalid))
async def add_limit(draft: VelocityLimitDraft, response: Response, uow: Uow, _: ManagesLoyalty) -> VelocityLimit:
    """Limit how often or how much; it counts what is done from now on."""
    row = await limiting.add(uow, draft)
    set_etag(response, row["version"])
    response.headers["location"] = f"/v1/velocity-limits/{row['id']}"
    return VelocityLimit.model_validate(dict(row))


@router.get("/velocity-limits", operation_id="velocity_limits_list")
async def list_limits(page: PageQuery, connection: Reads, _: ManagesLoyalty) -> Page[VelocityLimit]:
    """List limits, oldest first."""
    rows = await repository.limits(connection, page.fetch, page.key(datetime, str) or _FIRST)
    return page.page(rows, key=lambda row: (row["created_at"], row["id"]), item=lambda row: VelocityLimit.model_validate(dict(row)))


@router.get("/velocity-limits/{limit_id}", operation_id="velocity_limits_get", responses=problems(VelocityLimitNotFound))
async def get_limit(limit_id: LimitIdPath, response: Response, connection: Reads, _: ManagesLoyalty) -> VelocityLimit:
    """Return a limit."""
    row = await limiting.found(connection, limit_id)
    set_etag(response, row["version"])
    return VelocityLimit.model_validate(dict(row))


@router.patch(
    "/velocity-limits/{limit_id}",
    operation_id="velocity_limits_update",
    responses=problems(VelocityLimitNotFound, VelocityLimitInvalid, PreconditionFailed, PreconditionRequired),
)
async def change_limit(
    limit_id: LimitIdPath, patch: VelocityLimitPatch, match: IfMatch, response: Response, uow: Uow, _: ManagesLoyalty
) -> VelocityLimit:
    """Change a limit, or let it rest."""
    row = await limiting.change(uow, limit_id, changes(patch), match)
    set_etag(response, row["version"])
    return VelocityLimit.model_validate(dict(row))


@router.post("/members/{customer_id}/freeze", operation_id="members_freeze", responses=problems(MemberNotFound, MemberAlreadyFrozen))
async def freeze(customer_id: CustomerIdPath, wanted: FreezeRequest, uow: Uow, caller: ManagesLoyalty) -> Freeze:
    """Freeze a member: he, his family and his household spend nothing until he is unfrozen."""
    row = await freezing.freeze(uow, customer_id, earning=wanted.earning, reason=wanted.reason, caller=caller.principal)
    return Freeze.model_validate(dict(row))


@router.post("/members/{customer_id}/unfreeze", operation_id="members_unfreeze", responses=problems(MemberNotFound, MemberNotFrozen))
async def unfreeze(customer_id: CustomerIdPath, wanted: UnfreezeRequest, uow: Uow, caller: ManagesLoyalty) -> Freeze:
    """Let a member spend again; what he earned meanwhile, if that waits, stays with its review."""
    return Freeze.model_validate(dict(await freezing.unfreeze(uow, customer_id, reason=wanted.reason, caller=caller.principal)))


@router.get("/members/{customer_id}/freezes", operation_id="members_list_freezes", responses=problems(MemberNotFound))
async def list_freezes(customer_id: CustomerIdPath, page: PageQuery, connection: Reads, _: ManagesLoyalty) -> Page[Freeze]:
    """List when a member was frozen, newest first."""
    rows = await freezing.freezes_of(connection, customer_id, page.fetch, page.key(datetime, str))
    return page.page(rows, key=lambda row: (row["frozen_at"], row["id"]), item=lambda row: Freeze.model_validate(dict(row)))


@router.get("/reviews", operation_id="reviews_list")
async def list_reviews(
    page: PageQuery,
    connection: Reads,
    _: ManagesLoyalty,
    state: StateQuery = None,
    kind: KindQuery = None,
    customer_id: CustomerQuery = None,
) -> Page[Review]:
    """List what waits or waited for a person, oldest first."""
    filters = {name: value for name, value in (("customer_id", customer_id), ("state", state), ("kind", kind)) if value is not None}
    rows = await repository.reviews(connection, page.fetch, page.key(datetime, str) or _FIRST, filters)
    return page.page(rows, key=lambda row: (row["opened_at"], row["id"]), item=lambda row: Review.model_validate(dict(row)))


@router.get("/reviews/{review_id}", operation_id="reviews_get", responses=problems(ReviewNotFound))
async def get_review(review_id: ReviewIdPath, response: Response, connection: Reads, _: ManagesLoyalty) -> Review:
    """Return what waits, why, and who decided."""
    row = await reviewing.found(connection, review_id)
    set_etag(response, row["version"])
    return Review.model_validate(dict(row))


@router.post("/reviews/{review_id}/approve", operation_id="reviews_approve", responses=_DECIDING)
async def approve(review_id: ReviewIdPath, decision: ReviewDecision, uow: Uow, caller: ManagesLoyalty) -> Review:
    """Approve: what waits is posted now, once."""
    row = await deciding.decide(uow, review_id, approve=True, caller=caller.principal, reason=decision.reason)
    return Review.model_validate(dict(row))


@router.post("/reviews/{review_id}/reject", operation_id="reviews_reject", responses=_DECIDING)
async def reject(review_id: ReviewIdPath, decision: ReviewDecision, uow: Uow, caller: ManagesLoyalty) -> Review:
    """Reject: what waits is never posted."""
    row = await deciding.decide(uow, review_id, approve=False, caller=caller.principal, reason=decision.reason)
    return Review.model_validate(dict(row))

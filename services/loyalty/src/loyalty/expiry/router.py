from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Query

from loyalty.dependencies import ClockDep, ManagesLoyalty, ReadsLoyalty, ReadsMember
from loyalty.expiry import service
from loyalty.expiry.errors import PeriodInvalid, PolicyExists, PolicyTooLate, TermInvalid, TierUnknown
from loyalty.expiry.schemas import (
    Expiration,
    ExpiringDay,
    ExpiringDays,
    ExpiryPolicies,
    ExpiryPolicy,
    ExpiryPolicyInput,
)
from loyalty.fields import CustomerIdPath, ProgrammeQuery
from loyalty.members.errors import MemberNotFound
from loyalty.programmes.errors import ProgrammeNotFound
from loyalty.programmes.router import ProgrammeIdPath
from shared.http import APIRouter, Page, PageQuery, Reads, Uow, problems
from shared.http.schemas import MomentInput

router = APIRouter(tags=["expiry"])

From = Annotated[MomentInput | None, Query(alias="from", description="From then on; the present when absent or earlier.")]
Until = Annotated[MomentInput | None, Query(description="Until before then; 90 days later when absent.")]
By = Annotated[Literal["day", "month"], Query(description="A row a day or a month.")]


@router.get(
    "/v1/programmes/{programme_id}/expiry",
    operation_id="expiry_policies_get",
    summary="Read when points end",
    responses=problems(ProgrammeNotFound),
)
async def get(programme_id: ProgrammeIdPath, connection: Reads, _caller: ReadsLoyalty, clock: ClockDep) -> ExpiryPolicies:
    """Read by which policy points end that are earned now, and all policies before and to come."""
    current, rows = await service.policies(connection, programme_id, clock.now())
    return ExpiryPolicies(
        current=ExpiryPolicy.model_validate(current) if current else None, versions=[ExpiryPolicy.model_validate(row) for row in rows]
    )


@router.put(
    "/v1/programmes/{programme_id}/expiry",
    operation_id="expiry_policies_set",
    summary="Change when points end",
    responses=problems(ProgrammeNotFound, TermInvalid, TierUnknown, PolicyExists, PolicyTooLate),
)
async def put(programme_id: ProgrammeIdPath, wanted: ExpiryPolicyInput, uow: Uow, _caller: ManagesLoyalty, clock: ClockDep) -> ExpiryPolicy:
    """Let points that are earned from a moment on end by another policy; those that are there keep theirs."""
    return ExpiryPolicy.model_validate(await service.add_policy(uow, programme_id, wanted, clock.now()))


@router.get(
    "/v1/members/{customer_id}/expirations",
    operation_id="expirations_of_member",
    summary="Read what of a member expires when",
    responses=problems(MemberNotFound, ProgrammeNotFound),
)
async def of_member(
    customer_id: CustomerIdPath, page: PageQuery, connection: Reads, _caller: ReadsMember, programme_id: ProgrammeQuery = None
) -> Page[Expiration]:
    """Read what of a member's points expires when, soonest first, unless he spends them or is active before."""
    after = page.key(datetime, str)
    rows = await service.of_member(connection, customer_id, programme_id, many=page.fetch, after=after)
    return page.page(rows, key=lambda row: (row.expires_at.astimezone(UTC), row.wallet), item=Expiration.model_validate)


@router.get(
    "/v1/expirations",
    operation_id="expirations_list",
    summary="Forecast what expires when",
    responses=problems(PeriodInvalid, ProgrammeNotFound),
)
async def of_programme(
    connection: Reads,
    _caller: ReadsLoyalty,
    clock: ClockDep,
    since: From = None,
    until: Until = None,
    by: By = "day",
    programme_id: ProgrammeQuery = None,
) -> ExpiringDays:
    """Forecast what of all members' points expires when, as things are now; what nobody spends and no activity puts off."""
    rows = await service.of_programme(connection, programme_id, since, until, clock.now(), by)
    return ExpiringDays(data=[ExpiringDay.model_validate(row) for row in rows])

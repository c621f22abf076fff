from typing import Annotated

from fastapi import Path, Response

from loyalty.dependencies import ReadsLoyalty, WritesLoyalty
from loyalty.fields import CustomerIdPath
from loyalty.households import service
from loyalty.households.errors import AlreadyInHousehold, HouseholdFull, HouseholdNotFound
from loyalty.households.schemas import Household, HouseholdRequest, JoinRequest
from loyalty.members.errors import MemberNotFound
from shared.http import APIRouter, Reads, Uow, problems

router = APIRouter(prefix="/v1/households", tags=["households"])

HouseholdId = Annotated[str, Path(description="The household.", max_length=200, examples=["hhd_01jd3z0k7cz9v8w6t5s4r3q2p1"])]


@router.post(
    "",
    operation_id="households_create",
    summary="Make a household",
    status_code=201,
    responses=problems(MemberNotFound, AlreadyInHousehold),
)
async def create(wanted: HouseholdRequest, response: Response, uow: Uow, _caller: WritesLoyalty) -> Household:
    """Let members spend together: whoever spends draws from the points of all, first what expires first."""
    household = await service.create(uow, wanted.customer_ids)
    response.headers["location"] = f"/v1/households/{household.id}"
    return Household.model_validate(household)


@router.get("/{household_id}", operation_id="households_get", summary="Read a household", responses=problems(HouseholdNotFound))
async def get(household_id: HouseholdId, connection: Reads, _caller: ReadsLoyalty) -> Household:
    """Read who is in a household."""
    return Household.model_validate(await service.found(connection, household_id))


@router.post(
    "/{household_id}/members",
    operation_id="households_join",
    summary="Join a household",
    responses=problems(HouseholdNotFound, MemberNotFound, AlreadyInHousehold, HouseholdFull),
)
async def join(household_id: HouseholdId, wanted: JoinRequest, uow: Uow, _caller: WritesLoyalty) -> Household:
    """Let a member join a household."""
    return Household.model_validate(await service.join(uow, household_id, wanted.customer_id))


@router.delete(
    "/{household_id}/members/{customer_id}",
    operation_id="households_leave",
    summary="Leave a household",
    responses=problems(HouseholdNotFound),
)
async def leave(household_id: HouseholdId, customer_id: CustomerIdPath, uow: Uow, _caller: WritesLoyalty) -> Household:
    """Let a member leave; what is in his wallet stays his."""
    return Household.model_validate(await service.leave(uow, household_id, customer_id))

from typing import Annotated

from fastapi import Request

from loyalty.dependencies import ReadsMember
from loyalty.fields import CustomerIdPath
from loyalty.members.errors import MemberNotFound
from loyalty.participations import service
from loyalty.participations.schemas import Participation
from loyalty.programmes.errors import DefaultProgramme, ProgrammeNotFound
from loyalty.programmes.router import ProgrammeIdPath
from shared.http import APIRouter, Caller, Reads, Uow, problems, requires, state_of

router = APIRouter(prefix="/v1/members", tags=["members"])

Takes = Annotated[Caller, requires("loyalty:write", own="customer_id")]


@router.get(
    "/{customer_id}/programmes",
    operation_id="participations_list",
    summary="List a member's programmes",
    responses=problems(MemberNotFound),
)
async def list_participations(customer_id: CustomerIdPath, connection: Reads, _caller: ReadsMember) -> list[Participation]:
    """List every programme that was published, with what the member has in it; there are never many."""
    return [Participation.model_validate(row) for row in await service.participations(connection, customer_id)]


@router.put(
    "/{customer_id}/programmes/{programme_id}",
    operation_id="participations_join",
    summary="Take part in a programme",
    status_code=204,
    responses=problems(MemberNotFound, ProgrammeNotFound),
)
async def join(customer_id: CustomerIdPath, programme_id: ProgrammeIdPath, request: Request, uow: Uow, _caller: Takes) -> None:
    """Take part again in a programme that was left; everybody takes part who has not left."""
    await service.join(uow, customer_id, programme_id, state_of(request).clock.now())


@router.delete(
    "/{customer_id}/programmes/{programme_id}",
    operation_id="participations_leave",
    summary="Leave a programme",
    status_code=204,
    responses=problems(MemberNotFound, ProgrammeNotFound, DefaultProgramme),
)
async def leave(customer_id: CustomerIdPath, programme_id: ProgrammeIdPath, request: Request, uow: Uow, _caller: Takes) -> None:
    """Earn nothing more in a programme; what is there stays, and can be spent."""
    await service.leave(uow, customer_id, programme_id, state_of(request).clock.now())

from typing import Annotated

from fastapi import Query, Request

from loyalty.dependencies import ReadsMember
from loyalty.discounts import service
from loyalty.discounts.errors import NoDiscountScale
from loyalty.discounts.schemas import MemberDiscount
from loyalty.fields import CustomerIdPath, ProgrammeQuery
from loyalty.members.errors import MemberNotFound
from loyalty.programmes.errors import ProgrammeNotFound
from shared.http import APIRouter, Reads, problems, state_of
from shared.http.schemas import MomentInput

router = APIRouter(prefix="/v1/members", tags=["members"])


@router.get(
    "/{customer_id}/discount",
    operation_id="members_discount",
    summary="Read a member's accumulating discount",
    responses=problems(MemberNotFound, ProgrammeNotFound, NoDiscountScale),
)
async def discount(
    customer_id: CustomerIdPath,
    request: Request,
    connection: Reads,
    _caller: ReadsMember,
    as_of: Annotated[MomentInput | None, Query(description="The instant to look at, the present when absent.")] = None,
    programme_id: ProgrammeQuery = None,
) -> MemberDiscount:
    """Read which percentage a member gets for what he has bought, and how far it is to the next step."""
    return await service.member_discount(connection, customer_id, as_of or state_of(request).clock.now(), programme_id)

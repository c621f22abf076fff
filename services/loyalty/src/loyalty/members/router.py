from fastapi import Response

from loyalty.dependencies import ReadsLoyalty, ReadsMember
from loyalty.members import repository, service
from loyalty.members.errors import MemberNotFound
from loyalty.members.schemas import CustomerIdPath, Member
from shared.http import APIRouter, Page, PageQuery, Reads, problems
from shared.http.etags import set_etag

router = APIRouter(prefix="/v1/members", tags=["members"])


@router.get("", operation_id="members_list", summary="List members")
async def list_members(page: PageQuery, connection: Reads, _caller: ReadsLoyalty) -> Page[Member]:
    """List the members with their points, by customer id."""
    rows = await repository.page(connection, page.fetch, page.key(str))
    return page.page(rows, key=lambda row: (row.customer_id,), item=Member.model_validate)


@router.get("/{customer_id}", operation_id="members_get", summary="Read a member", responses=problems(MemberNotFound))
async def get_member(customer_id: CustomerIdPath, connection: Reads, _caller: ReadsMember, response: Response) -> Member:
    """Read a member's balance and lifetime points; the ETag changes with each of his entries."""
    member = await service.member(connection, customer_id)
    # A member of whom nothing was told yet is at version 0, and tags begin with 1.
    set_etag(response, member.version + 1)
    return Member.model_validate(member)

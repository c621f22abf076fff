from datetime import datetime

from loyalty.dependencies import ReadsMember
from loyalty.ledger import repository
from loyalty.ledger.schemas import Entry
from loyalty.members import service as members
from loyalty.members.errors import MemberNotFound
from loyalty.members.schemas import CustomerIdPath
from shared.http import APIRouter, Page, PageQuery, Reads, problems

router = APIRouter(prefix="/v1/members/{customer_id}/entries", tags=["members"])


@router.get("", operation_id="entries_list", summary="List a member's entries", responses=problems(MemberNotFound))
async def list_entries(customer_id: CustomerIdPath, page: PageQuery, connection: Reads, _caller: ReadsMember) -> Page[Entry]:
    """List every movement of a member's points, newest first."""
    after = page.key(datetime, str)
    await members.require(connection, customer_id)
    rows = await repository.page_of_entries(connection, customer_id, page.fetch, after)
    return page.page(rows, key=lambda row: (row.occurred_at, row.id), item=Entry.model_validate)

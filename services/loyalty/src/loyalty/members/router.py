from dataclasses import replace
from typing import Annotated

from fastapi import Query, Response

from loyalty.dependencies import ReadsLoyalty, ReadsMember
from loyalty.fields import CustomerIdPath, ProgrammeQuery
from loyalty.members import repository, service
from loyalty.members.errors import MemberNotFound
from loyalty.members.rules import MemberState, tag_of
from loyalty.members.schemas import Member, MemberDetail, Wallet
from loyalty.programmes.errors import ProgrammeNotFound
from loyalty.programmes.service import require
from loyalty.tiers import service as tiers
from shared.http import APIRouter, Page, PageQuery, Reads, problems
from shared.http.schemas import MomentInput

router = APIRouter(prefix="/v1/members", tags=["members"])

AsOf = Annotated[MomentInput | None, Query(description="The instant to look at, the present when absent; may lie ahead.")]
KnownAt = Annotated[MomentInput | None, Query(description="Only what the ledger was told until then counts; everything when absent.")]


@router.get("", operation_id="members_list", summary="List members", responses=problems(ProgrammeNotFound))
async def list_members(page: PageQuery, connection: Reads, _caller: ReadsLoyalty, programme_id: ProgrammeQuery = None) -> Page[Member]:
    """List the members with their points of a programme, by customer id."""
    programme = await require(connection, programme_id)
    rows = await repository.page(connection, programme, page.fetch, page.key(str))
    return page.page(rows, key=lambda row: (row.customer_id,), item=Member.model_validate)


@router.get("/{customer_id}", operation_id="members_get", summary="Read a member", responses=problems(MemberNotFound, ProgrammeNotFound))
async def get_member(
    customer_id: CustomerIdPath,
    connection: Reads,
    _caller: ReadsMember,
    response: Response,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    programme_id: ProgrammeQuery = None,
) -> MemberDetail:
    """Read what a member has in a programme, now or at any instant, as it is known now or as it was known at another.

    The ETag changes with each of his entries, and with time where time changes what he has.
    """
    programme = await require(connection, programme_id)
    member = await service.member(connection, customer_id, as_of, known_at, programme)
    tier, until = await tiers.tier_of(connection, customer_id, as_of, known_at, programme)
    member = replace(member, tier=tier, tier_until=until)
    if as_of is None and known_at is None:
        response.headers["etag"] = tag_of(member)
    return _detail(member)


def _detail(member: MemberState) -> MemberDetail:
    points = member.points
    return MemberDetail(
        customer_id=member.person.customer_id,
        balance=points.balance,
        lifetime=points.lifetime,
        pending=points.pending,
        held=points.held,
        enrolled_at=member.person.enrolled_at,
        household_id=member.person.household_id,
        tier=member.tier,
        tier_until=member.tier_until,
        pool_balance=points.pool_balance,
        wallets=[Wallet.model_validate(wallet) for wallet in member.wallets],
    )

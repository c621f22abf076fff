"""Routes of badges."""

from datetime import datetime
from typing import Annotated

from fastapi import Query, Request, Response

from loyalty.badges import repository, service
from loyalty.badges.errors import BadgeExists, BadgeNotAwarded, BadgeNotFound
from loyalty.badges.schemas import Badge, BadgeCodePath, BadgeDraft, BadgeGift, BadgePatch, MemberBadge
from loyalty.dependencies import ManagesLoyalty, ReadsLoyalty, ReadsMember
from loyalty.fields import CustomerIdPath, ProgrammeQuery
from loyalty.members import service as members
from loyalty.members.errors import MemberNotFound
from loyalty.programmes import service as programmes
from loyalty.programmes.errors import ProgrammeNotFound
from loyalty.texts import in_language
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, IfMatch, Page, PageQuery, Reads, Uow, problems, state_of
from shared.http.etags import set_etag
from shared.http.merge_patch import changes

router = APIRouter(prefix="/v1/badges", tags=["badges"])
member_router = APIRouter(prefix="/v1/members", tags=["badges"])

_Language = Annotated[str | None, Query(description="The language of `title`, such as lv.", max_length=20, examples=["lv"])]


@router.get("", operation_id="badges_list", summary="List badges", responses=problems(ProgrammeNotFound))
async def list_badges(page: PageQuery, connection: Reads, _caller: ReadsLoyalty, programme_id: ProgrammeQuery = None) -> Page[Badge]:
    """List the badges of a programme by code."""
    after = page.key(str)
    programme = await programmes.require(connection, programme_id)
    rows = await repository.page(connection, programme, page.fetch, after)
    return page.page(rows, key=lambda row: (row.code,), item=Badge.model_validate)


@router.post("", operation_id="badges_create", summary="Make a badge", status_code=201, responses=problems(BadgeExists, ProgrammeNotFound))
async def create(wanted: BadgeDraft, response: Response, uow: Uow, _caller: ManagesLoyalty, programme_id: ProgrammeQuery = None) -> Badge:
    """Make a badge, which challenges, tiers and people can give."""
    row = await service.make(uow, await programmes.require(uow.connection, programme_id), wanted)
    response.headers["location"] = f"/v1/badges/{row.code}"
    set_etag(response, row.version)
    return Badge.model_validate(row)


@router.get("/{code}", operation_id="badges_get", summary="Read a badge", responses=problems(BadgeNotFound, ProgrammeNotFound))
async def get(
    code: BadgeCodePath, response: Response, connection: Reads, _caller: ReadsLoyalty, programme_id: ProgrammeQuery = None
) -> Badge:
    """Read a badge."""
    row = await service.found(connection, await programmes.require(connection, programme_id), code)
    set_etag(response, row.version)
    return Badge.model_validate(row)


@router.patch(
    "/{code}",
    operation_id="badges_update",
    summary="Change a badge",
    responses=problems(BadgeNotFound, ProgrammeNotFound, PreconditionFailed, PreconditionRequired),
)
async def amend(
    code: BadgeCodePath,
    patch: BadgePatch,
    match: IfMatch,
    response: Response,
    uow: Uow,
    _caller: ManagesLoyalty,
    programme_id: ProgrammeQuery = None,
) -> Badge:
    """Change how a badge looks, or which tier gives it from now on."""
    row = await service.amend(uow, await programmes.require(uow.connection, programme_id), code, changes(patch), match)
    set_etag(response, row.version)
    return Badge.model_validate(row)


@member_router.get(
    "/{customer_id}/badges",
    operation_id="members_list_badges",
    summary="List a member's badges",
    responses=problems(MemberNotFound, ProgrammeNotFound),
)
async def list_of_member(
    customer_id: CustomerIdPath,
    page: PageQuery,
    connection: Reads,
    _caller: ReadsMember,
    language: _Language = None,
    programme_id: ProgrammeQuery = None,
) -> Page[MemberBadge]:
    """List the badges of a member, newest first."""
    after = page.key(datetime, str)
    await members.require(connection, customer_id)
    programme = await programmes.require(connection, programme_id)
    rows = await repository.of_member(connection, programme, customer_id, page.fetch, after)
    return page.page(
        rows,
        key=lambda row: (row["awarded_at"], row["id"]),
        item=lambda row: MemberBadge(**dict(row), title=in_language(row["name"], language)),
    )


@member_router.post(
    "/{customer_id}/badges",
    operation_id="members_give_badge",
    summary="Give a member a badge",
    status_code=204,
    responses=problems(MemberNotFound, BadgeNotFound, ProgrammeNotFound),
)
async def give(
    customer_id: CustomerIdPath, wanted: BadgeGift, request: Request, uow: Uow, _caller: ManagesLoyalty, programme_id: ProgrammeQuery = None
) -> None:
    """Give a member a badge by hand; whoever has it already keeps it."""
    programme = await programmes.require(uow.connection, programme_id)
    await service.give(uow, programme, customer_id, wanted, now=state_of(request).clock.now())


@member_router.delete(
    "/{customer_id}/badges/{code}",
    operation_id="members_take_badge",
    summary="Take a badge from a member",
    status_code=204,
    responses=problems(MemberNotFound, BadgeNotAwarded, ProgrammeNotFound),
)
async def take(
    customer_id: CustomerIdPath, code: BadgeCodePath, uow: Uow, _caller: ManagesLoyalty, programme_id: ProgrammeQuery = None
) -> None:
    """Take a badge from a member."""
    await service.take(uow, await programmes.require(uow.connection, programme_id), customer_id, code)

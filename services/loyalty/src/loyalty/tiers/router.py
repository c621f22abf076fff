"""Routes of tiers."""

from datetime import datetime
from typing import Annotated

from fastapi import Query, Request, Response

from loyalty.dependencies import ManagesLoyalty, ReadsLoyalty, ReadsMember
from loyalty.fields import CustomerIdPath, ProgrammeQuery
from loyalty.members.errors import MemberNotFound
from loyalty.members.router import AsOf, KnownAt
from loyalty.programmes import service as programmes
from loyalty.programmes.errors import ProgrammeNotFound
from loyalty.tiers import repository, service
from loyalty.tiers.answers import member_tier_of, timeless
from loyalty.tiers.errors import TierCodeReserved, TierExists, TierNotFound, TiersNotRising, TierTimeInvalid
from loyalty.tiers.repository import SchemeRow, TierRow
from loyalty.tiers.schemas import (
    Benefits,
    MemberTier,
    Qualification,
    QualificationAnswer,
    QualificationWish,
    Tier,
    TierChange,
    TierCodePath,
    TierDraft,
    TierGift,
    TierLoss,
    TierPatch,
)
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, IfMatch, Page, PageQuery, Reads, Uow, problems, state_of
from shared.http.etags import set_content_etag, set_etag
from shared.http.merge_patch import changes

router = APIRouter(prefix="/v1/tiers", tags=["tiers"])
member_router = APIRouter(prefix="/v1/members", tags=["tiers"])

_Language = Annotated[str | None, Query(description="The language of `title`, such as lv.", max_length=20, examples=["lv"])]
_CHANGING = (TierNotFound, TierExists, TiersNotRising, TierTimeInvalid, ProgrammeNotFound)


@router.get("", operation_id="tiers_list", summary="List tiers", responses=problems(ProgrammeNotFound))
async def list_tiers(page: PageQuery, connection: Reads, _caller: ReadsLoyalty, programme_id: ProgrammeQuery = None) -> Page[Tier]:
    """List the tiers of a programme, the lowest first."""
    after = page.key(int)
    programme = await programmes.require(connection, programme_id)
    rows = await repository.page(connection, programme, page.fetch, after)
    return page.page(rows, key=lambda row: (row.rank,), item=Tier.model_validate)


@router.post(
    "",
    operation_id="tiers_create",
    summary="Make a tier",
    status_code=201,
    responses=problems(TierExists, TierCodeReserved, TiersNotRising, TierTimeInvalid, ProgrammeNotFound),
)
async def create(
    wanted: TierDraft, request: Request, response: Response, uow: Uow, _caller: ManagesLoyalty, programme_id: ProgrammeQuery = None
) -> Tier:
    """Make a tier, from now or from a moment of the past on."""
    programme = await programmes.require(uow.connection, programme_id)
    row = await service.make(uow, programme, wanted, now=state_of(request).clock.now())
    response.headers["location"] = f"/v1/tiers/{row.code}"
    return _answer(row, response)


@router.get(
    "/qualification", operation_id="tiers_qualification", summary="Read how tiers are reached", responses=problems(ProgrammeNotFound)
)
async def qualification(
    response: Response, connection: Reads, _caller: ReadsLoyalty, programme_id: ProgrammeQuery = None
) -> QualificationAnswer:
    """Read what counts for tiers, in which time, and what happens when it is not enough any more."""
    programme = await programmes.found(connection, await programmes.require(connection, programme_id))
    scheme = await repository.latest(connection, programme.id)
    set_etag(response, service.tag_of(scheme))
    return _qualification(scheme, programme.zone)


@router.put(
    "/qualification",
    operation_id="tiers_qualify",
    summary="Say how tiers are reached",
    responses=problems(TierTimeInvalid, TiersNotRising, ProgrammeNotFound, PreconditionFailed, PreconditionRequired),
)
async def qualify(
    wanted: QualificationWish,
    match: IfMatch,
    request: Request,
    response: Response,
    uow: Uow,
    _caller: ManagesLoyalty,
    programme_id: ProgrammeQuery = None,
) -> QualificationAnswer:
    """Say what counts for tiers, in which time, and what happens when it is not enough any more; for all tiers together."""
    programme = await programmes.require(uow.connection, programme_id)
    scheme = await service.qualify(uow, programme, wanted, match, now=state_of(request).clock.now())
    set_etag(response, service.tag_of(scheme))
    return _qualification(scheme, scheme.zone)


@router.get("/losses", operation_id="tiers_list_losses", summary="List who loses his tier soon", responses=problems(ProgrammeNotFound))
async def list_losses(
    page: PageQuery,
    connection: Reads,
    _caller: ReadsLoyalty,
    within_days: Annotated[int, Query(ge=1, le=3_660, description="In so many days.", examples=[30])] = 30,
    programme_id: ProgrammeQuery = None,
) -> Page[TierLoss]:
    """List the members who lose their tier within some days unless they earn more, the first first."""
    after = page.key(datetime, str)
    programme = await programmes.require(connection, programme_id)
    rows = await repository.losses(connection, programme, within_days, page.fetch, after)
    return page.page(rows, key=lambda row: (row.until, row.customer_id), item=TierLoss.model_validate)


@router.get("/{code}", operation_id="tiers_get", summary="Read a tier", responses=problems(TierNotFound, ProgrammeNotFound))
async def get(
    code: TierCodePath, response: Response, connection: Reads, _caller: ReadsLoyalty, programme_id: ProgrammeQuery = None
) -> Tier:
    """Read a tier."""
    return _answer(await service.found(connection, await programmes.require(connection, programme_id), code), response)


@router.patch(
    "/{code}",
    operation_id="tiers_update",
    summary="Change a tier",
    responses=problems(*_CHANGING, PreconditionFailed, PreconditionRequired),
)
async def amend(
    code: TierCodePath,
    patch: TierPatch,
    match: IfMatch,
    request: Request,
    response: Response,
    uow: Uow,
    _caller: ManagesLoyalty,
    programme_id: ProgrammeQuery = None,
) -> Tier:
    """Change a tier, from now or from a moment of the past on."""
    programme = await programmes.require(uow.connection, programme_id)
    row = await service.amend(uow, programme, code, _plain(changes(patch)), match, now=state_of(request).clock.now())
    return _answer(row, response)


@router.delete(
    "/{code}",
    operation_id="tiers_delete",
    summary="Delete a tier",
    status_code=204,
    responses=problems(TierNotFound, ProgrammeNotFound, PreconditionFailed, PreconditionRequired),
)
async def delete(code: TierCodePath, match: IfMatch, uow: Uow, _caller: ManagesLoyalty, programme_id: ProgrammeQuery = None) -> None:
    """Delete a tier: from now on nobody has it; what was before stays as it was."""
    await service.delete(uow, await programmes.require(uow.connection, programme_id), code, match)


@member_router.get(
    "/{customer_id}/tier",
    operation_id="members_tier",
    summary="Read a member's tier",
    responses=problems(MemberNotFound, ProgrammeNotFound),
)
async def member_tier(
    customer_id: CustomerIdPath,
    response: Response,
    connection: Reads,
    _caller: ReadsMember,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    language: _Language = None,
    programme_id: ProgrammeQuery = None,
) -> MemberTier:
    """Read where a member stands, now or at any instant: his tier, how long he has it, how far it is to the next, and what it gives.

    The ETag stays the same as long as he stands there.
    """
    programme = await programmes.require(connection, programme_id)
    found, moment = await service.member_tier(connection, customer_id, as_of, known_at, programme)
    answer = member_tier_of(customer_id, found, moment, language)
    set_content_etag(response, timeless(answer))
    return answer


@member_router.post(
    "/{customer_id}/tier",
    operation_id="members_give_tier",
    summary="Give a member a tier",
    status_code=201,
    responses=problems(MemberNotFound, TierNotFound, TierTimeInvalid, ProgrammeNotFound),
)
async def give(
    customer_id: CustomerIdPath, wanted: TierGift, request: Request, uow: Uow, caller: ManagesLoyalty, programme_id: ProgrammeQuery = None
) -> MemberTier:
    """Give a member a tier by hand: he has at least this one until it ends; null ends what was given."""
    programme = await programmes.require(uow.connection, programme_id)
    now = state_of(request).clock.now()
    found, moment = await service.give(uow, programme, customer_id, wanted, caller=caller.principal, now=now)
    return member_tier_of(customer_id, found, moment, None)


@member_router.get(
    "/{customer_id}/tier/history",
    operation_id="members_list_tier_changes",
    summary="List the changes of a member's tier",
    responses=problems(MemberNotFound, ProgrammeNotFound),
)
async def history(
    customer_id: CustomerIdPath,
    page: PageQuery,
    connection: Reads,
    _caller: ReadsMember,
    known_at: KnownAt = None,
    programme_id: ProgrammeQuery = None,
) -> Page[TierChange]:
    """List every change of a member's tier, newest first, as it is known now or was known at an instant."""
    after = page.key(datetime)
    programme = await programmes.require(connection, programme_id)
    told = await service.changes_of(connection, customer_id, known_at, programme)
    rows = [row for row in told if after is None or row[0].at < after[0]][: page.fetch]
    return page.page(
        rows,
        key=lambda row: (row[0].at,),
        item=lambda row: TierChange(
            changed_at=row[0].at,
            tier=row[0].tier,
            previous=row[0].previous,
            reason=row[0].reason,
            scheme_version=row[0].version,
            recorded_at=row[1],
        ),
    )


def _answer(row: TierRow, response: Response) -> Tier:
    set_etag(response, row.version)
    return Tier.model_validate(row)


def _plain(wanted: dict) -> dict:
    benefits = wanted.get("benefits")
    return wanted | {"benefits": benefits.model_dump(mode="json")} if isinstance(benefits, Benefits) else wanted


def _qualification(scheme: SchemeRow | None, zone: str) -> QualificationAnswer:
    if scheme is None:
        return QualificationAnswer(version=0, effective_from=None, zone=zone, **Qualification().model_dump())
    return QualificationAnswer(version=scheme.version, effective_from=scheme.effective_from, zone=scheme.zone, **scheme.qualification)

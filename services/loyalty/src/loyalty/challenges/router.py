"""Routes of challenges and streaks."""

from datetime import datetime
from typing import Annotated

from fastapi import Query, Request, Response

from loyalty.challenges import repository, service
from loyalty.challenges.errors import ChallengeInvalid, ChallengeNotFound
from loyalty.challenges.repository import ChallengeRow
from loyalty.challenges.schemas import (
    Challenge,
    ChallengeDraft,
    ChallengeIdPath,
    ChallengePatch,
    MemberChallenge,
    MemberStreak,
    Reward,
    StreakList,
)
from loyalty.challenges.service import OfMember
from loyalty.dependencies import ManagesLoyalty, ReadsLoyalty, ReadsMember
from loyalty.fields import CustomerIdPath, ProgrammeQuery
from loyalty.ledger.errors import WalletNotFound
from loyalty.members.errors import MemberNotFound
from loyalty.programmes import service as programmes
from loyalty.programmes.errors import ProgrammeNotFound
from loyalty.rules.errors import ConditionInvalid
from loyalty.texts import in_language
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, IfMatch, Page, PageQuery, Reads, Uow, problems, state_of
from shared.http.etags import set_etag
from shared.http.merge_patch import changes

router = APIRouter(prefix="/v1/challenges", tags=["challenges"])
member_router = APIRouter(prefix="/v1/members", tags=["challenges"])

_Language = Annotated[str | None, Query(description="The language of `title`, such as lv.", max_length=20, examples=["lv"])]


@router.get("", operation_id="challenges_list", summary="List challenges", responses=problems(ProgrammeNotFound))
async def list_challenges(
    page: PageQuery, connection: Reads, _caller: ReadsLoyalty, programme_id: ProgrammeQuery = None
) -> Page[Challenge]:
    """List the challenges of a programme, oldest first."""
    after = page.key(datetime, str)
    programme = await programmes.require(connection, programme_id)
    rows = await repository.page(connection, programme, page.fetch, after)
    return page.page(rows, key=lambda row: (row.created_at, row.id), item=_view)


@router.post(
    "",
    operation_id="challenges_create",
    summary="Make a challenge",
    status_code=201,
    responses=problems(ChallengeInvalid, ConditionInvalid, WalletNotFound, ProgrammeNotFound),
)
async def create(
    wanted: ChallengeDraft, response: Response, uow: Uow, _caller: ManagesLoyalty, programme_id: ProgrammeQuery = None
) -> Challenge:
    """Make a challenge or a streak; what it asks and gives never changes, so that everybody gets what he was promised."""
    row = await service.make(uow, await programmes.require(uow.connection, programme_id), wanted)
    response.headers["location"] = f"/v1/challenges/{row.id}"
    return _answer(row, response)


@router.get("/{challenge_id}", operation_id="challenges_get", summary="Read a challenge", responses=problems(ChallengeNotFound))
async def get(challenge_id: ChallengeIdPath, response: Response, connection: Reads, _caller: ReadsLoyalty) -> Challenge:
    """Read a challenge."""
    return _answer(await service.found(connection, challenge_id), response)


@router.patch(
    "/{challenge_id}",
    operation_id="challenges_update",
    summary="Change a challenge",
    responses=problems(ChallengeNotFound, ChallengeInvalid, PreconditionFailed, PreconditionRequired),
)
async def amend(
    challenge_id: ChallengeIdPath, patch: ChallengePatch, match: IfMatch, response: Response, uow: Uow, _caller: ManagesLoyalty
) -> Challenge:
    """Change how a challenge reads and when it ends."""
    return _answer(await service.amend(uow, challenge_id, changes(patch), match), response)


@member_router.get(
    "/{customer_id}/challenges",
    operation_id="members_list_challenges",
    summary="List a member's challenges",
    responses=problems(MemberNotFound, ProgrammeNotFound),
)
async def list_of_member(
    customer_id: CustomerIdPath,
    page: PageQuery,
    request: Request,
    connection: Reads,
    _caller: ReadsMember,
    language: _Language = None,
    programme_id: ProgrammeQuery = None,
) -> Page[MemberChallenge]:
    """List how far a member is with the challenges that run now and those that he has begun."""
    after = page.key(datetime, str)
    programme = await programmes.require(connection, programme_id)
    now = state_of(request).clock.now()
    rows = await service.of_member(connection, programme, customer_id, now, page.fetch, after)
    return page.page(rows, key=lambda row: (row.challenge.created_at, row.challenge.id), item=lambda row: _of_member(row, language))


@member_router.get(
    "/{customer_id}/streaks",
    operation_id="members_list_streaks",
    summary="List a member's streaks",
    responses=problems(MemberNotFound, ProgrammeNotFound),
)
async def streaks(
    customer_id: CustomerIdPath, request: Request, connection: Reads, _caller: ReadsMember, programme_id: ProgrammeQuery = None
) -> StreakList:
    """List how long a member's streaks are, how long they ever were, and when they break."""
    programme = await programmes.require(connection, programme_id)
    found = await service.streaks_of(connection, programme, customer_id, state_of(request).clock.now())
    return StreakList(
        data=[
            MemberStreak(
                challenge_id=challenge.id,
                name=challenge.name,
                unit=challenge.rule.unit,
                current=streak.current,
                longest=streak.longest,
                last_at=streak.last_at,
                breaks_at=streak.breaks_at,
            )
            for challenge, streak in found
        ]
    )


def _answer(row: ChallengeRow, response: Response) -> Challenge:
    set_etag(response, row.version)
    return _view(row)


def _view(row: ChallengeRow) -> Challenge:
    return Challenge(
        id=row.id,
        name=row.name,
        description=row.description,
        goal=row.terms["goal"],
        condition=row.terms["condition"],
        max_times=row.terms["max_times"],
        reward=Reward.model_validate(row.terms["reward"]),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        created_at=row.created_at,
    )


def _of_member(row: OfMember, language: str | None) -> MemberChallenge:
    challenge = row.challenge
    return MemberChallenge(
        challenge_id=challenge.id,
        name=challenge.name,
        title=in_language(challenge.name, language),
        kind=challenge.rule.kind,
        value=row.progress.value,
        target=challenge.rule.target,
        completed=row.times,
        completed_at=row.last_at,
        ends_at=challenge.ends_at,
        reward=Reward.model_validate(challenge.terms["reward"]),
    )

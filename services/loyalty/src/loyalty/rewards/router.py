"""Routes of the catalogue."""

from typing import Annotated

from fastapi import Query, Response

from loyalty.dependencies import ManagesLoyalty, ReadsLoyalty, ReadsMember
from loyalty.fields import CustomerIdPath, ProgrammeQuery
from loyalty.ledger.errors import WalletNotFound
from loyalty.members.errors import MemberNotFound
from loyalty.programmes.errors import ProgrammeNotFound
from loyalty.programmes.service import require
from loyalty.rewards import repository, service
from loyalty.rewards.answers import next_reward_of, reward_of
from loyalty.rewards.errors import RewardNotFound, RewardTermsInvalid, TooManyRewards
from loyalty.rewards.schemas import (
    Language,
    MemberRewards,
    Reward,
    RewardDraft,
    RewardIdPath,
    RewardPatch,
)
from loyalty.rewards.service import Choice
from loyalty.rules.errors import ConditionInvalid
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, Page, PageQuery, Reads, Uow, problems
from shared.http.etags import IfMatch, set_etag
from shared.http.merge_patch import changes

router = APIRouter(prefix="/v1", tags=["rewards"])

_Wanted = Annotated[Language | None, Query(description="Language tag of the texts; English first when absent.", examples=["lv"])]


@router.post(
    "/rewards",
    operation_id="rewards_create",
    status_code=201,
    responses=problems(ProgrammeNotFound, RewardTermsInvalid, ConditionInvalid, WalletNotFound, TooManyRewards),
)
async def create(draft: RewardDraft, response: Response, uow: Uow, _: ManagesLoyalty) -> Reward:
    """Put a reward into the catalogue."""
    reward = await service.make(uow, draft)
    set_etag(response, reward["version"])
    response.headers["location"] = f"/v1/rewards/{reward['id']}"
    return Reward.model_validate(dict(reward))


@router.get("/rewards", operation_id="rewards_list", responses=problems(ProgrammeNotFound))
async def list_rewards(
    page: PageQuery,
    connection: Reads,
    _: ReadsLoyalty,
    archived: Annotated[bool, Query(description="Whether those taken out of the catalogue are shown too.")] = False,
    programme_id: ProgrammeQuery = None,
) -> Page[Reward]:
    """List the rewards of a programme in the order of its catalogue."""
    rows = await repository.page(connection, await require(connection, programme_id), page.fetch, page.key(int, str), archived=archived)
    return page.page(rows, key=lambda row: (row["sort_rank"], row["id"]), item=lambda row: Reward.model_validate(dict(row)))


@router.get("/rewards/{reward_id}", operation_id="rewards_get", responses=problems(RewardNotFound))
async def get(reward_id: RewardIdPath, response: Response, connection: Reads, _: ReadsLoyalty) -> Reward:
    """Return a reward with what is left of it."""
    reward = await service.found(connection, reward_id)
    # What is left of it changes without a new version.
    set_etag(response, reward["version"], reward["remaining"], reward["reserved"])
    return Reward.model_validate(dict(reward))


@router.patch(
    "/rewards/{reward_id}",
    operation_id="rewards_update",
    responses=problems(RewardNotFound, RewardTermsInvalid, ConditionInvalid, PreconditionFailed, PreconditionRequired),
)
async def amend(reward_id: RewardIdPath, patch: RewardPatch, match: IfMatch, response: Response, uow: Uow, _: ManagesLoyalty) -> Reward:
    """Change a reward; what was redeemed stays as it was."""
    values = patch.model_dump()
    reward = await service.amend(uow, reward_id, {name: values[name] for name in changes(patch)}, match)
    set_etag(response, reward["version"])
    return Reward.model_validate(dict(reward))


@router.delete(
    "/rewards/{reward_id}",
    operation_id="rewards_archive",
    status_code=204,
    responses=problems(RewardNotFound, PreconditionFailed, PreconditionRequired),
)
async def archive(reward_id: RewardIdPath, match: IfMatch, uow: Uow, _: ManagesLoyalty) -> None:
    """Take a reward out of the catalogue; it can still be read, and what was redeemed is fulfilled."""
    await service.archive(uow, reward_id, match)


@router.get("/members/{customer_id}/rewards", operation_id="members_list_rewards", responses=problems(MemberNotFound, ProgrammeNotFound))
async def list_of_member(
    customer_id: CustomerIdPath,
    connection: Reads,
    _: ReadsMember,
    language: _Wanted = None,
    category: Annotated[str | None, Query(max_length=200, description="Only rewards of this category.")] = None,
    tag: Annotated[str | None, Query(max_length=200, description="Only rewards with this tag.")] = None,
    programme_id: ProgrammeQuery = None,
) -> MemberRewards:
    """Return what a member may have of a programme now, which of it he can pay, how many points he lacks, and what is next."""
    programme = await require(connection, programme_id)
    return _view(customer_id, await service.choice(connection, customer_id, programme), language, category, tag)


def _view(customer_id: str, chosen: Choice, language: str | None, category: str | None, tag: str | None) -> MemberRewards:
    shown = [
        each
        for each in chosen.rewards
        if (category is None or category in each.row["categories"]) and (tag is None or tag in each.row["tags"])
    ]
    following = chosen.next
    return MemberRewards(
        customer_id=customer_id,
        balance=chosen.balance,
        rewards=[reward_of(each, language) for each in shown],
        next_reward=next_reward_of(following, language) if following is not None else None,
    )

from typing import Annotated

from fastapi import Query, Response

from loyalty.dependencies import ReadsMember
from loyalty.expiry.schemas import Expiration
from loyalty.fields import CustomerIdPath
from loyalty.home import service
from loyalty.home.schemas import Home
from loyalty.home.service import FEW, HomeFacts
from loyalty.ledger.schemas import Entry
from loyalty.members.errors import MemberNotFound
from loyalty.offers.answers import offer_of
from loyalty.rewards.answers import next_reward_of, reward_of
from loyalty.rewards.schemas import Language
from loyalty.tiers.answers import timeless
from shared.http import APIRouter, Reads, problems
from shared.http.etags import set_content_etag

router = APIRouter(prefix="/v1/members", tags=["members"])

_Wanted = Annotated[Language | None, Query(description="Language tag of the texts; English first when absent.", examples=["lv"])]


@router.get("/{customer_id}/home", operation_id="members_home", summary="Read a member's home screen", responses=problems(MemberNotFound))
async def get_home(
    customer_id: CustomerIdPath, response: Response, connection: Reads, _caller: ReadsMember, language: _Wanted = None
) -> Home:
    """Read all that the first screen of an app shows: points, tier, what is next, rewards, offers, latest movements.

    The ETag stays the same as long as the screen does.
    """
    answer = _home(await service.home(connection, customer_id, language), language)
    set_content_etag(response, answer.model_copy(update={"tier": timeless(answer.tier)}))
    return answer


def _home(facts: HomeFacts, language: str | None) -> Home:
    person, points, choice = facts.member.person, facts.member.points, facts.choice
    affordable = sorted((each for each in choice.rewards if each.is_affordable), key=lambda each: (-each.points, each.row["id"]))
    return Home(
        customer_id=person.customer_id,
        programme=facts.programme,
        enrolled_at=person.enrolled_at,
        balance=points.balance,
        pool_balance=points.pool_balance,
        pending=points.pending,
        held=points.held,
        lifetime=points.lifetime,
        card_number=facts.card.number if facts.card is not None else None,
        tier=facts.tier,
        expiring=Expiration.model_validate(facts.expiring) if facts.expiring is not None else None,
        next_reward=next_reward_of(choice.next, language) if choice.next is not None else None,
        rewards=[reward_of(each, language) for each in affordable[:FEW]],
        offers=[offer_of(row, language) for row in facts.offers],
        latest=[Entry.model_validate(row) for row in facts.latest],
    )

"""A member's home screen: what each part of the programme has to say to him, put together."""

from typing import NamedTuple

from asyncpg import Record

from loyalty.cards import repository as cards
from loyalty.cards.repository import CardRow
from loyalty.expiry import service as expiry
from loyalty.expiry.repository import ExpirationRow
from loyalty.ledger import reading
from loyalty.ledger.reading import EntryRow
from loyalty.ledger.rules import POINTS
from loyalty.members import service as members
from loyalty.members.rules import MemberState
from loyalty.offers import service as offers
from loyalty.programmes import service as programmes
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.rewards import service as rewards
from loyalty.rewards.service import Choice
from loyalty.tiers import service as tiers
from loyalty.tiers.answers import member_tier_of
from loyalty.tiers.schemas import MemberTier
from shared.database.pool import Connection

# A screen holds no more; each list has a route of its own.
FEW = 5


class HomeFacts(NamedTuple):
    """What the screen is made of."""

    member: MemberState
    programme: str
    card: CardRow | None
    tier: MemberTier
    expiring: ExpirationRow | None
    choice: Choice
    offers: list[Record]
    latest: list[EntryRow]


async def home(connection: Connection, customer_id: str, language: str | None) -> HomeFacts:
    """Return all that a member's first screen shows, at this moment.

    Raises:
        MemberNotFound: there is no such member.
    """
    member = await members.member(connection, customer_id)
    standing, moment = await tiers.member_tier(connection, customer_id)
    expiring = await expiry.of_member(connection, customer_id, None, wallet=POINTS, many=1)
    return HomeFacts(
        member=member,
        programme=(await programmes.found(connection, PROGRAMME_ID)).name,
        card=await cards.current(connection, customer_id),
        tier=member_tier_of(customer_id, standing, moment, language),
        expiring=next(iter(expiring), None),
        choice=await rewards.choice(connection, customer_id, stood=standing),
        offers=await offers.offers_of(connection, customer_id, FEW, None, ended=False),
        latest=await reading.page_of_entries(connection, customer_id, FEW, None),
    )

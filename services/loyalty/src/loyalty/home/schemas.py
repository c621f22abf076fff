from pydantic import Field

from loyalty.expiry.schemas import Expiration
from loyalty.ledger.schemas import Entry
from loyalty.offers.schemas import Offer
from loyalty.rewards.schemas import MemberReward, NextReward
from loyalty.tiers.schemas import MemberTier
from shared.http.schemas import Moment, OutputModel


class Home(OutputModel):
    """All that the first screen of an app shows."""

    customer_id: str = Field(description="The member.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    programme: str = Field(description="The programme's name.", examples=["Points"])
    enrolled_at: Moment | None = Field(description="Since when he takes part.", examples=["2026-01-05T09:30:00Z"])
    balance: int = Field(description="Points that he can spend now.", examples=[380])
    pool_balance: int | None = Field(description="Points that he can spend together with his household.", examples=[None])
    pending: int = Field(description="Points that are not available yet.", examples=[0])
    held: int = Field(description="Points that are set aside.", examples=[0])
    lifetime: int = Field(description="Points earned so far.", examples=[1_240])
    card_number: str | None = Field(description="What he shows at the till; null until a card is made.", examples=["9123456789012341"])
    tier: MemberTier = Field(description="His tier, and how far it is to the next.")
    expiring: Expiration | None = Field(description="What expires next, unless he spends it.")
    next_reward: NextReward | None = Field(description="The nearest reward that he cannot pay yet, and how far it is.")
    rewards: list[MemberReward] = Field(description="Rewards that he has the points for, the dearest first; at most five.")
    offers: list[Offer] = Field(description="Offers made to him that still count, first what ends first; at most five.")
    latest: list[Entry] = Field(description="His latest movements, newest first; at most five.")

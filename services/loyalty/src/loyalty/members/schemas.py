from pydantic import Field

from shared.http.schemas import Moment, OutputModel


class Member(OutputModel):
    """A member with his points: those of all who are the same person, where customers were merged."""

    customer_id: str = Field(description="The customer, `cus_…`.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    balance: int = Field(
        description="Points that can be spent at this moment: neither expired nor pending nor held. Below zero when the member owes some.",
        examples=[117],
    )
    lifetime: int = Field(description="Points earned so far, less those taken back for returns.", examples=[240])
    pending: int = Field(description="Points that are not available yet.", examples=[0])
    held: int = Field(description="Points that are set aside by holds.", examples=[0])
    enrolled_at: Moment | None = Field(
        description="When the customer registered; null while only orders were heard of.", examples=["2026-01-05T09:30:00Z"]
    )


class Wallet(OutputModel):
    """What a member holds of one kind."""

    wallet: str = Field(description="The wallet.", examples=["points"])
    kind: str = Field(description="points, tier_points or stored_value.", examples=["points"])
    currency: str | None = Field(description="Of stored value, whose figures are in its minor units.", examples=[None])
    balance: int = Field(description="What can be spent.", examples=[117])
    lifetime: int = Field(description="What was earned so far.", examples=[240])
    pending: int = Field(description="What is not available yet.", examples=[0])
    held: int = Field(description="What is set aside.", examples=[0])


class MemberDetail(Member):
    """A member with all his wallets."""

    household_id: str | None = Field(description="The household that he spends with.", examples=[None])
    tier: str | None = Field(description="His tier at the instant; null below the first.", examples=["gold"])
    tier_until: Moment | None = Field(
        description="When it ends unless he earns more; null when it does not.", examples=["2027-01-01T00:00:00Z"]
    )
    pool_balance: int | None = Field(description="Points that he can spend together with his household.", examples=[None])
    wallets: list[Wallet] = Field(description="All his wallets, the one of points included.")

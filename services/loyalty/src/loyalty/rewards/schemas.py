"""What the catalogue is made of, and what members see of it."""

from typing import Annotated, Literal

from fastapi import Path
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from loyalty.fields import MAX_POINTS, ProgrammeId, WalletCode
from loyalty.ledger.rules import POINTS
from loyalty.texts import LocalisedText
from shared.http.schemas import InputModel, Moment, MomentInput, OutputModel, ShortText

_MAX_STOCK = 10**9
MAX_QUANTITY = 100
_EXAMPLE_ID = "rew_01jd3z0k7cz9v8w6t5s4r3q2p1"
_EXAMPLE_NAME = {"en": "A mug", "ru": "Кружка", "zh": "马克杯", "lv": "Krūze"}

Kind = Literal["goods", "voucher", "discount", "experience"]
RewardIdPath = Annotated[str, Path(description="The reward, `rew_…`.", max_length=200, examples=[_EXAMPLE_ID])]
RewardId = Annotated[
    str, StringConstraints(min_length=1, max_length=200), Field(description="The reward, `rew_…`.", examples=[_EXAMPLE_ID])
]
ImageUrl = Annotated[str, StringConstraints(pattern=r"^https://[^\s/?#@]{1,255}(/[^\s]{0,1000})?$")]
OptionName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$"),
    Field(description="What this way to pay is called.", examples=["points"]),
]
Names = Annotated[list[ShortText], Field(max_length=50)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$")]


class Price(InputModel):
    """A way to pay for one piece: points alone, or points and money."""

    option: OptionName = "points"
    points: int = Field(strict=True, ge=1, le=10**9, description="Points a piece.", examples=[500])
    amount_minor: int | None = Field(
        strict=True, default=None, ge=1, le=10**12, description="Money a piece, in minor units, which the till collects.", examples=[None]
    )
    currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")] | None = Field(
        default=None, description="ISO 4217 code of the money.", examples=[None]
    )


class Limit(InputModel):
    """How many pieces a member may have in a period."""

    quantity: int = Field(strict=True, ge=1, le=_MAX_STOCK, description="So many pieces ...", examples=[1])
    period: Literal["day", "week", "month", "year", "ever"] = Field(
        default="ever", description="... in each of these, by the programme's zone.", examples=["month"]
    )


class Eligibility(InputModel):
    """Who may have a reward; all of it must be met."""

    tiers: Names = Field(default=[], description="Codes of tiers; everybody when empty.", examples=[["gold"]])
    condition: Annotated[str, StringConstraints(min_length=1, max_length=1_000)] | None = Field(
        default=None,
        description="In CEL over `customer`, whose segments are `customer.segments`, and `tier`.",
        examples=["'vip' in customer.segments"],
    )
    minimum_balance: int = Field(
        strict=True, default=0, ge=0, le=MAX_POINTS, description="Points to have, whatever the price.", examples=[0]
    )


def _ways(prices: list[Price]) -> list[Price]:
    if len({price.option for price in prices}) < len(prices):
        raise PydanticCustomError("options_repeat", "Each way to pay has a name of its own.")
    if any((price.amount_minor is None) != (price.currency is None) for price in prices):
        raise PydanticCustomError("money_incomplete", "Money is an amount and a currency.")
    return prices


Prices = Annotated[list[Price], Field(min_length=1, max_length=5), AfterValidator(_ways)]
_Limits = Annotated[list[Limit], Field(max_length=5)]
_Images = Annotated[list[ImageUrl], Field(max_length=10)]
_Stock = Annotated[int, Field(strict=True, ge=0, le=_MAX_STOCK)]


class RewardDraft(InputModel):
    """A reward to be put into the catalogue."""

    programme_id: ProgrammeId = None
    name: LocalisedText = Field(examples=[_EXAMPLE_NAME])
    description: LocalisedText | None = Field(default=None, examples=[{"en": "Stoneware, 300 ml."}])
    images: _Images = Field(default=[], description="Addresses of pictures.", examples=[["https://shop.example/mug.jpg"]])
    kind: Kind = Field(
        default="goods",
        description="goods and experience wait for their fulfilment, voucher and discount give a code at once.",
        examples=["goods"],
    )
    wallet: WalletCode = POINTS
    prices: Prices = Field(description="Ways to pay, the usual one first.", examples=[[{"option": "points", "points": 500}]])
    voucher_batch_id: ShortText | None = Field(
        default=None,
        description="Where the codes of a voucher or discount come from: a batch of the programme, or of the default one. That of a "
        "discount takes money off.",
        examples=[None],
    )
    stock: _Stock | None = Field(default=None, description="Pieces that there are in all; endless when null.", examples=[100])
    valid_from: MomentInput | None = Field(default=None, description="From when on; at once when null.", examples=["2026-03-01T00:00:00Z"])
    valid_to: MomentInput | None = Field(default=None, description="Until when; for ever when null.", examples=["2026-06-01T00:00:00Z"])
    eligibility: Eligibility = Field(default=Eligibility(), description="Who may have it.", examples=[{"tiers": ["gold"]}])
    limits: _Limits = Field(default=[], description="How often a member may have it.", examples=[[{"quantity": 1, "period": "month"}]])
    fulfil_within_days: int = Field(
        strict=True,
        default=14,
        ge=1,
        le=31,
        description="After so many days without fulfilment points and stock are free again.",
        examples=[14],
    )
    categories: Names = Field(default=[], description="Where it stands in the catalogue.", examples=[["home"]])
    tags: Names = Field(default=[], description="Anything else to find it by.", examples=[["new"]])
    sort_rank: int = Field(strict=True, default=100, ge=0, le=1_000_000, description="Lower stands first.", examples=[100])


class RewardPatch(InputModel):
    """What may be changed of a reward; what was redeemed stays as it was."""

    name: LocalisedText = Field(default={"en": "?"}, examples=[_EXAMPLE_NAME])
    description: LocalisedText | None = Field(default=None, examples=[None])
    images: _Images = Field(default=[], description="Addresses of pictures.", examples=[[]])
    prices: Prices = Field(default=[Price(points=1)], description="Ways to pay.", examples=[[{"option": "points", "points": 450}]])
    voucher_batch_id: ShortText | None = Field(default=None, description="Where further codes come from.", examples=[None])
    stock: _Stock | None = Field(default=None, description="Pieces in all, those taken included; null is endless.", examples=[150])
    valid_from: MomentInput | None = Field(default=None, description="From when on.", examples=[None])
    valid_to: MomentInput | None = Field(default=None, description="Until when.", examples=["2026-07-01T00:00:00Z"])
    eligibility: Eligibility = Field(default=Eligibility(), description="Who may have it.", examples=[{}])
    limits: _Limits = Field(default=[], description="How often a member may have it.", examples=[[]])
    fulfil_within_days: int = Field(strict=True, default=14, ge=1, le=31, description="Of redemptions from now on.", examples=[7])
    categories: Names = Field(default=[], description="Where it stands in the catalogue.", examples=[["home"]])
    tags: Names = Field(default=[], description="Anything else to find it by.", examples=[[]])
    sort_rank: int = Field(strict=True, default=100, ge=0, le=1_000_000, description="Lower stands first.", examples=[50])


class Reward(OutputModel):
    """A reward, as who manages the catalogue sees it."""

    id: str = Field(description="`rew_…`", examples=[_EXAMPLE_ID])
    programme_id: str = Field(description="Its programme.", examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    name: dict[str, str] = Field(description="By language tag.", examples=[_EXAMPLE_NAME])
    description: dict[str, str] | None = Field(description="By language tag.", examples=[None])
    images: list[str] = Field(description="Addresses of pictures.", examples=[["https://shop.example/mug.jpg"]])
    kind: Kind = Field(description="goods and experience are handed over, voucher and discount given at once.", examples=["goods"])
    wallet: str = Field(description="What it is paid from.", examples=["points"])
    prices: list[Price] = Field(description="Ways to pay, the usual one first.")
    voucher_batch_id: str | None = Field(description="Where its codes come from.", examples=[None])
    stock: int | None = Field(description="Pieces in all; endless when null.", examples=[100])
    remaining: int | None = Field(description="Pieces left at this moment: neither reserved nor handed over.", examples=[97])
    reserved: int = Field(description="Pieces of redemptions that wait for their fulfilment.", examples=[2])
    valid_from: Moment | None = Field(description="From when on.", examples=[None])
    valid_to: Moment | None = Field(description="Until when.", examples=[None])
    eligibility: Eligibility = Field(description="Who may have it.")
    limits: list[Limit] = Field(description="How often a member may have it.")
    fulfil_within_days: int = Field(description="Days until an unfulfilled redemption ends.", examples=[14])
    categories: list[str] = Field(description="Where it stands in the catalogue.", examples=[["home"]])
    tags: list[str] = Field(description="Anything else to find it by.", examples=[["new"]])
    sort_rank: int = Field(description="Lower stands first.", examples=[100])
    archived_at: Moment | None = Field(description="When it was taken out of the catalogue.", examples=[None])
    created_at: Moment = Field(description="When it was made.", examples=["2026-02-20T10:00:00Z"])


class MemberReward(OutputModel):
    """A reward that a member may have, and how far it is."""

    id: str = Field(description="`rew_…`", examples=[_EXAMPLE_ID])
    name: str = Field(description="In the language asked for, else another.", examples=["A mug"])
    description: str | None = Field(description="In the language asked for, else another.", examples=[None])
    images: list[str] = Field(description="Addresses of pictures.", examples=[[]])
    kind: Kind = Field(description="What it is.", examples=["goods"])
    wallet: str = Field(description="What it is paid from.", examples=["points"])
    prices: list[Price] = Field(description="Ways to pay, the usual one first.")
    remaining: int | None = Field(description="Pieces left; null when endless.", examples=[97])
    valid_to: Moment | None = Field(description="Until when.", examples=[None])
    categories: list[str] = Field(description="Where it stands in the catalogue.", examples=[["home"]])
    tags: list[str] = Field(description="Anything else to find it by.", examples=[[]])
    affordable: bool = Field(description="Whether the member has the points for one of the ways to pay, now.", examples=[False])
    missing_points: int = Field(description="Points that he lacks for the cheapest way.", examples=[120])


class NextReward(OutputModel):
    """The reward that is nearest of those that a member cannot pay yet."""

    id: str = Field(description="`rew_…`", examples=[_EXAMPLE_ID])
    name: str = Field(description="In the language asked for, else another.", examples=["A mug"])
    points: int = Field(description="Its cheapest price.", examples=[500])
    missing_points: int = Field(description="Points that are still missing.", examples=[120])


class MemberRewards(OutputModel):
    """What a member may have at this moment."""

    customer_id: str = Field(description="The member.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    balance: int = Field(description="Points that he can spend, with his household.", examples=[380])
    rewards: list[MemberReward] = Field(description="In force, meant for him, in stock and within his limits, in the catalogue's order.")
    next_reward: NextReward | None = Field(description="What he can have next; null when he can have everything or there is nothing.")

"""Campaigns of offers, the offers that members see, and what a campaign has brought."""

from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import Field, StringConstraints

from loyalty.fields import MAX_POINTS, ProgrammeId
from loyalty.offers.rules import State
from loyalty.texts import LocalisedText
from shared.http.schemas import InputModel, Moment, OutputModel, ShortText

_EXAMPLE_CAMPAIGN = "ofc_01jd3z0k7cz9v8w6t5s4r3q2p1"
_EXAMPLE_OFFER = "ofr_01jd3z0k7cz9v8w6t5s4r3q2p1"
_EXAMPLE_NAME = {"en": "Tea again", "ru": "Снова чай", "zh": "再来一杯茶", "lv": "Atkal tēja"}

CampaignIdPath = Annotated[str, Path(description="The campaign, `ofc_…`.", max_length=200, examples=[_EXAMPLE_CAMPAIGN])]
OfferIdPath = Annotated[str, Path(description="The offer, `ofr_…`.", max_length=200, examples=[_EXAMPLE_OFFER])]
Strategy = Literal["affinity", "replenishment", "lapsed_favourite"]
Factor = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,2}(\.[0-9]{1,4})?$")]


class _Looking(InputModel):
    by: Literal["sku", "category"] = Field(default="sku", description="Whether articles or categories are looked at.", examples=["sku"])
    window_days: int = Field(strict=True, default=730, ge=1, le=3_660, description="How far back purchases are looked at.", examples=[730])
    min_purchases: int = Field(strict=True, default=3, ge=1, le=1_000, description="On how many days it was bought at least.", examples=[3])
    excluded: Annotated[list[ShortText], Field(max_length=1_000)] = Field(
        default=[], description="Articles or categories that no offer is made for.", examples=[["POST"]]
    )


class Affinity(_Looking):
    """What somebody buys most."""

    strategy: Literal["affinity"]


class Replenishment(_Looking):
    """What somebody buys again and again and should need now, by the median of his own gaps."""

    strategy: Literal["replenishment"]
    early_percent: int = Field(
        strict=True, default=0, ge=0, le=90, description="So much of his gap earlier it is due already.", examples=[10]
    )
    late_intervals: int = Field(
        strict=True, default=2, ge=2, le=100, description="After so many of his gaps it is due no more.", examples=[2]
    )


class LapsedFavourite(_Looking):
    """What somebody used to buy and has not bought for several of his own gaps."""

    strategy: Literal["lapsed_favourite"]
    intervals: int = Field(strict=True, default=3, ge=2, le=100, description="For how many of his gaps he has not bought it.", examples=[3])


class FixedPoints(InputModel):
    """Points on top, once."""

    kind: Literal["points"]
    points: int = Field(strict=True, ge=1, le=1_000_000, description="How many.", examples=[50])


class MultipliedPoints(InputModel):
    """More points for what fits: those that it earns by the programme's rate, times a factor."""

    kind: Literal["multiplier"]
    factor: Factor = Field(description="A decimal number of at least 1; 2 gives as many points on top.", examples=["2"])
    max_points: int | None = Field(strict=True, default=None, ge=1, le=MAX_POINTS, description="The most on top.", examples=[500])


class PercentOff(InputModel):
    """A code of a batch, given when the offer is activated."""

    kind: Literal["percent_off"]
    voucher_batch_id: ShortText = Field(
        description="A batch of the kind percent; codes of it are given to members.", examples=["vbt_01jd3z0k7cz9v8w6t5s4r3q2p1"]
    )


Looking = Annotated[Affinity | Replenishment | LapsedFavourite, Field(discriminator="strategy")]
Benefit = Annotated[FixedPoints | MultipliedPoints | PercentOff, Field(discriminator="kind")]


class OfferCampaignDraft(InputModel):
    """How offers are made, what they give, and who is held out."""

    programme_id: ProgrammeId = None
    name: LocalisedText = Field(examples=[_EXAMPLE_NAME])
    looking: Looking = Field(
        description="What is looked for in the purchases of each member.",
        examples=[{"strategy": "replenishment", "by": "sku", "min_purchases": 3}],
    )
    benefit: Benefit = Field(description="What an offer gives.", examples=[{"kind": "multiplier", "factor": "2"}])
    validity_days: int = Field(
        strict=True, default=14, ge=1, le=366, description="For so many days of 24 hours an offer counts.", examples=[14]
    )
    control_share: int = Field(
        strict=True, default=10, ge=0, le=100, description="Per cent of the members who are held out.", examples=[10]
    )
    max_per_member: int = Field(strict=True, default=3, ge=1, le=20, description="Offers a member at a time.", examples=[3])
    needs_activation: bool = Field(
        strict=True,
        default=True,
        description="Whether only what is bought after its activation redeems an offer; always with codes.",
        examples=[True],
    )
    salt: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        default=None,
        description="Who is held out depends on it and the member alone; the campaign's id when absent.",
        examples=["tea-2026"],
    )


class OfferCampaignPatch(InputModel):
    """What may be changed of a campaign; offers that were made stay."""

    name: LocalisedText = Field(default={"en": "?"}, examples=[_EXAMPLE_NAME])
    active: bool = Field(strict=True, default=True, description="False: no offers are made any more.", examples=[False])


class OfferCampaign(OutputModel):
    """A campaign of personal offers."""

    id: str = Field(description="`ofc_…`", examples=[_EXAMPLE_CAMPAIGN])
    programme_id: str = Field(description="Its programme.", examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    name: dict[str, str] = Field(description="By language tag.", examples=[_EXAMPLE_NAME])
    looking: dict[str, Any] = Field(description="What is looked for.", examples=[{"strategy": "replenishment", "by": "sku"}])
    benefit: dict[str, Any] = Field(description="What an offer gives.", examples=[{"kind": "multiplier", "factor": "2"}])
    validity_days: int = Field(description="For so many days an offer counts.", examples=[14])
    control_share: int = Field(description="Per cent held out.", examples=[10])
    max_per_member: int = Field(description="Offers a member at a time.", examples=[3])
    needs_activation: bool = Field(description="Whether an offer has to be activated.", examples=[True])
    salt: str = Field(description="Decides with the member who is held out.", examples=["tea-2026"])
    active: bool = Field(description="Whether offers are made.", examples=[True])
    created_at: Moment = Field(description="When it was made.", examples=["2026-02-20T10:00:00Z"])


class Generation(OutputModel):
    """A run over all members."""

    job_id: str = Field(description="The job; its result tells how many offers there are.", examples=["job_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    campaign_id: str = Field(description="The campaign.", examples=[_EXAMPLE_CAMPAIGN])
    as_of: Moment = Field(description="What was bought until then is looked at; the offers begin then.", examples=["2026-03-01T00:00:00Z"])


class Reason(OutputModel):
    """Why a member has an offer."""

    strategy: Strategy = Field(description="What was looked for.", examples=["replenishment"])
    by: Literal["sku", "category"] = Field(description="Whether it is an article or a category.", examples=["sku"])
    target: str = Field(description="Which.", examples=["tea"])
    purchases: int = Field(description="On how many days he bought it.", examples=[6])
    every_days: int | None = Field(description="Median of the gaps between them, in days.", examples=[14])
    last_on: str = Field(description="The last of these days, by the programme's zone.", examples=["2026-11-01"])
    days_since: int = Field(description="How long ago that was.", examples=[14])


class Offer(OutputModel):
    """A personal offer."""

    id: str = Field(description="`ofr_…`", examples=[_EXAMPLE_OFFER])
    campaign_id: str = Field(description="Its campaign.", examples=[_EXAMPLE_CAMPAIGN])
    programme_id: str = Field(description="Its programme.", examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_id: str = Field(description="For whom it was made.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    name: str = Field(description="Of the campaign, in the language asked for.", examples=["Tea again"])
    state: State = Field(description="Where it stands at this moment.", examples=["made"])
    reason: Reason = Field(description="Why he has it, as data.")
    text: str = Field(
        description="Why he has it, in the language asked for.", examples=["You buy tea about every 14 days; last on 2026-11-01."]
    )
    benefit: dict[str, Any] = Field(description="What it gives.", examples=[{"kind": "multiplier", "factor": "2"}])
    needs_activation: bool = Field(description="Whether it has to be activated before the purchase.", examples=[True])
    voucher_code: str | None = Field(description="The code, once it is activated, where it is one.", examples=[None])
    made_at: Moment = Field(description="From when on it counts.", examples=["2026-03-01T00:00:00Z"])
    valid_until: Moment = Field(description="The first instant at which it is over.", examples=["2026-03-15T00:00:00Z"])
    viewed_at: Moment | None = Field(description="When it was first looked at.", examples=[None])
    activated_at: Moment | None = Field(description="When it was taken up.", examples=[None])
    order_id: str | None = Field(description="The order that redeems it.", examples=[None])
    redeemed_at: Moment | None = Field(description="When that was placed.", examples=[None])
    points: int = Field(description="Points that it gave.", examples=[0])


class GroupResult(OutputModel):
    """What a group did while its offers ran; whoever has an offer counts, whether he looked at it or not."""

    members: int = Field(description="How many there are.", examples=[900])
    converted: int = Field(description="How many bought what their offer is for.", examples=[180])
    conversion: float | None = Field(description="Their share; null without members.", examples=[0.2])
    spent_minor: int = Field(description="What all spent, less what came back, in minor units.", examples=[1_800_000])
    spend_per_head_minor: float | None = Field(description="What a member spent on average.", examples=[2_000.0])


class Uplift(OutputModel):
    """A difference, offered less control, with its interval at 95 %."""

    difference: float | None = Field(description="Null when a group is empty.", examples=[0.05])
    low: float | None = Field(description="Lower end.", examples=[0.01])
    high: float | None = Field(description="Upper end.", examples=[0.09])


class CampaignResults(OutputModel):
    """What a campaign has brought until now, against those who were held out."""

    campaign_id: str = Field(description="The campaign.", examples=[_EXAMPLE_CAMPAIGN])
    as_of: Moment = Field(description="Until when purchases count.", examples=["2026-03-20T00:00:00Z"])
    offers: int = Field(description="Offers made, without those held out.", examples=[1_700])
    viewed: int = Field(description="Of them looked at.", examples=[900])
    activated: int = Field(description="Of them taken up.", examples=[400])
    redeemed: int = Field(description="Of them redeemed.", examples=[210])
    points: int = Field(description="Points that they gave.", examples=[10_500])
    offered: GroupResult = Field(description="Members with offers.")
    control: GroupResult = Field(description="Members held out.")
    conversion_uplift: Uplift = Field(description="Newcombe's hybrid score interval of the difference of the shares.")
    spend_uplift_minor: Uplift = Field(description="Welch's interval of the difference of spend a head, in minor units.")

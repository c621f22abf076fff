from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import Field, StringConstraints

from loyalty.fields import MAX_POINTS, CustomerId, ProgrammeId
from shared.http.schemas import InputModel, Moment, MomentInput, OutputModel, ShortText

_MAX_MINOR = 10**12
PartnerIdPath = Annotated[str, Path(description="The partner, `prt_…`.", max_length=200, examples=["prt_01jd3z0k7cz9v8w6t5s4r3q2p1"])]
KeyIdPath = Annotated[str, Path(description="The public part of the API key.", max_length=200, examples=["k7h2m9qtx04a"])]
TransactionIdPath = Annotated[str, Path(description="The posting, `ptx_…`.", max_length=200, examples=["ptx_01jd3z0k7cz9v8w6t5s4r3q2p1"])]
From = Annotated[MomentInput, Query(alias="from", description="Begin of the period, UTC.", examples=["2026-03-01T00:00:00Z"])]
Until = Annotated[MomentInput, Query(description="End of the period, not in it.", examples=["2026-04-01T00:00:00Z"])]
Format = Annotated[Literal["json", "csv"], Query(description="How it is written.")]
Direction = Literal["accrual", "redemption", "accrual_reversal", "redemption_reversal"]
Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$"), Field(description="ISO 4217 code.", examples=["EUR"])]
_Points = Annotated[int, Field(strict=True, ge=1, le=MAX_POINTS, description="How many points.", examples=[250])]
_Limit = Annotated[int | None, Field(ge=0, le=MAX_POINTS, description="Points at most; no limit when null.", examples=[100_000])]


class Price(InputModel):
    """What points cost between the programme and the partner."""

    amount_minor: int = Field(strict=True, ge=0, le=_MAX_MINOR, description="So many minor units ...", examples=[1])
    points: int = Field(strict=True, ge=1, le=MAX_POINTS, description="... for so many points.", examples=[1])


class EarnRate(InputModel):
    """How many points his customers get for their money."""

    points: int = Field(strict=True, ge=1, le=1_000_000, description="So many points ...", examples=[1])
    amount_minor: int = Field(strict=True, ge=1, le=_MAX_MINOR, description="... for so many minor units.", examples=[100])


class PartnerLimits(InputModel):
    """How much may be posted in a direction, by the programme's days and months."""

    points_per_day: _Limit = None
    points_per_month: _Limit = None
    member_points_per_day: _Limit = None


class PartnerTerms(InputModel):
    """What is agreed with a partner."""

    name: ShortText = Field(description="What people call him.", examples=["Baltic Airways"])
    is_active: bool = Field(strict=True, default=True, description="False lets him post nothing.", examples=[True])
    may_accrue: bool = Field(strict=True, default=True, description="Whether he may give points.", examples=[True])
    may_redeem: bool = Field(strict=True, default=False, description="Whether members may spend points with him.", examples=[True])
    currency: Currency
    accrual_price: Price = Field(description="What he pays for the points that he gives.")
    redemption_price: Price = Field(description="What he gets for the points that members spend with him.")
    earn_rate: EarnRate | None = Field(default=None, description="Where he tells amounts instead of points.")
    accrual_limits: PartnerLimits = Field(default=PartnerLimits(), description="Of what he gives.")
    redemption_limits: PartnerLimits = Field(default=PartnerLimits(), description="Of what is spent with him.")


class PartnerDraft(PartnerTerms):
    """A new partner."""

    programme_id: ProgrammeId = None


class Partner(OutputModel):
    """A partner, who gives points or takes them for what he sells."""

    id: str = Field(description="`prt_…`", examples=["prt_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    programme_id: str = Field(description="Whose points they are.", examples=["prg_00000000000000000000000001"])
    name: str = Field(description="What people call him.", examples=["Baltic Airways"])
    is_active: bool = Field(description="Whether he may post.", examples=[True])
    may_accrue: bool = Field(description="Whether he may give points.", examples=[True])
    may_redeem: bool = Field(description="Whether members may spend points with him.", examples=[True])
    currency: str = Field(description="ISO 4217 code.", examples=["EUR"])
    accrual_price: Price = Field(description="What he pays for the points that he gives.")
    redemption_price: Price = Field(description="What he gets for the points that members spend with him.")
    earn_rate: EarnRate | None = Field(description="Where he tells amounts instead of points.")
    accrual_limits: PartnerLimits = Field(description="Of what he gives.")
    redemption_limits: PartnerLimits = Field(description="Of what is spent with him.")
    created_at: Moment = Field(description="Since when.", examples=["2026-03-02T12:00:00Z"])


class PartnerKey(OutputModel):
    """An API key that posts for a partner."""

    key_id: str = Field(description="Its public part.", examples=["k7h2m9qtx04a"])
    bound_by: str = Field(description="Who bound it.", examples=["server:key_1"])
    bound_at: Moment = Field(description="When.", examples=["2026-03-02T12:00:00Z"])


class PartnerPosting(InputModel):
    """Points of a member that a partner gives or takes."""

    customer_id: CustomerId | None = Field(
        default=None, description="The member; this or his card.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"]
    )
    member_number: ShortText | None = Field(default=None, description="The number of his card.", examples=[None])
    points: _Points | None = Field(default=None, description="How many points; these or an amount.", examples=[250])
    amount_minor: int | None = Field(
        strict=True, default=None, ge=1, le=_MAX_MINOR, description="What was bought, or is to be paid, in minor units.", examples=[None]
    )
    reference: ShortText = Field(
        description="The partner's own word for it; the same again is the same posting.", examples=["flight-7K2M9Q"]
    )
    occurred_at: MomentInput | None = Field(
        default=None, description="When it happened; now when absent. Not ahead, and at most a year ago.", examples=["2026-03-02T12:00:00Z"]
    )


class PartnerReversal(InputModel):
    """What is taken back of a posting."""

    reference: ShortText = Field(description="The partner's own word for it.", examples=["flight-7K2M9Q-cancelled"])
    points: _Points | None = Field(default=None, description="How many; all that is left when absent.", examples=[None])


class PartnerTransaction(OutputModel):
    """What a partner posted."""

    id: str = Field(description="`ptx_…`", examples=["ptx_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    direction: Direction = Field(description="What it did.", examples=["accrual"])
    reference: str = Field(description="The partner's own word for it.", examples=["flight-7K2M9Q"])
    customer_id: str = Field(description="The member.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    points: int = Field(description="How many.", examples=[250])
    amount_minor: int | None = Field(description="The amount that was told.", examples=[None])
    state: Literal["posted", "waiting", "refused"] = Field(description="Waiting: for a review, nothing is posted yet.", examples=["posted"])
    occurred_at: Moment = Field(description="When it happened.", examples=["2026-03-02T12:00:00Z"])
    posted_at: Moment = Field(description="When it was posted: the period that it is settled in.", examples=["2026-03-02T12:00:05Z"])
    reverses: str | None = Field(description="The posting that it takes back.", examples=[None])
    reversed_points: int = Field(description="How much of it was taken back.", examples=[0])


class SettlementLine(OutputModel):
    """What one direction comes to."""

    count: int = Field(description="How many postings.", examples=[12])
    points: int = Field(description="How many points.", examples=[3_000])
    amount_minor: int = Field(description="What they cost.", examples=[3_000])


class Settlement(OutputModel):
    """What a period comes to between the programme and a partner."""

    id: str | None = Field(description="`stl_…` once the period is closed.", examples=["stl_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    partner_id: str = Field(description="The partner.", examples=["prt_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    from_at: Moment = Field(description="Begin of the period.", examples=["2026-03-01T00:00:00Z"])
    until_at: Moment = Field(description="End of the period, not in it.", examples=["2026-04-01T00:00:00Z"])
    currency: str = Field(description="ISO 4217 code.", examples=["EUR"])
    accrued: SettlementLine = Field(description="Points that he gave; he owes their price.")
    accruals_reversed: SettlementLine = Field(description="Points that he took back.")
    redeemed: SettlementLine = Field(description="Points that were spent with him; their price is owed to him.")
    redemptions_reversed: SettlementLine = Field(description="Points that he gave back.")
    net_points: int = Field(description="Points that members have more after all.", examples=[2_000])
    net_minor: int = Field(description="What he owes after all; below zero it is owed to him.", examples=[2_000])
    ledger_points: int = Field(description="The same as `net_points`, by the entries of the ledger.", examples=[2_000])
    matches: bool = Field(description="Whether the two are equal.", examples=[True])
    closed_by: str | None = Field(description="Who closed the period.", examples=[None])
    closed_at: Moment | None = Field(description="When; its figures never change from then on.", examples=[None])


class SettlementClosing(InputModel):
    """A period that is over."""

    until: MomentInput = Field(
        description="End of the period, not in it; it begins where the last one ended.", examples=["2026-04-01T00:00:00Z"]
    )

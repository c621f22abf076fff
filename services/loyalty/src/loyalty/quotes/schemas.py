"""A basket, and what its member pays for it and earns by it."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from loyalty.fields import MAX_POINTS, CustomerId, ProgrammeId
from loyalty.vouchers.schemas import Code, Currency, Kind, Line, Minor, VoucherRedemption
from shared.http.schemas import InputModel, Moment, OutputModel, ShortText

_LINE = {"sku": "TEA-1", "category": "tea", "quantity": 2, "amount_minor": 2_500}


class QuoteRequest(InputModel):
    """What a member is about to buy."""

    customer_id: CustomerId
    programme_id: ProgrammeId = None
    currency: Currency = Field(description="ISO 4217 code of all amounts.", examples=["EUR"])
    lines: Annotated[list[Line], Field(min_length=1, max_length=500)] = Field(description="At full prices.", examples=[[_LINE]])
    shipping_minor: Minor = Field(default=0, description="What the shipping costs.", examples=[490])
    codes: Annotated[list[Code], Field(max_length=20)] = Field(
        default=[], description="Of vouchers, in the order in which they were shown.", examples=[["SPRING-7K2M9QTX04AB"]]
    )
    points: int = Field(
        strict=True,
        default=0,
        ge=0,
        le=MAX_POINTS,
        description="Points that he pays with, at most; worth what `point-value` says.",
        examples=[500],
    )
    channel: ShortText | None = Field(default=None, description="Where he buys; rules may look at it.", examples=["app"])
    shop: ShortText | None = Field(default=None, description="The seller's id of the shop.", examples=[None])


class CheckoutRequest(QuoteRequest):
    """What a member pays for now: all of its codes are used and its points spent, or nothing is."""

    reference: ShortText = Field(
        description="The till's name of the purchase; the same again uses nothing more.", examples=["receipt-2026-4711"]
    )

    @model_validator(mode="after")
    def _uses_something(self) -> Self:
        if not self.codes and not self.points:
            raise PydanticCustomError("nothing_to_use", "A checkout uses codes or points.")
        return self


class CheckoutRollback(InputModel):
    """A purchase that did not come about."""

    customer_id: CustomerId
    reference: ShortText = Field(description="The till's name of the purchase.", examples=["receipt-2026-4711"])


class Reduction(OutputModel):
    """What something takes off."""

    source: Literal["tier", "accumulating", "voucher"] = Field(description="What takes it off.", examples=["voucher"])
    name: str | None = Field(description="The code of the tier or of the voucher.", examples=["SPR1NG7K2M9QTX04AB"])
    amount_minor: int = Field(description="How much.", examples=[250])


class QuotedLine(OutputModel):
    """A line of the basket, in the order of the request."""

    sku: str = Field(description="The article.", examples=["TEA-1"])
    quantity: int = Field(description="Pieces.", examples=[2])
    amount_minor: int = Field(description="At full price.", examples=[2_500])
    discount_minor: int = Field(description="What comes off.", examples=[250])
    total_minor: int = Field(description="What is left to pay.", examples=[2_250])
    discounts: list[Reduction] = Field(description="Where it comes from, in the order in which it applies.")
    exclusive_to: list[str] = Field(description="Tiers whose members alone may buy it; everybody when empty.", examples=[[]])
    may_buy: bool = Field(description="Whether this member may.", examples=[True])


class QuotedCode(OutputModel):
    """What became of a code, in the order in which codes apply."""

    code: str = Field(description="As codes are stored: capitals and digits, misread letters set right.", examples=["SPR1NG7K2M9QTX04AB"])
    accepted: bool = Field(description="Whether it was taken.", examples=[True])
    reason: str | None = Field(description="Why not, as the code of the error that its use would give.", examples=[None])
    kind: Kind | None = Field(description="What it gives.", examples=["percent"])
    campaign: str | None = Field(description="Its campaign.", examples=["spring-2026"])
    discount_minor: int = Field(description="What it takes off, of the goods or of the shipping.", examples=[250])


class QuotedTier(OutputModel):
    """Where the member stands, and what that gives him."""

    code: str = Field(description="The tier.", examples=["gold"])
    benefits: dict[str, Any] = Field(
        description="All that it gives; `percent_bp` is in the lines already, `multiplier` in the points.",
        examples=[{"multiplier": "1.2", "percent_bp": 500, "early_access_hours": 24, "free_goods": []}],
    )


class QuotedPoints(OutputModel):
    """What of it the member pays with points."""

    points: int = Field(description="As many as he has, needs and wants to spend.", examples=[500])
    amount_minor: int = Field(description="What they pay.", examples=[250])
    spendable: int = Field(description="What he can spend, with his household.", examples=[620])


class Earning(OutputModel):
    """What the order would earn in a programme that runs."""

    programme_id: str = Field(description="The programme.", examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    points: int = Field(description="Points to spend, before the limits of rules; none where he takes no part.", examples=[22])


class Quote(OutputModel):
    """What a member pays for a basket now, and what he would earn by it."""

    customer_id: str = Field(description="The member.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    programme_id: str = Field(description="Whose tiers and accumulating discount count.", examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    currency: str = Field(description="ISO 4217 code of all amounts.", examples=["EUR"])
    as_of: Moment = Field(description="The moment for which it holds.", examples=["2026-03-02T12:00:00Z"])
    amount_minor: int = Field(description="The goods at full price.", examples=[2_500])
    discount_minor: int = Field(description="What comes off the goods.", examples=[250])
    total_minor: int = Field(description="What is left to pay for them: the sum of the lines.", examples=[2_250])
    shipping_minor: int = Field(description="What is left to pay for the shipping.", examples=[490])
    paid_with_points: QuotedPoints | None = Field(description="What points pay of both; null when none are to be spent.")
    payable_minor: int = Field(description="What is left of both.", examples=[2_740])
    tier: QuotedTier | None = Field(description="Null below the first tier.")
    lines: list[QuotedLine] = Field(description="In the order of the request.")
    codes: list[QuotedCode] = Field(description="In the order in which they apply.")
    earns: list[Earning] = Field(description="In each programme that runs.")


class PointPayment(OutputModel):
    """Points with which a member paid for a purchase."""

    id: str = Field(description="`pay_…`, the source of its entry.", examples=["pay_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    points: int = Field(description="How many.", examples=[500])
    amount_minor: int = Field(description="What they paid.", examples=[250])
    currency: str = Field(description="ISO 4217 code.", examples=["EUR"])
    paid_at: Moment = Field(description="When.", examples=["2026-03-02T12:00:00Z"])
    rolled_back_at: Moment | None = Field(description="When they came back.", examples=[None])


class Checkout(OutputModel):
    """Codes and points that were used together for a purchase, or taken back together."""

    customer_id: str = Field(description="The member.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    reference: str = Field(description="The purchase.", examples=["receipt-2026-4711"])
    redemptions: list[VoucherRedemption] = Field(description="The uses, each with what it took off.")
    payment: PointPayment | None = Field(description="What was paid with points.")
    quote: Quote | None = Field(default=None, description="What they rest on; null when they were used before, or are taken back.")

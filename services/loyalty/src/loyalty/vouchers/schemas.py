"""What tills, shops and marketers send and see."""

from typing import Annotated, Literal

from fastapi import Path
from pydantic import Field, StringConstraints

from loyalty.fields import CustomerId, ProgrammeId
from shared.http.schemas import InputModel, Moment, MomentInput, OutputModel, ShortText

MAX_CODES = 1_000_000
_MAX_MINOR = 10**15
_MAX_LINES = 500

Minor = Annotated[int, Field(strict=True, ge=0, le=_MAX_MINOR)]
PositiveMinor = Annotated[int, Field(strict=True, ge=1, le=_MAX_MINOR)]
Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
Code = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    Field(description="The code as printed or typed; case, spaces and hyphens do not matter.", examples=["SPRING-7K2M9QTX04AB"]),
]
CodePath = Annotated[str, Path(description="The code.", max_length=64, examples=["SPRING7K2M9QTX04AB"])]
BatchIdPath = Annotated[str, Path(description="The batch, `vbt_…`.", max_length=200, examples=["vbt_01jd3z0k7cz9v8w6t5s4r3q2p1"])]
RedemptionIdPath = Annotated[str, Path(description="The use, `vrd_…`.", max_length=200, examples=["vrd_01jd3z0k7cz9v8w6t5s4r3q2p1"])]
Names = Annotated[list[ShortText], Field(max_length=500)]
Weekday = Annotated[int, Field(strict=True, ge=1, le=7)]
Hour = Annotated[str, StringConstraints(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Kind = Literal["percent", "amount", "free_article", "shipping"]


class VoucherBatchDraft(InputModel):
    """Codes to be made, and what they are worth."""

    programme_id: ProgrammeId = None
    campaign: ShortText = Field(description="What the codes are for.", examples=["spring-2026"])
    count: int = Field(
        strict=True, ge=1, le=MAX_CODES, description="How many codes; more than ten thousand are made in the background.", examples=[500]
    )
    kind: Kind = Field(default="percent", description="What a code gives.", examples=["percent"])
    percent_bp: int | None = Field(
        strict=True,
        default=None,
        ge=1,
        le=10_000,
        description="For percent: hundredths of a per cent; 10 % when left out.",
        examples=[1_500],
    )
    amount_minor: PositiveMinor | None = Field(default=None, description="For amount: minor units of the currency.", examples=[None])
    currency: Currency | None = Field(default=None, description="ISO 4217 code; needed with any amount.", examples=["EUR"])
    sku: ShortText | None = Field(default=None, description="For free_article: which one.", examples=[None])
    skus: Names = Field(default=[], description="Only these articles of the order; all when empty.", examples=[[]])
    categories: Names = Field(default=[], description="Only these categories, or one of the articles.", examples=[["tea"]])
    excluded_skus: Names = Field(default=[], description="But not these articles.", examples=[[]])
    max_discount_minor: PositiveMinor | None = Field(default=None, description="The most that a code takes off.", examples=[5_000])
    min_order_minor: PositiveMinor | None = Field(default=None, description="The least order that it is taken for.", examples=[2_000])
    limit_per_code: int = Field(strict=True, default=1, ge=1, le=10**9, description="How often one code may be used.", examples=[1])
    limit_per_customer: int | None = Field(
        strict=True, default=None, ge=1, le=10**9, description="How often one customer may use codes of the batch.", examples=[2]
    )
    limit_total: int | None = Field(
        strict=True, default=None, ge=1, le=10**12, description="How often all codes together may be used.", examples=[None]
    )
    valid_from: MomentInput | None = Field(
        default=None, description="From when on, at once when left out.", examples=["2026-03-01T00:00:00Z"]
    )
    valid_to: MomentInput | None = Field(default=None, description="Until when, for ever when left out.", examples=["2026-06-01T00:00:00Z"])
    weekdays: Annotated[list[Weekday], Field(max_length=7)] = Field(
        default=[], description="Only on these days of the week by the programme's zone, 1 is Monday; on all when empty.", examples=[[6, 7]]
    )
    daily_from: Hour | None = Field(default=None, description="Only from this hour of the day on ...", examples=["17:00"])
    daily_until: Hour | None = Field(
        default=None, description="... until before this one; over midnight when it is earlier.", examples=["19:00"]
    )
    combinable: bool = Field(strict=True, default=True, description="Whether a quote takes other codes beside it.", examples=[True])
    prefix: Annotated[str, StringConstraints(pattern="^[A-Z0-9]{0,12}$")] = Field(
        default="", description="What every code begins with; of the letters that codes are made of.", examples=["SPR1NG"]
    )


class VoucherBatchPatch(InputModel):
    """What may be changed of a batch."""

    active: bool | None = Field(strict=True, default=None, description="False stops the campaign at once.", examples=[False])
    valid_to: MomentInput | None = Field(default=None, description="Until when; null for ever.", examples=["2026-07-01T00:00:00Z"])


class VoucherBatch(OutputModel):
    """Codes that belong together."""

    id: str = Field(description="`vbt_…`", examples=["vbt_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    programme_id: str = Field(description="Its programme.", examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    campaign: str = Field(description="What the codes are for.", examples=["spring-2026"])
    kind: Kind = Field(description="What a code gives.", examples=["percent"])
    percent_bp: int | None = Field(description="Hundredths of a per cent.", examples=[1_500])
    amount_minor: int | None = Field(description="Minor units.", examples=[None])
    currency: str | None = Field(description="ISO 4217 code.", examples=["EUR"])
    sku: str | None = Field(description="The article given away.", examples=[None])
    skus: list[str] = Field(description="Only these articles; all when empty.", examples=[[]])
    categories: list[str] = Field(description="Only these categories, or one of the articles.", examples=[["tea"]])
    excluded_skus: list[str] = Field(description="But not these articles.", examples=[[]])
    max_discount_minor: int | None = Field(description="The most that a code takes off.", examples=[5_000])
    min_order_minor: int | None = Field(description="The least order.", examples=[2_000])
    limit_per_code: int = Field(description="Uses of one code.", examples=[1])
    limit_per_customer: int | None = Field(description="Uses by one customer.", examples=[2])
    limit_total: int | None = Field(description="Uses of all codes.", examples=[None])
    valid_from: Moment | None = Field(description="From when on.", examples=["2026-03-01T00:00:00Z"])
    valid_to: Moment | None = Field(description="Until when.", examples=["2026-06-01T00:00:00Z"])
    weekdays: list[int] = Field(description="Only on these days of the week, 1 is Monday; on all when empty.", examples=[[6, 7]])
    daily_from: str | None = Field(description="Only from this hour on.", examples=["17:00"])
    daily_until: str | None = Field(description="Until before this one.", examples=["19:00"])
    combinable: bool = Field(description="Whether a quote takes other codes beside it.", examples=[True])
    active: bool = Field(description="Whether codes are taken.", examples=[True])
    prefix: str = Field(description="What every code begins with.", examples=["SPR1NG"])
    count: int = Field(description="Codes asked for.", examples=[500])
    generated: int = Field(description="Codes made so far.", examples=[500])
    created_at: Moment = Field(description="When it was made.", examples=["2026-02-20T10:00:00Z"])


class Voucher(OutputModel):
    """A code."""

    code: str = Field(description="As stored.", examples=["SPR1NG7K2M9QTX04AB"])
    batch_id: str = Field(description="Its batch.", examples=["vbt_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_id: str | None = Field(description="Who alone may use it.", examples=[None])
    redeemed: int = Field(description="How often it was used.", examples=[0])


class Line(InputModel):
    """A line of the order at the till."""

    sku: ShortText = Field(description="The article.", examples=["tea"])
    category: ShortText | None = Field(default=None, description="The seller's category.", examples=["tea"])
    quantity: int = Field(strict=True, ge=1, le=1_000_000, description="Pieces.", examples=[2])
    amount_minor: Minor = Field(description="Total of the line in minor units.", examples=[2_500])


class _Shown(InputModel):
    code: Code
    order_minor: Minor | None = Field(default=None, description="Sum of the order in minor units.", examples=[8_000])
    shipping_minor: Minor | None = Field(default=None, description="What the shipping costs.", examples=[490])
    currency: Currency | None = Field(default=None, description="ISO 4217 code of the order.", examples=["EUR"])
    lines: Annotated[list[Line], Field(max_length=_MAX_LINES)] | None = Field(default=None, description="What is bought.")


class VoucherQuestion(_Shown):
    """A code that is shown at a till, to be looked at."""

    customer_id: CustomerId | None = None


class VoucherUse(_Shown):
    """A code that is used for a purchase."""

    customer_id: CustomerId
    reference: ShortText = Field(
        description="The till's name of the purchase; the same again is the same use.", examples=["receipt-2026-4711"]
    )


class VoucherAnswer(OutputModel):
    """What a code is worth here and now."""

    valid: bool = Field(description="Whether it would be taken.", examples=[True])
    reason: str | None = Field(description="Why not, as the code of the error that its use would give.", examples=[None])
    kind: Kind | None = Field(description="What it gives.", examples=["percent"])
    sku: str | None = Field(description="The article given away.", examples=[None])
    discount_minor: int | None = Field(description="What it takes off; null when the till told too little.", examples=[1_200])
    campaign: str | None = Field(description="Its campaign.", examples=["spring-2026"])


class VoucherRedemption(OutputModel):
    """A use of a code."""

    id: str = Field(description="`vrd_…`", examples=["vrd_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    code: str = Field(description="The code.", examples=["SPR1NG7K2M9QTX04AB"])
    batch_id: str = Field(description="Its batch.", examples=["vbt_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_id: str = Field(description="Who used it.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    reference: str = Field(description="The purchase.", examples=["receipt-2026-4711"])
    order_minor: int | None = Field(description="Sum of the order.", examples=[8_000])
    discount_minor: int | None = Field(description="What was taken off.", examples=[1_200])
    currency: str | None = Field(description="ISO 4217 code.", examples=["EUR"])
    redeemed_at: Moment = Field(description="When.", examples=["2026-03-02T12:00:00Z"])
    rolled_back_at: Moment | None = Field(description="When it was taken back.", examples=[None])

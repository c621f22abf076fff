"""Holdings, balances and credit ratings as the interface shows them."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from customers.fields import CurrencyCode, CustomerIdInBody
from customers.interactions.schemas import Attributes
from shared.http.schemas import BigInteger, ExternalId, InputModel, Moment, MomentInput, OutputModel, ShortText

ProductKind = Literal["deposit", "loan", "wealth"]
HoldingStatus = Literal["open", "closed"]
AlertKind = Literal["maturity_nearing", "balance_falling", "payment_overdue"]
PaymentStatus = Literal["none", "current", "overdue"]

MAX_RATE_PPM = 10_000_000
MAX_MINOR = 10**15
DEFAULT_NOTICE_DAYS = 30
DEFAULT_FALLING_DAYS = 30

_Rate = Annotated[int, Field(strict=True, ge=-MAX_RATE_PPM, le=MAX_RATE_PPM, examples=[41_250])]
_Days = Annotated[int, Field(strict=True, ge=0, le=366, examples=[30])]
_Window = Annotated[int, Field(strict=True, ge=1, le=366, examples=[30])]
_Percent = Annotated[int, Field(strict=True, ge=1, le=100, examples=[30])]
_Due = Annotated[int, Field(strict=True, ge=0, le=MAX_MINOR, examples=[25_000])]
_Balance = Annotated[BigInteger, Field(strict=True, examples=[1_250_000])]
_RATE = "Interest in parts per million a year: 41250 is 4.125 %."
_PAYMENT = "When the earliest payment that was not made is due; move it on with each payment."
_NOTICE = "How many days before its maturity the holding is noticed; null for never."
_FALLING = "Share in percent by which a falling balance is noticed; null for never. Loans are meant to fall."
_FALLING_DAYS = "Within how many days the balance falls."


class HoldingDraft(InputModel):
    """A financial product of a customer, to be recorded."""

    external_id: ExternalId | None = Field(default=None, description="The same holding sent again under it changes nothing.")
    customer_id: CustomerIdInBody | None = None
    customer_external_id: ExternalId | None = Field(
        default=None, description="The caller's id of the customer, who is made when unknown; a later upsert completes him."
    )
    product_kind: ProductKind = Field(description="What it is.", examples=["deposit"])
    name: ShortText | None = Field(default=None, description="Name of the product.", examples=["Term deposit 12 months"])
    currency: CurrencyCode
    rate_ppm: _Rate | None = Field(default=None, description=_RATE)
    opened_at: MomentInput = Field(description="When it began.", examples=["2026-01-15T00:00:00Z"])
    matures_at: MomentInput | None = Field(default=None, description="When it ends.", examples=["2027-01-15T00:00:00Z"])
    payment_due_at: MomentInput | None = Field(default=None, description=_PAYMENT, examples=["2026-04-01T00:00:00Z"])
    payment_due_minor: _Due | None = Field(default=None, description="How much is due then, in minor units.")
    maturity_notice_days: _Days | None = Field(default=DEFAULT_NOTICE_DAYS, description=_NOTICE)
    falling_percent: _Percent | None = Field(default=None, description=_FALLING)
    falling_days: _Window = Field(default=DEFAULT_FALLING_DAYS, description=_FALLING_DAYS)
    attributes: Attributes = Field(default_factory=dict, description="What else is known of it.", examples=[{"branch": "Riga"}])

    @model_validator(mode="after")
    def _has_one_customer(self) -> Self:
        if (self.customer_id is None) == (self.customer_external_id is None):
            raise PydanticCustomError("customer_ambiguous", "Name the customer by either customer_id or customer_external_id.")
        return self


class HoldingPatch(InputModel):
    """What changes of a holding; a field that is null is emptied, one that is absent stays."""

    name: ShortText | None = Field(default=None, description="Name of the product.", examples=["Term deposit 12 months"])
    status: Literal["open", "closed"] = Field(default="open", description="A closed holding changes no more.", examples=["closed"])
    rate_ppm: _Rate | None = Field(default=None, description=_RATE)
    matures_at: MomentInput | None = Field(default=None, description="When it ends.", examples=["2027-01-15T00:00:00Z"])
    payment_due_at: MomentInput | None = Field(default=None, description=_PAYMENT, examples=["2026-04-01T00:00:00Z"])
    payment_due_minor: _Due | None = Field(default=None, description="How much is due then, in minor units.")
    maturity_notice_days: _Days | None = Field(default=None, description=_NOTICE)
    falling_percent: _Percent | None = Field(default=None, description=_FALLING)
    falling_days: _Window = Field(default=DEFAULT_FALLING_DAYS, description=_FALLING_DAYS)
    attributes: Attributes = Field(default_factory=dict, description="What else is known of it; replaces what was.", examples=[{}])


class Holding(OutputModel):
    """A financial product of a customer."""

    id: str = Field(description="`hld_…`", examples=["hld_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    external_id: str | None = Field(description="The caller's own identifier.", examples=["ACC-118"])
    customer_id: str = Field(description="The customer.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_external_id: str | None = Field(description="The caller's own identifier of the customer, as it is now.")
    product_kind: ProductKind = Field(description="What it is.", examples=["deposit"])
    name: str | None = Field(description="Name of the product.", examples=["Term deposit 12 months"])
    status: HoldingStatus = Field(description="open or closed.", examples=["open"])
    currency: str = Field(description="ISO 4217 code of all amounts.", examples=["EUR"])
    rate_ppm: int | None = Field(description=_RATE, examples=[41_250])
    opened_at: Moment = Field(description="When it began, UTC.")
    matures_at: Moment | None = Field(description="When it ends, UTC.")
    payment_due_at: Moment | None = Field(description=_PAYMENT)
    payment_due_minor: int | None = Field(description="How much is due then, in minor units.", examples=[25_000])
    payment_status: PaymentStatus = Field(description="Whether a payment of its schedule is overdue.", examples=["current"])
    maturity_notice_days: int | None = Field(description=_NOTICE, examples=[30])
    falling_percent: int | None = Field(description=_FALLING, examples=[30])
    falling_days: int = Field(description=_FALLING_DAYS, examples=[30])
    attributes: dict[str, str | int | float | bool | None] = Field(description="What else is known of it.")
    balance_minor: int | None = Field(description="The latest balance, in minor units; of a loan what is owed.", examples=[1_250_000])
    balance_at: Moment | None = Field(description="When it was read, UTC.")
    created_at: Moment = Field(description="When it was recorded, UTC.")
    updated_at: Moment = Field(description="When it last changed, UTC.")


class BalanceDraft(InputModel):
    """A balance that was read."""

    balance_minor: _Balance = Field(description="In minor units; of a loan what is owed.")
    at: MomentInput | None = Field(default=None, description="When it was read; now when absent. Replaces another of that moment.")


class BalanceView(OutputModel):
    """A balance of a holding."""

    at: Moment = Field(description="When it was read, UTC.")
    balance_minor: int = Field(description="In minor units; of a loan what is owed.", examples=[1_250_000])


class Behaviour(OutputModel):
    """How the balance of a holding went within a period; a balance holds until the next one."""

    holding_id: str = Field(description="The holding.", examples=["hld_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    currency: str = Field(description="ISO 4217 code of all amounts.", examples=["EUR"])
    starts_at: Moment = Field(description="Start of the period, UTC.")
    ends_at: Moment = Field(description="End of the period, UTC: now at the latest.")
    known_from: Moment | None = Field(description="From when on a balance is known within it, UTC; null where none is.")
    readings: int = Field(description="Balances that were read within it.", examples=[12])
    first_minor: int | None = Field(description="The balance when it began, or the first that is known.", examples=[1_000_000])
    last_minor: int | None = Field(description="The balance at its end.", examples=[1_250_000])
    lowest_minor: int | None = Field(description="The lowest: what never left.", examples=[900_000])
    highest_minor: int | None = Field(description="The highest.", examples=[1_400_000])
    average_minor: int | None = Field(description="The average over the time since `known_from`.", examples=[1_130_000])
    inflow_minor: int = Field(description="Sum of all rises.", examples=[400_000])
    outflow_minor: int = Field(description="Sum of all falls.", examples=[150_000])


class HoldingAlert(OutputModel):
    """Something about a holding that wanted attention; each is raised once."""

    id: str = Field(description="`hal_…`", examples=["hal_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    holding_id: str = Field(description="The holding.", examples=["hld_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_id: str = Field(description="The record that the holding was recorded for.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    product_kind: ProductKind = Field(description="What the holding is.", examples=["deposit"])
    alert: AlertKind = Field(
        description="maturity_nearing: it ends soon; payment_overdue: a payment was not made; balance_falling: it fell by its share.",
        examples=["maturity_nearing"],
    )
    about_at: Moment = Field(
        description="When it matures, when the payment was due, or when the balance had its peak before the fall, UTC.",
        examples=["2027-01-15T00:00:00Z"],
    )
    raised_at: Moment = Field(description="When it was noticed, UTC.", examples=["2027-01-01T00:00:00Z"])


class CreditRatingDraft(InputModel):
    """What somebody holds of a customer's credit."""

    rating: Annotated[str, StringConstraints(min_length=1, max_length=40)] = Field(
        description="As the source writes it.", examples=["BBB+"]
    )
    score: Annotated[int, Field(strict=True, ge=-1_000_000, le=1_000_000)] | None = Field(
        default=None, description="As a number, where the source gives one.", examples=[712]
    )
    source: Annotated[str, StringConstraints(min_length=1, max_length=100)] = Field(description="Who rated.", examples=["credit bureau"])
    rated_at: MomentInput = Field(description="When.", examples=["2026-02-01T00:00:00Z"])


class CreditRating(OutputModel):
    """What somebody holds of a customer's credit."""

    id: str = Field(description="`crt_…`", examples=["crt_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    rating: str = Field(description="As the source writes it.", examples=["BBB+"])
    score: int | None = Field(description="As a number, where the source gives one.", examples=[712])
    source: str = Field(description="Who rated.", examples=["credit bureau"])
    rated_at: Moment = Field(description="When, UTC.")


class ProductSums(OutputModel):
    """The open holdings of one kind and currency."""

    product_kind: ProductKind = Field(description="What they are.", examples=["deposit"])
    currency: str = Field(description="ISO 4217 code.", examples=["EUR"])
    holdings: int = Field(description="How many are open.", examples=[2])
    balance_minor: int = Field(description="Sum of their latest balances, in minor units.", examples=[2_500_000])
    rate_ppm: int | None = Field(description="Mean interest, weighted by balance; null where none is known.", examples=[39_000])
    next_maturity_at: Moment | None = Field(description="When the next of them ends, UTC.")
    overdue_payments: int = Field(description="How many wait for a payment that is overdue.", examples=[0])


class FinancialSummary(OutputModel):
    """The financial relationship with a customer, over all of his records."""

    products: list[ProductSums] = Field(description="His open holdings by kind and currency.")
    closed: int = Field(description="Holdings that are closed.", examples=[1])
    credit_rating: CreditRating | None = Field(description="The latest; null without one, and to callers without `contacts:read`.")

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from loyalty.liability.rules import Reason
from shared.http.schemas import InputModel, Moment, MomentInput, OutputModel

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class PointValueInput(InputModel):
    """What a point costs from a moment on."""

    amount_minor: int = Field(strict=True, ge=0, le=10**9, description="Minor units of money …", examples=[1])
    points: int = Field(strict=True, default=1, ge=1, le=10**9, description="… for so many points.", examples=[1])
    currency: Currency = Field(description="ISO 4217 code.", examples=["EUR"])
    effective_from: MomentInput | None = Field(default=None, description="Since when; now when absent.")


class PointValue(OutputModel):
    """What a point costs from a moment on."""

    version: int = Field(description="1 for the first.", examples=[1])
    amount_minor: int = Field(description="Minor units of money …", examples=[1])
    points: int = Field(description="… for so many points.", examples=[1])
    currency: str = Field(description="ISO 4217 code.", examples=["EUR"])
    effective_from: Moment = Field(description="Since when.", examples=["2026-01-01T00:00:00Z"])


class PointValues(OutputModel):
    """What a point of a programme costs, since when."""

    current: PointValue | None = Field(description="The present value; null when none was set.")
    versions: list[PointValue] = Field(description="All of them, the one that begins last first; at most the last hundred.")


class Outstanding(OutputModel):
    """What the members hold of a wallet."""

    wallet: str = Field(description="The wallet.", examples=["points"])
    kind: str = Field(description="points, tier_points or stored_value.", examples=["points"])
    outstanding: int = Field(
        description="What members hold and could spend now or later, less what they owe; nothing that has expired.", examples=[2_453_159]
    )
    pending: int = Field(description="What of it cannot be spent yet.", examples=[0])
    members: int = Field(description="Members with something in the books.", examples=[23_570])
    value_minor: int | None = Field(
        description="Its value: points at the point's value, stored value as it is; null for what is worth nothing or has no value.",
        examples=[2_453_159],
    )
    currency: str | None = Field(description="Of the value.", examples=["EUR"])


class BackTestCheck(OutputModel):
    """A forecast as it would have been made in the past, and what came."""

    month: date = Field(description="At the beginning of which it was made.", examples=["2026-01-01"])
    expected: int = Field(description="Points that it expected to be spent within the months tested.", examples=[81_200])
    actual: int = Field(description="Points that were.", examples=[83_004])


class HorizonEstimate(OutputModel):
    """What of the outstanding points is expected to be spent in so many months, and how such forecasts did in the past."""

    months_ahead: int = Field(description="In so many months.", examples=[12])
    expected_redemptions: int = Field(description="Of the outstanding points.", examples=[910_000])
    expected_redemptions_low: int = Field(description="Lower end of the interval.", examples=[870_000])
    expected_redemptions_high: int = Field(description="Upper end of the interval.", examples=[955_000])
    level: float = Field(description="Share of such forecasts that the interval is made to hold.", examples=[0.875])
    cut_offs: int = Field(description="Past months at which such a forecast was made and compared with what came.", examples=[23])
    coverage: float | None = Field(
        description="Share of past forecasts that fell into the interval known before them; null when there were none to look at.",
        examples=[1.0],
    )
    evaluations: int = Field(description="How many those are.", examples=[4])


class BreakageEstimate(OutputModel):
    """How much of the outstanding points will never be spent, with the error that such forecasts made before."""

    reliable: bool = Field(description="Whether there is an estimate; if not, `reason` says why and there are no numbers.", examples=[True])
    reason: Reason | None = Field(description="history_short or nothing_redeemed.", examples=[None])
    months: int = Field(description="Complete months of history.", examples=[46])
    expected_redemptions: int | None = Field(description="Of the outstanding points.", examples=[1_840_000])
    expected_redemptions_low: int | None = Field(description="Lower end of the interval.", examples=[1_790_000])
    expected_redemptions_high: int | None = Field(description="Upper end of the interval.", examples=[1_905_000])
    breakage: int | None = Field(description="Outstanding points that are expected never to be spent.", examples=[613_159])
    breakage_low: int | None = Field(description="Lower end of the interval.", examples=[548_159])
    breakage_high: int | None = Field(description="Upper end of the interval.", examples=[663_159])
    expected_value_minor: int | None = Field(description="Value of the expected redemptions.", examples=[1_840_000])
    level: float | None = Field(description="Share of such forecasts that the interval is made to hold.", examples=[0.875])
    tested_ahead_months: int = Field(description="Months ahead over which the forecasts of `coverage` were tested.", examples=[6])
    coverage: float | None = Field(
        description="Share of past forecasts that fell into the interval known before them; null when there were none to look at.",
        examples=[0.9375],
    )
    evaluations: int = Field(description="How many those are.", examples=[16])
    horizons: list[HorizonEstimate] = Field(
        description="Forecasts of 1, 3, 6 and 12 months, each with its own back-test, where the history is long enough; nearest first. "
        "The interval of the whole is as wide as the widest of theirs."
    )


class Liability(OutputModel):
    """What a programme owes its members."""

    programme_id: str = Field(description="The programme.", examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    as_of: Moment = Field(description="At this instant …", examples=["2026-12-31T23:59:59Z"])
    known_at: Moment = Field(description="… as far as it was known at this one.", examples=["2027-01-05T08:00:00Z"])
    outstanding: int = Field(description="Points that members hold in wallets to spend from.", examples=[2_453_159])
    pending: int = Field(description="What of them cannot be spent yet.", examples=[0])
    value_minor: int | None = Field(description="Their value if all were spent; null without a point value.", examples=[2_453_159])
    currency: str | None = Field(description="Of the value.", examples=["EUR"])
    wallets: list[Outstanding] = Field(description="All wallets of the programme.")
    breakage: BreakageEstimate


class Cohort(OutputModel):
    """The points that were earned in a month."""

    month: date = Field(description="The month.", examples=["2026-01-01"])
    earned: int = Field(description="How many.", examples=[130_000])
    redeemed: int = Field(description="Spent so far, less what came back.", examples=[70_000])
    gone: int = Field(description="Expired, taken back for returns or given up so far.", examples=[8_000])
    outstanding: int = Field(description="Left.", examples=[52_000])
    expected_redemptions: int | None = Field(description="Of what is left; null while the estimate is unreliable.", examples=[31_000])
    ultimate_redemption_rate: float | None = Field(
        description="What was and will be spent, of what was earned and not taken back so far; null while unreliable.", examples=[0.83]
    )


class Breakage(OutputModel):
    """The estimate of breakage in full: by month of earning, and how past forecasts did."""

    programme_id: str = Field(description="The programme.", examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    wallet: str = Field(description="The wallet.", examples=["points"])
    estimate: BreakageEstimate
    cohorts: list[Cohort] = Field(description="By month of earning, oldest first; at most the last 240.")
    back_test: list[BackTestCheck] = Field(description="Forecasts at past cut-offs, oldest first.")


class RollForwardLine(OutputModel):
    """A wallet over a period: opening + issued - redeemed - expired + adjusted + transferred - reversed = closing."""

    wallet: str = Field(description="The wallet.", examples=["points"])
    begins_on: date = Field(description="First day of the month or year; the first may begin later.", examples=["2026-01-01"])
    opening: int = Field(description="Outstanding before.", examples=[1_000_000])
    issued: int = Field(description="Earned.", examples=[120_000])
    redeemed: int = Field(description="Spent, less what came back of it.", examples=[60_000])
    expired: int = Field(description="Expired or given up, booked or not, less what had not after all.", examples=[10_000])
    adjusted: int = Field(description="Given or, below zero, taken by hand.", examples=[-200])
    transferred: int = Field(description="Between members: zero, unless one of them was told of at another time.", examples=[0])
    reversed: int = Field(description="Taken back for returns and cancellations.", examples=[3_000])
    closing: int = Field(description="Outstanding after.", examples=[1_046_800])


class RollForward(OutputModel):
    """How the outstanding points became what they are."""

    programme_id: str = Field(description="The programme.", examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    since: Moment = Field(description="From then on.", examples=["2026-01-01T00:00:00Z"])
    until: Moment = Field(description="Until before then.", examples=["2027-01-01T00:00:00Z"])
    by: Literal["month", "year"] = Field(description="A line a month or a year.", examples=["month"])
    data: list[RollForwardLine] = Field(description="By wallet and period; periods in which nothing moved are there too.")


class CostLine(OutputModel):
    """What a rule, a rate or a hand gave, and what it costs."""

    source: str = Field(description="`rul_…@version`, `rate@version`, adjustment or other.", examples=["rul_1@3"])
    entries: int = Field(description="How often.", examples=[1_200])
    points_given: int = Field(description="How many points.", examples=[48_000])
    points_taken_back: int = Field(description="For returns and cancellations.", examples=[1_000])
    points: int = Field(description="What stays of them.", examples=[47_000])
    cost_minor: int | None = Field(description="At the point's value of each day; null before it had one.", examples=[47_000])
    currency: str | None = Field(description="Of the cost.", examples=["EUR"])


class Costs(OutputModel):
    """What a programme gave in a period, by rule."""

    programme_id: str = Field(description="The programme.", examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    since: Moment = Field(description="From then on.", examples=["2026-01-01T00:00:00Z"])
    until: Moment = Field(description="Until before then.", examples=["2027-01-01T00:00:00Z"])
    points: int = Field(description="What stays of all that was given.", examples=[47_000])
    data: list[CostLine] = Field(description="The largest first; at most a thousand.")

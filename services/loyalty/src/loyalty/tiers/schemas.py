from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path
from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from loyalty.fields import WalletCode
from loyalty.rules.schemas import Factor
from loyalty.texts import LocalisedText
from shared.http.schemas import InputModel, Moment, MomentInput, OutputModel, ShortText

_NAME = {"en": "Gold", "ru": "Золото", "zh": "金卡", "lv": "Zelts"}
TierCode = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$"), Field(description="Names the tier for ever.", examples=["gold"])
]
TierCodePath = Annotated[str, Path(description="The tier.", max_length=40, examples=["gold"])]
_Names = Annotated[list[ShortText], Field(max_length=1_000)]
_EffectiveFrom = Annotated[
    MomentInput | None,
    Field(description="From when on it counts; at once when absent. May lie back, and then judges the past too.", examples=[None]),
]


class FreeGood(InputModel):
    """Something that members of a tier get for nothing."""

    sku: ShortText = Field(description="The article.", examples=["CAKE-1"])
    quantity: int = Field(strict=True, default=1, ge=1, le=1_000, description="Pieces ...", examples=[1])
    every: Literal["once", "month", "quarter", "year", "birthday"] = Field(
        default="once", description="... so often.", examples=["birthday"]
    )


class Benefits(InputModel):
    """What a tier gives. Multiplier and early access apply by themselves here, the percentage in quotes; shops and tills read the rest."""

    multiplier: Factor = Field(default="1", description="What orders earn in the wallet of points, times this.", examples=["1.2"])
    early_access_hours: int = Field(
        strict=True,
        default=0,
        ge=0,
        le=8_784,
        description="How many hours before others new rewards can be had; shops do the same for new articles.",
        examples=[24],
    )
    exclusive_skus: _Names = Field(default=[], description="Articles that only this tier can buy.", examples=[["RESERVE-1"]])
    exclusive_categories: _Names = Field(default=[], description="Categories that only this tier can buy.", examples=[["reserve"]])
    free_goods: Annotated[list[FreeGood], Field(max_length=100)] = Field(default=[], description="What is free.")
    percent_bp: int = Field(
        strict=True, default=0, ge=0, le=10_000, description="Personal discount in hundredths of a per cent.", examples=[500]
    )


class TierDraft(InputModel):
    """A tier to be made."""

    code: TierCode
    name: LocalisedText
    rank: int = Field(strict=True, ge=1, le=1_000, description="Higher is better; no two share one.", examples=[2])
    threshold: int = Field(
        strict=True, ge=0, le=10**15, description="Reached from so many points, minor units or visits on.", examples=[500]
    )
    benefits: Benefits = Field(default_factory=Benefits, description="What it gives.")
    effective_from: _EffectiveFrom = None


class TierPatch(InputModel):
    """What may be changed of a tier."""

    name: LocalisedText = Field(default={"en": "-"})
    rank: int = Field(strict=True, default=1, ge=1, le=1_000, description="Higher is better.", examples=[2])
    threshold: int = Field(
        strict=True, default=0, ge=0, le=10**15, description="Reached from so many points, minor units or visits on.", examples=[500]
    )
    benefits: Benefits = Field(default_factory=Benefits, description="What it gives, as a whole.")
    effective_from: _EffectiveFrom = None


class Tier(OutputModel):
    """A tier."""

    code: str = Field(description="Its name for ever.", examples=["gold"])
    name: dict[str, str] = Field(description="A text by language tag.", examples=[_NAME])
    rank: int = Field(description="Higher is better.", examples=[2])
    threshold: int = Field(description="Reached from so many points, minor units or visits on.", examples=[500])
    benefits: Benefits = Field(description="What it gives.")
    created_at: Moment = Field(description="When it was made.", examples=["2026-03-01T12:00:00Z"])


class CalendarPeriod(InputModel):
    """What is earned counts from the beginning of a year, quarter or month of the programme's zone."""

    kind: Literal["calendar"]
    unit: Literal["year", "quarter", "month"] = Field(default="year", description="Which.", examples=["year"])
    carry_periods: int = Field(
        strict=True,
        default=0,
        ge=0,
        le=120,
        description="A tier is kept to the end of its period and of so many further ones.",
        examples=[1],
    )


class RollingPeriod(InputModel):
    """What is earned counts for a number of days or months."""

    kind: Literal["rolling"]
    unit: Literal["days", "months"] = Field(default="months", description="Which.", examples=["months"])
    length: int = Field(strict=True, default=12, ge=1, le=3_660, description="So many.", examples=[12])
    hold_months: int = Field(
        strict=True, default=0, ge=0, le=120, description="A tier is kept so long at least after each earning that met it.", examples=[12]
    )


class Qualification(InputModel):
    """How tiers are reached and lost."""

    measure: Literal["points", "spend", "visits"] = Field(
        default="spend", description="Points earned in a wallet, money spent in minor units, or orders.", examples=["points"]
    )
    wallet: WalletCode = Field(default="tier_points", description="Whose points count, when points do.", examples=["tier_points"])
    period: Annotated[CalendarPeriod | RollingPeriod, Field(discriminator="kind")] = Field(
        default_factory=lambda: RollingPeriod(kind="rolling"), description="In which time."
    )
    grace_days: int = Field(strict=True, default=0, ge=0, le=3_660, description="So much longer a tier is kept.", examples=[30])
    downgrade: Literal["hard", "soft", "none"] = Field(
        default="hard",
        description="To what is earned (hard), one tier down and that for one more period (soft), or never.",
        examples=["hard"],
    )

    @model_validator(mode="after")
    def _bounded(self) -> "Qualification":
        if isinstance(self.period, RollingPeriod) and self.period.unit == "months" and self.period.length > 120:
            raise PydanticCustomError("window_too_long", "A window has at most 120 months.")
        return self


class QualificationWish(Qualification):
    """How tiers are to be reached from a moment on."""

    effective_from: _EffectiveFrom = None


class QualificationAnswer(Qualification):
    """How tiers are reached now."""

    version: int = Field(
        strict=True, description="Of the whole scheme: each change of it or of a tier is a new one; 0 before the first.", examples=[4]
    )
    effective_from: Moment | None = Field(description="Since when it counts.", examples=["2026-03-01T00:00:00Z"])
    zone: str = Field(description="By whose clocks; the programme's when the version was made.", examples=["Europe/Riga"])


class MemberTier(OutputModel):
    """Where a member stands."""

    customer_id: str = Field(description="The member's customer id.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    as_of: Moment = Field(description="The instant that is looked at.", examples=["2026-03-10T12:00:00Z"])
    tier: str | None = Field(description="His tier; null below the first.", examples=["gold"])
    name: dict[str, str] | None = Field(description="What people call it.", examples=[_NAME])
    title: str | None = Field(description="The same in the language asked for.", examples=["Gold"])
    since: Moment | None = Field(description="Since when.", examples=["2026-02-01T09:00:00Z"])
    until: Moment | None = Field(description="When it ends unless he earns more; null when it does not.", examples=["2027-02-01T09:00:00Z"])
    falls_to: str | None = Field(description="What he has then.", examples=[None])
    measure: str | None = Field(description="What counts: points, spend or visits; null without tiers.", examples=["spend"])
    progress: int = Field(description="So many points, minor units or visits count now.", examples=[620])
    counts_from: Moment | None = Field(description="What was earned since then counts.", examples=["2025-03-10T12:00:00Z"])
    counts_until: Moment | None = Field(description="Until then, in a calendar period.", examples=[None])
    next_tier: str | None = Field(description="The next higher tier; null on the highest.", examples=["reserve"])
    missing: int | None = Field(description="So much more is needed for it.", examples=[1_880])
    benefits: Benefits | None = Field(description="What his tier gives.")


class TierChange(OutputModel):
    """A change of a member's tier."""

    changed_at: Moment = Field(description="The instant.", examples=["2026-02-01T09:00:00Z"])
    tier: str | None = Field(description="The tier from then on.", examples=["gold"])
    previous: str | None = Field(description="The one before.", examples=[None])
    reason: Literal["earned", "lapsed", "returned", "scheme", "given"] = Field(
        description="earned, lapsed with time, taken by a return, by a change of the scheme, or by a person.", examples=["earned"]
    )
    scheme_version: int = Field(description="The version of the scheme that counted.", examples=[4])
    recorded_at: Moment | None = Field(
        description="When it was booked; null when nothing has booked it yet, or it is known otherwise by now.",
        examples=["2026-02-01T09:00:01Z"],
    )


class TierGift(InputModel):
    """A tier that somebody gives a member."""

    tier: TierCode | None = Field(description="He has this one at least; null ends what was given before.", examples=["gold"])
    until: MomentInput | None = Field(default=None, description="Until then; for ever when absent.", examples=["2026-12-31T22:00:00Z"])
    reason: ShortText = Field(description="Why.", examples=["Apology for a lost order"])


class TierLoss(OutputModel):
    """A member who is about to lose his tier."""

    customer_id: str = Field(description="The member's customer id.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    tier: str | None = Field(description="What he has.", examples=["gold"])
    until: datetime = Field(description="When it ends.", examples=["2026-03-20T22:00:00Z"])
    falls_to: str | None = Field(description="What he has then.", examples=[None])

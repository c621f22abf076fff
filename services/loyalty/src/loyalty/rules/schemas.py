from datetime import datetime
from fractions import Fraction
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import Field, StringConstraints, TypeAdapter

from loyalty.fields import MAX_POINTS, ProgrammeId, WalletCode
from loyalty.ledger.rules import POINTS
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.rules.rules import Effect as PureEffect
from loyalty.rules.rules import Rule as PureRule
from shared.http.schemas import InputModel, Moment, MomentInput, OutputModel, ShortText

Trigger = Literal[
    "order_placed",
    "customer_registered",
    "response_recorded",
    "interaction_recorded",
    "anniversary",
    "birthday",
    "referral_completed",
    "challenge_completed",
]
_Points = Annotated[int, Field(strict=True, ge=1, le=1_000_000, description="How many points.", examples=[1])]
_Names = Annotated[list[ShortText], Field(max_length=1_000)]
Factor = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}(\.[0-9]{1,4})?$")]
RuleIdPath = Annotated[str, Path(description="The rule, `rul_…`.", max_length=200, examples=["rul_01jd3z0k7cz9v8w6t5s4r3q2p1"])]


class _OfArticles(InputModel):
    skus: _Names = Field(default=[], description="Only these articles; all when empty.", examples=[["TEA-1"]])
    categories: _Names = Field(default=[], description="Only these categories; all when empty.", examples=[["tea"]])
    excluded_skus: _Names = Field(default=[], description="But not these articles.", examples=[["GIFTCARD"]])


class PerAmount(_OfArticles):
    """Points for money."""

    kind: Literal["per_amount"]
    points: _Points
    per: int = Field(strict=True, ge=1, le=1_000_000_000, description="For so many minor units.", examples=[100])


class PerQuantity(_OfArticles):
    """Points for pieces."""

    kind: Literal["per_quantity"]
    points: _Points
    per: int = Field(strict=True, default=1, ge=1, le=1_000_000, description="For so many pieces.", examples=[1])


class Fixed(InputModel):
    """A number of points."""

    kind: Literal["fixed"]
    points: _Points
    multiplied: bool = Field(strict=True, default=False, description="Whether multipliers apply to it.")


class Multiplier(InputModel):
    """A factor for what other rules give."""

    kind: Literal["multiplier"]
    factor: Factor = Field(description="A decimal number of at least 1.", examples=["1.2"])


Effect = Annotated[PerAmount | PerQuantity | Fixed | Multiplier, Field(discriminator="kind")]


class CustomerLimit(InputModel):
    """The most that a customer can get from a rule in a period."""

    points: int = Field(strict=True, ge=1, le=MAX_POINTS, description="So many points ...", examples=[500])
    period: Literal["day", "week", "month", "year", "ever"] = Field(
        default="ever", description="... in each of these, by the programme's zone.", examples=["month"]
    )


class RuleTerms(InputModel):
    """What a rule says."""

    trigger: Trigger = Field(description="What it looks at.", examples=["order_placed"])
    effect: Effect = Field(description="What it gives.", examples=[{"kind": "per_amount", "points": 1, "per": 100}])
    condition: Annotated[str, StringConstraints(min_length=1, max_length=1_000)] | None = Field(
        default=None,
        description="When it counts: an expression in CEL over `event`, `customer`, whose segments are `customer.segments`, and `tier`; "
        "always when absent.",
        examples=["event.channel == 'app' && event.amount_minor >= 2000", "'vip' in customer.segments"],
    )
    priority: int = Field(strict=True, default=100, ge=0, le=10_000, description="Lower stands first.", examples=[100])
    group: ShortText | None = Field(default=None, description="Of rules of one group only the best counts.", examples=["seasonal"])
    wallet: WalletCode = POINTS
    pending_days: int = Field(
        strict=True, default=0, ge=0, le=366, description="Points cannot be spent before so many days.", examples=[14]
    )
    expires_days: int | None = Field(
        strict=True, default=None, ge=1, le=36_600, description="They expire after so many days.", examples=[365]
    )
    per_occasion: int | None = Field(strict=True, default=None, ge=1, le=MAX_POINTS, description="The most at once.", examples=[1_000])
    per_customer: CustomerLimit | None = Field(default=None, description="The most for a customer.")
    budget: int | None = Field(
        strict=True, default=None, ge=1, le=MAX_POINTS, description="The most for everybody together.", examples=[1_000_000]
    )


class RuleDraft(RuleTerms):
    """A rule to be made, as a draft."""

    name: ShortText = Field(description="What people call it.", examples=["A point a euro"])
    programme_id: ProgrammeId = None


class RulePatch(InputModel):
    """What may be changed: the name, the terms of the draft as a whole, and the end of what is published."""

    name: ShortText = Field(default="", description="What people call it.", examples=["A point a euro"])
    terms: RuleTerms | None = Field(default=None, description="The terms of the next version; a published version never changes.")
    effective_until: MomentInput | None = Field(
        default=None,
        description="From then on the published version counts no more; null lets it go on.",
        examples=["2026-12-31T23:00:00Z"],
    )


class Publication(InputModel):
    """From when to when a version counts."""

    effective_from: MomentInput | None = Field(default=None, description="At once when absent.", examples=["2026-03-10T00:00:00Z"])
    effective_until: MomentInput | None = Field(default=None, description="For ever when absent.", examples=[None])


class RuleVersion(OutputModel):
    """A version of a rule; once published it never changes but for its end."""

    version: int = Field(description="1 for the first.", examples=[1])
    state: Literal["draft", "published", "ended"] = Field(description="Where it stands at this moment.", examples=["published"])
    terms: dict[str, Any] = Field(description="What it says.")
    effective_from: Moment | None = Field(description="It counts for what happens from then on.", examples=["2026-03-10T00:00:00Z"])
    effective_until: Moment | None = Field(description="Until then.", examples=[None])
    published_at: Moment | None = Field(description="When it was published.", examples=["2026-03-01T12:00:00Z"])


class Rule(OutputModel):
    """An earning rule with its versions, newest first."""

    id: str = Field(description="The rule, `rul_…`.", examples=["rul_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    programme_id: str = Field(description="Its programme.", examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    name: str = Field(description="What people call it.", examples=["A point a euro"])
    state: Literal["draft", "published", "ended"] = Field(description="Of its newest version.", examples=["published"])
    created_at: Moment = Field(description="When it was made.", examples=["2026-03-01T12:00:00Z"])
    versions: list[RuleVersion] = Field(description="Newest first.")


TERMS = TypeAdapter(RuleTerms)


def rule_of(
    rule_id: str,
    version: int,
    terms: RuleTerms,
    effective_from: datetime,
    effective_until: datetime | None = None,
    programme_id: str = PROGRAMME_ID,
) -> PureRule:
    """Return terms as evaluation wants them."""
    limit = terms.per_customer
    return PureRule(
        id=rule_id,
        version=version,
        trigger=terms.trigger,
        effect=_effect_of(terms.effect),
        effective_from=effective_from,
        effective_until=effective_until,
        programme_id=programme_id,
        condition=terms.condition,
        priority=terms.priority,
        group=terms.group,
        wallet=terms.wallet,
        pending_days=terms.pending_days,
        expires_days=terms.expires_days,
        per_occasion=terms.per_occasion,
        customer_limit=limit.points if limit else None,
        customer_period=limit.period if limit else "ever",
        budget=terms.budget,
    )


def _effect_of(effect: PerAmount | PerQuantity | Fixed | Multiplier) -> PureEffect:
    if isinstance(effect, Multiplier):
        return PureEffect("multiplier", factor=Fraction(effect.factor))
    if isinstance(effect, Fixed):
        return PureEffect("fixed", points=effect.points, multiplied=effect.multiplied)
    return PureEffect(
        effect.kind,
        points=effect.points,
        per=effect.per,
        skus=frozenset(effect.skus),
        categories=frozenset(effect.categories),
        excluded_skus=frozenset(effect.excluded_skus),
    )

from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import Field, StringConstraints

from loyalty.badges.schemas import BadgeCode
from loyalty.fields import WalletCode
from loyalty.ledger.rules import POINTS
from loyalty.texts import LocalisedText
from shared.http.schemas import InputModel, Moment, MomentInput, OutputModel, ShortText

_NAME = {"en": "Five teas", "ru": "Пять чаёв", "zh": "五杯茶", "lv": "Piecas tējas"}
_GOAL = {"kind": "quantity", "target": 5, "categories": ["tea"], "within_days": 30}
ChallengeIdPath = Annotated[str, Path(description="The challenge, `chl_…`.", max_length=200, examples=["chl_01jd3z0k7cz9v8w6t5s4r3q2p1"])]
_Names = Annotated[list[ShortText], Field(max_length=1_000)]
Trigger = Literal["order_placed", "interaction_recorded", "response_recorded"]


class _OfArticles(InputModel):
    skus: _Names = Field(default=[], description="Only these articles; all when empty.", examples=[["TEA-1"]])
    categories: _Names = Field(default=[], description="Only these categories; all when empty.", examples=[["tea"]])
    within_days: int | None = Field(
        strict=True, default=None, ge=1, le=3_660, description="In so many days; in any time when absent.", examples=[30]
    )


class CountGoal(_OfArticles):
    """A number of orders, interactions or answers."""

    kind: Literal["count"]
    trigger: Trigger = Field(default="order_placed", description="Of what.", examples=["order_placed"])
    target: int = Field(strict=True, ge=1, le=1_000_000, description="So many.", examples=[5])


class SpendGoal(_OfArticles):
    """Money spent."""

    kind: Literal["spend"]
    target: int = Field(strict=True, ge=1, le=10**15, description="Minor units.", examples=[10_000])


class QuantityGoal(_OfArticles):
    """Pieces bought."""

    kind: Literal["quantity"]
    target: int = Field(strict=True, ge=1, le=1_000_000, description="So many.", examples=[5])


class StreakGoal(InputModel):
    """Days, weeks or months in a row with an order, an interaction or an answer."""

    kind: Literal["streak"]
    trigger: Trigger = Field(default="order_placed", description="With what.", examples=["order_placed"])
    target: int = Field(strict=True, ge=2, le=10_000, description="So many in a row.", examples=[4])
    unit: Literal["day", "week", "month"] = Field(description="Of the programme's zone; weeks begin on Monday.", examples=["week"])
    grace: int = Field(strict=True, default=0, ge=0, le=100, description="So many in a row may be missed.", examples=[1])


Goal = Annotated[CountGoal | SpendGoal | QuantityGoal | StreakGoal, Field(discriminator="kind")]


class Reward(InputModel):
    """What whoever meets a challenge gets."""

    points: int = Field(strict=True, default=0, ge=0, le=1_000_000_000, description="Points.", examples=[100])
    wallet: WalletCode = Field(default=POINTS, description="In this wallet.", examples=["points"])
    expires_days: int | None = Field(
        strict=True, default=None, ge=1, le=36_600, description="They expire after so many days.", examples=[90]
    )
    badge: BadgeCode | None = Field(default=None, description="A badge.", examples=["tea_lover"])
    voucher_batch_id: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        default=None, description="A code of this batch, which only he can use.", examples=[None]
    )


class ChallengeTerms(InputModel):
    """What is to be done and what it gives; it never changes."""

    goal: Goal = Field(description="What is to be done.", examples=[_GOAL])
    condition: Annotated[str, StringConstraints(min_length=1, max_length=1_000)] | None = Field(
        default=None,
        description="What counts: an expression in CEL over `event`, `customer`, whose segments are `customer.segments`, and `tier`; "
        "everything when absent.",
        examples=["event.channel == 'app'"],
    )
    max_times: int | None = Field(
        strict=True, default=1, ge=1, le=10_000, description="How often it can be met; any number of times when null.", examples=[1]
    )
    reward: Reward = Field(default_factory=Reward, description="What it gives each time.")


class ChallengeDraft(ChallengeTerms):
    """A challenge to be made."""

    name: LocalisedText
    description: LocalisedText | None = None
    starts_at: MomentInput | None = Field(
        default=None,
        description="What happens from then on counts, of what is heard from now on; from now when absent.",
        examples=["2026-03-01T00:00:00Z"],
    )
    ends_at: MomentInput | None = Field(default=None, description="Until then; for ever when absent.", examples=["2026-06-01T00:00:00Z"])


class ChallengePatch(InputModel):
    """What may be changed of a challenge."""

    name: LocalisedText = Field(default={"en": "-"})
    description: LocalisedText | None = None
    ends_at: MomentInput | None = Field(
        default=None, description="What happens from then on counts no more; what counted stays.", examples=["2026-06-01T00:00:00Z"]
    )


class Challenge(OutputModel):
    """A challenge."""

    id: str = Field(description="`chl_…`", examples=["chl_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    name: dict[str, str] = Field(description="A text by language tag.", examples=[_NAME])
    description: dict[str, str] | None = Field(description="What it asks for.", examples=[None])
    goal: dict[str, Any] = Field(description="What is to be done.", examples=[_GOAL])
    condition: str | None = Field(description="What counts.", examples=[None])
    max_times: int | None = Field(description="How often it can be met.", examples=[1])
    reward: Reward = Field(description="What it gives each time.")
    starts_at: Moment = Field(description="What happens from then on counts.", examples=["2026-03-01T00:00:00Z"])
    ends_at: Moment | None = Field(description="Until then.", examples=[None])
    created_at: Moment = Field(description="When it was made.", examples=["2026-03-01T12:00:00Z"])


class MemberChallenge(OutputModel):
    """How far a member is with a challenge."""

    challenge_id: str = Field(description="The challenge.", examples=["chl_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    name: dict[str, str] = Field(description="A text by language tag.", examples=[_NAME])
    title: str = Field(description="The same in the language asked for.", examples=["Five teas"])
    kind: str = Field(description="Of its goal.", examples=["quantity"])
    value: int = Field(description="So far, towards the next time.", examples=[3])
    target: int = Field(description="Of so many.", examples=[5])
    completed: int = Field(description="How often he has met it.", examples=[0])
    completed_at: Moment | None = Field(description="When last.", examples=[None])
    ends_at: Moment | None = Field(description="Until when it runs.", examples=["2026-06-01T00:00:00Z"])
    reward: Reward = Field(description="What it gives each time.")


class MemberStreak(OutputModel):
    """How long a member's streak is."""

    challenge_id: str = Field(description="The challenge that counts it.", examples=["chl_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    name: dict[str, str] = Field(description="A text by language tag.", examples=[_NAME])
    unit: str = Field(description="day, week or month.", examples=["week"])
    current: int = Field(description="In a row up to now; 0 when it has broken.", examples=[3])
    longest: int = Field(description="Ever.", examples=[7])
    last_at: Moment | None = Field(description="The last thing that counted.", examples=["2026-03-08T12:00:00Z"])
    breaks_at: Moment | None = Field(description="When it breaks unless something counts before.", examples=["2026-03-22T22:00:00Z"])


class StreakList(OutputModel):
    """A member's streaks."""

    data: list[MemberStreak] = Field(description="One a challenge, in the order of their making.")

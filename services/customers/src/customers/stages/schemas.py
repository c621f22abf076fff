"""Stages as the interface shows them."""

from typing import Annotated, Any, Self

from asyncpg import Record
from fastapi import Path
from pydantic import Field, StringConstraints

from customers.stages.rules import Journey, Lifecycle, Rule, Track, When
from customers.stages.service import RuleSet
from shared.http.schemas import InputModel, Moment, OutputModel, ShortText

MAX_RULES = 100

TrackInPath = Annotated[Track, Path(description="lifecycle or journey.")]
_AnyStage = Annotated[Lifecycle | Journey, Field(description="A stage of the track.", examples=["retained"])]
_Word = Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9_]{0,62}$")]
_Words = Annotated[list[_Word], Field(min_length=1, max_length=50)]


class StageDraft(InputModel):
    """Where somebody puts a customer."""

    stage: _AnyStage
    reason: ShortText | None = Field(default=None, description="Why.", examples=["Won back at the fair"])


class Stage(OutputModel):
    """Where a customer is on a track."""

    stage: str = Field(description="The stage.", examples=["retained"])
    entered_at: Moment = Field(description="Since when, UTC.")
    reason: str = Field(description="The rule that moved him, or manual.", examples=["second_purchase_day"])
    customer_id: str = Field(description="The record that is there: the furthest of all that stand for the customer.")


class Stages(OutputModel):
    """Where a customer is."""

    lifecycle: Stage | None = Field(description="identified, attracted, converted, retained, grown.")
    journey: Stage | None = Field(description="attention, consideration, decision, purchase, service, advocacy.")

    @classmethod
    def of(cls, places: dict[str, Any]) -> Self:
        """Return what is shown of places with their records."""
        shown = {track: found and Stage(customer_id=found[0], **found[1]._asdict()) for track, found in places.items()}
        return cls(**shown)


class StageMove(OutputModel):
    """A step from a stage to another."""

    customer_id: str = Field(description="The record that moved.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    number: int = Field(description="Its number among the moves of the record.", examples=[3])
    track: Track = Field(description="On which track.")
    stage: str = Field(description="The stage entered.", examples=["retained"])
    previous: str | None = Field(description="The stage left.", examples=["converted"])
    entered_at: Moment = Field(description="UTC.")
    left_at: Moment | None = Field(description="UTC; he is still there when null.")
    reason: str = Field(description="The rule that moved him, or manual.", examples=["second_purchase_day"])
    actor: str | None = Field(description="Who moved him by hand.", examples=["server:0123456789abcdef"])
    explanation: str | None = Field(description="Why, in his words.", examples=["Won back at the fair"])

    @classmethod
    def of(cls, row: Record) -> Self:
        """Return what is shown of a row."""
        return cls(**row)


class RuleConditions(InputModel):
    """What a fact must be like; all that are given must hold."""

    kinds: _Words | None = Field(default=None, description="Of interactions or materials; one of these.", examples=[["page_view"]])
    directions: _Words | None = Field(default=None, description="inbound, outbound or unknown; one of these.", examples=[["inbound"]])
    questions: _Words | None = Field(default=None, description="Of responses; one of these.", examples=[["nps"]])
    min_score: int | None = Field(default=None, ge=0, le=100, description="Of responses.", examples=[9])
    min_purchase_days: int | None = Field(default=None, ge=1, le=2, description="Of orders: on how many days he has bought by then.")
    min_growth_percent: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="Of orders: by how much a year's exceed those of the year before.",
        examples=[50],
    )
    new_category: bool | None = Field(default=None, strict=True, description="Of orders: whether a category is new to him.")


class StageRule(InputModel):
    """What moves customers to a stage."""

    name: _Word = Field(description="The reason of its moves.", examples=["second_purchase_day"])
    track: Track = Field(description="On which track.")
    when: When = Field(description="Which kind of fact it looks at.", examples=["order_placed"])
    stage: _AnyStage | None = Field(default=None, description="Where to; absent: the stage that the fact names itself, on the journey.")
    conditions: RuleConditions = Field(default_factory=RuleConditions, description="What the fact must be like.")
    may_go_back: bool = Field(
        default=False,
        strict=True,
        description="Whether it also moves to an earlier stage; the first such rule that fits decides.",
    )

    def rule(self) -> Rule:
        """Return the rule."""
        fields = self.model_dump(exclude={"conditions"})
        return Rule(**fields, conditions=self.conditions.model_dump(exclude_none=True))


class StageRulesDraft(InputModel):
    """All rules, in the order in which they are looked at."""

    rules: Annotated[list[StageRule], Field(max_length=MAX_RULES)]


class StageRules(OutputModel):
    """The rules in force."""

    rules: list[StageRule] = Field(description="In the order in which they are looked at.")
    set_at: Moment | None = Field(description="UTC; null while nobody has set any.")
    set_by: str | None = Field(description="Who set them.", examples=["server:0123456789abcdef"])

    @classmethod
    def of(cls, present: RuleSet) -> Self:
        """Return what is shown of the rules."""
        names = ("name", "track", "when", "stage", "may_go_back")
        rules = [
            StageRule(conditions=RuleConditions.model_validate(dict(rule.conditions)), **{name: getattr(rule, name) for name in names})
            for rule in present.rules
        ]
        return cls(rules=rules, set_at=present.set_at, set_by=present.set_by)


class StageCount(OutputModel):
    """A stage and who is there."""

    stage: str = Field(description="The stage.", examples=["retained"])
    customers: int = Field(description="Customers who are there now.", examples=[120])
    entered: int = Field(description="Moves into it within the period.", examples=[40])
    left: int = Field(description="Moves out of it within the period.", examples=[12])
    median_seconds: float | None = Field(description="How long those who left had been there; null when nobody left.", examples=[86400.0])


class StageFlow(OutputModel):
    """How many went from a stage to another."""

    previous: str | None = Field(description="From; null for who came onto the track.", examples=["converted"])
    stage: str = Field(description="To.", examples=["retained"])
    moves: int = Field(description="Moves within the period.", examples=[31])


class TrackSummary(OutputModel):
    """A track, to be drawn as a funnel."""

    stages: list[StageCount] = Field(description="In the order of the track.")
    moves: list[StageFlow] = Field(description="Most first.")


class StageSummary(OutputModel):
    """Both tracks within a period."""

    starts_at: Moment = Field(description="Beginning of the period, UTC.")
    ends_at: Moment = Field(description="End of the period, UTC; not within.")
    lifecycle: TrackSummary = Field(description="identified, attracted, converted, retained, grown.")
    journey: TrackSummary = Field(description="attention, consideration, decision, purchase, service, advocacy.")

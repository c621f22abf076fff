"""The timeline and its pain points as the interface shows them."""

from typing import Any, Literal

from pydantic import Field

from shared.http.schemas import Moment, OutputModel

JourneyStage = Literal["attention", "consideration", "decision", "purchase", "service", "advocacy"]
Sentiment = Literal["negative", "neutral", "positive"]
KIND_PATTERN = "^[a-z][a-z0-9_]{0,39}$"


class TouchView(OutputModel):
    """One touch between a customer and the company."""

    id: str = Field(description="`tch_…`", examples=["tch_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_id: str = Field(description="The record that it was made for: the customer or one merged into him.")
    kind: str = Field(description="Such as order, return, call, consent or response.", examples=["order"])
    channel: str | None = Field(description="Where it happened.", examples=["web"])
    journey_stage: JourneyStage | None = Field(description="Where on the journey it happened.", examples=["purchase"])
    sentiment: Sentiment | None = Field(description="How the customer felt, when known.", examples=[None])
    occurred_at: Moment = Field(description="When it happened, UTC.")
    source_id: str = Field(description="The order, interaction, response … that it tells of.", examples=["ord_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    summary: dict[str, Any] = Field(description="A few facts of it, by its kind.", examples=[{"amount_minor": 2598, "currency": "EUR"}])


class Example(OutputModel):
    """A touch that hurt."""

    id: str = Field(description="`tch_…`", examples=["tch_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    kind: str = Field(description="Such as call or response.", examples=["call"])
    source_id: str = Field(description="The interaction or response.", examples=["itr_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_id: str = Field(description="The customer.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])


class ShareInterval(OutputModel):
    """The Wilson interval of a share at 95 %."""

    low: float = Field(description="Lower end, 0 to 1.", examples=[0.1342])
    high: float = Field(description="Upper end, 0 to 1.", examples=[0.2866])


class FeltView(OutputModel):
    """How the touches of a stage felt within a period."""

    touches: int = Field(description="Interactions and responses whose sentiment is known.", examples=[100])
    negative: int = Field(description="The negative ones among them.", examples=[20])
    low_responses: int = Field(description="Responses with a low score among these.", examples=[12])
    share: float | None = Field(description="Share of the negative ones, 0 to 1; null without touches.", examples=[0.2])
    interval: ShareInterval | None = Field(description="How sure the share is; null without touches.")


class PainPoint(FeltView):
    """A stage of the journey and how much it hurts."""

    journey_stage: JourneyStage = Field(description="The stage.", examples=["service"])
    before: FeltView = Field(description="The same for the period of the same length before.")
    change: float | None = Field(description="By how much the share changed, -1 to 1; null where either has no touches.", examples=[0.05])
    examples: list[Example] = Field(description="The latest negative touches, at most five.")


class PainPoints(OutputModel):
    """The journey's stages, most negative touches first."""

    starts_at: Moment = Field(description="Start of the period, UTC.")
    ends_at: Moment = Field(description="End of the period, UTC; not part of it.")
    data: list[PainPoint] = Field(description="Every stage.")

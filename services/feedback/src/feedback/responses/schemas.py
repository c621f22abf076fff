"""Responses as the interface shows them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from pydantic import BeforeValidator, Field, StringConstraints, TypeAdapter

from feedback.fields import Channel, CustomerIdInput
from feedback.responses.rules import Answer
from shared.http.schemas import ExternalId, InputModel, Moment, MomentInput, OutputModel

MAX_COMMENT = 10_000

Question = Literal["nps"]


def _nothing_said(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


_Comment = Annotated[str, StringConstraints(max_length=MAX_COMMENT)]


class ResponseDraft(InputModel):
    """An answer to be recorded."""

    external_id: ExternalId | None = Field(default=None, description="The same response sent again under it changes nothing.")
    customer_id: CustomerIdInput | None = Field(default=None, description="Who answered; may be unknown. A member speaks for himself.")
    question: Question = Field(description="Which question was answered.", examples=["nps"])
    score: int = Field(strict=True, ge=0, le=10, description="How likely he is to recommend us, 0 to 10.", examples=[9])
    channel: Channel | None = None
    comment: Annotated[_Comment | None, BeforeValidator(_nothing_said)] = Field(
        default=None, description="In his words; blank is none. It never leaves this service.", examples=["Quick and kind."]
    )
    answered_at: MomentInput | None = Field(
        default=None, description="Now when absent; not in the future.", examples=["2026-02-28T18:05:00Z"]
    )

    def answer(self) -> Answer:
        """Return what was said."""
        return Answer(self.external_id, self.customer_id, self.question, self.score, self.channel, self.comment, self.answered_at)


RESPONSE = TypeAdapter(ResponseDraft)


class Scale(OutputModel):
    """The whole numbers that the question could be answered with."""

    min: int = Field(examples=[0])
    max: int = Field(examples=[10])


class Response(OutputModel):
    """An answer that was recorded."""

    id: str = Field(examples=["rsp_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    external_id: str | None
    customer_id: str | None = Field(examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_known: bool = Field(description="Whether the customer has been heard of; news of a new one takes a moment.")
    question: Question
    scale: Scale
    score: int = Field(examples=[9])
    channel: str | None = Field(examples=["email"])
    comment: str | None = Field(examples=["Quick and kind."])
    answered_at: Moment = Field(description="UTC.")
    recorded_at: Moment = Field(description="UTC.")


# Condition -> its value, those that were set only.
Conditions = Mapping[str, str | int | datetime]

_Score = Annotated[int | None, Query(ge=0, le=10)]


async def _conditions(
    question: Question | None = None,
    customer_id: Annotated[CustomerIdInput | None, Query(description="Of this customer and all who were merged with him.")] = None,
    channel: Channel | None = None,
    score_min: Annotated[_Score, Query(description="Lowest score, included.")] = None,
    score_max: Annotated[_Score, Query(description="Highest score, included.")] = None,
    answered_from: Annotated[MomentInput | None, Query(description="From this moment on.")] = None,
    answered_to: Annotated[MomentInput | None, Query(description="Before this moment.")] = None,
) -> Conditions:
    conditions = {
        "question": question,
        "customer_id": customer_id,
        "channel": channel,
        "score_min": score_min,
        "score_max": score_max,
        "answered_from": answered_from,
        "answered_to": answered_to,
    }
    return {name: value for name, value in conditions.items() if value is not None}


ResponseFilter = Annotated[Conditions, Depends(_conditions)]

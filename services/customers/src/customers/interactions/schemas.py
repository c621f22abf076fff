"""Interactions as the interface shows them."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from customers.fields import CustomerIdInBody
from customers.timeline.schemas import KIND_PATTERN, JourneyStage, Sentiment
from shared.http.schemas import BigInteger, ExternalId, InputModel, LongText, Moment, MomentInput, OutputModel, ShortText

MAX_ATTRIBUTES = 50
Direction = Literal["inbound", "outbound"]

_Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
_Value = Annotated[str, StringConstraints(max_length=1_000)] | Annotated[BigInteger, Field(strict=True)] | float | bool | None
# Facts of a client's own, by name.
Attributes = Annotated[dict[_Name, _Value], Field(max_length=MAX_ATTRIBUTES)]
_Channel = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class InteractionDraft(InputModel):
    """An interaction to be recorded, for a customer named by either of his ids."""

    external_id: ExternalId | None = Field(default=None, description="Sent again under it, the interaction is replaced.")
    customer_id: CustomerIdInBody | None = None
    customer_external_id: ExternalId | None = Field(
        default=None, description="The caller's id of the customer, who is made when unknown; a later upsert completes him."
    )
    kind: Annotated[str, StringConstraints(pattern=KIND_PATTERN)] = Field(
        description="Such as visit, call, email, chat, page_view or meeting; lower case.", examples=["call"]
    )
    channel: _Channel | None = Field(default=None, description="Such as web, app, shop, phone, email or social.", examples=["phone"])
    direction: Direction | None = Field(default=None, description="Who sought the other.", examples=["inbound"])
    journey_stage: JourneyStage | None = Field(default=None, description="Where on the journey it happened.", examples=["service"])
    sentiment: Sentiment | None = Field(default=None, description="How the customer felt, when known.", examples=["negative"])
    subject: ShortText | None = Field(default=None, description="A line that the timeline shows.", examples=["Parcel late"])
    text: LongText | None = Field(default=None, description="What was said; stays in this service.")
    occurred_at: MomentInput | None = Field(default=None, description="Now when absent.", examples=["2026-03-01T10:00:00Z"])
    attributes: Attributes = Field(default_factory=dict, description="What else is known of it.", examples=[{"agent": "Anna"}])

    @model_validator(mode="after")
    def _has_one_customer(self) -> Self:
        if (self.customer_id is None) == (self.customer_external_id is None):
            raise PydanticCustomError("customer_ambiguous", "Name the customer by either customer_id or customer_external_id.")
        return self


INTERACTION = TypeAdapter(InteractionDraft)


class Interaction(OutputModel):
    """A visit, a call, a message: an encounter of a customer and the company."""

    id: str = Field(description="`itr_…`", examples=["itr_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    external_id: str | None = Field(description="The caller's own identifier.", examples=["T-118"])
    customer_id: str = Field(description="The customer.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_external_id: str | None = Field(description="The caller's own identifier of the customer, as it is now.")
    kind: str = Field(description="Such as visit, call, email, chat, page_view or meeting.", examples=["call"])
    channel: str | None = Field(description="Where it happened.", examples=["phone"])
    direction: Direction | None = Field(description="Who sought the other.", examples=["inbound"])
    journey_stage: JourneyStage | None = Field(description="Where on the journey it happened.", examples=["service"])
    sentiment: Sentiment | None = Field(description="How the customer felt, when known.", examples=["negative"])
    subject: str | None = Field(description="A line that the timeline shows.", examples=["Parcel late"])
    text: str | None = Field(description="What was said.")
    occurred_at: Moment = Field(description="When it happened, UTC.")
    attributes: dict[str, str | int | float | bool | None] = Field(description="What else is known of it.")
    created_at: Moment = Field(description="When it was recorded, UTC.")
    updated_at: Moment = Field(description="When it was last changed, UTC.")

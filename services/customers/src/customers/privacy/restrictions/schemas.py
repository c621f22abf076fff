"""Restrictions as the interface shows them."""

from typing import Literal

from pydantic import Field

from shared.http.schemas import InputModel, Moment, OutputModel

Reason = Literal["accuracy_contested", "unlawful", "legal_claim", "objection", "other"]


class RestrictionDraft(InputModel):
    """A restriction to be set."""

    reason: Reason = Field(default="other", description="Which letter of GDPR article 18(1) it rests on.", examples=["accuracy_contested"])


class Restriction(OutputModel):
    """Whether the data of a customer may be kept but not used."""

    customer_id: str = Field(description="The customer.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    restricted: bool = Field(description="Whether it is restricted.", examples=[True])
    reason: Reason | None = Field(description="Why.", examples=["accuracy_contested"])
    changed_at: Moment = Field(description="Since when, UTC.")

"""Identification as the interface takes and shows it."""

from typing import Annotated, Literal

from pydantic import Field

from customers.identities.rules import MAX_VALUE_LENGTH, IdentityKind
from customers.profiles.schemas import CustomerPatch
from shared.http.schemas import InputModel, MomentInput, OutputModel

MAX_IDENTITIES = 10


class SeenIdentity(InputModel):
    """An identifier that somebody was seen with."""

    kind: IdentityKind = Field(description="What it is.", examples=["device"])
    value: str = Field(min_length=1, max_length=MAX_VALUE_LENGTH, description="In any spelling.", examples=["A1B2-C3D4"])
    source: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Who gives out such identifiers; nothing to e-mail and phone.", examples=["shop"]
    )


class IdentificationDraft(InputModel):
    """Somebody who was seen."""

    identities: list[SeenIdentity] = Field(min_length=1, max_length=MAX_IDENTITIES, description="All that he was seen with.")
    profile: CustomerPatch | None = Field(default=None, description="What else is told of him, as in a merge patch.")
    seen_at: MomentInput | None = Field(default=None, description="When; now when absent.", examples=["2026-03-01T10:00:00Z"])


class IgnoredIdentity(OutputModel):
    """An identifier that was passed over."""

    kind: IdentityKind = Field(description="What it is.", examples=["device"])
    reason: Literal["blocked", "shared", "limit"] = Field(
        description="blocked: a rule says that it stands for nobody; shared: too many have it; limit: he has too many of its kind.",
        examples=["shared"],
    )


class Identification(OutputModel):
    """Who it was."""

    customer_id: str = Field(description="The customer.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    created: bool = Field(description="Whether he is new.", examples=[False])
    resolved_by: list[IdentityKind] = Field(description="Kinds of identifiers that led to him.", examples=[["email"]])
    ignored: list[IgnoredIdentity] = Field(description="Those that were passed over.")

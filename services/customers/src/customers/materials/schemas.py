"""Learning material as the interface shows it."""

from typing import Annotated, Literal, Self

from asyncpg import Record
from fastapi import Path
from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from customers.stages.rules import Journey
from shared.http.schemas import InputModel, LongText, Moment, MomentInput, OutputModel, ShortText

MaterialIdInPath = Annotated[
    str, Path(pattern="^[A-Za-z0-9_-]{1,64}$", description="The material.", examples=["mat_01jd3z0k7cz9v8w6t5s4r3q2p1"])
]
_Language = Literal["en", "ru", "zh", "lv"]
_Link = Annotated[str, StringConstraints(pattern="^https?://[^\\s]{1,1990}$")]
_ByLanguage = Annotated[dict[_Language, ShortText], Field(min_length=1, max_length=4)]
Status = Literal["opened", "completed"]


class MaterialDraft(InputModel):
    """Something that customers learn from, in up to four languages."""

    titles: _ByLanguage = Field(description="What it is called.", examples=[{"en": "First steps", "lv": "Pirmie soļi"}])
    texts: Annotated[dict[_Language, LongText], Field(max_length=4)] = Field(
        default_factory=dict, description="What it says.", examples=[{"en": "Open the box …"}]
    )
    links: Annotated[dict[_Language, _Link], Field(max_length=4)] = Field(
        default_factory=dict, description="Where it is.", examples=[{"en": "https://example.com/first-steps"}]
    )
    journey_stage: Journey = Field(description="Where on the journey it helps.", examples=["service"])

    @model_validator(mode="after")
    def _has_content(self) -> Self:
        if not self.texts and not self.links:
            raise PydanticCustomError("material_empty", "Give a text or a link in at least one language.")
        return self


class Material(OutputModel):
    """Something that customers learn from."""

    id: str = Field(description="The material.", examples=["mat_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    titles: dict[str, str] = Field(description="What it is called, by language.", examples=[{"en": "First steps"}])
    texts: dict[str, str] = Field(description="What it says, by language.", examples=[{"en": "Open the box …"}])
    links: dict[str, str] = Field(description="Where it is, by language.", examples=[{}])
    journey_stage: Journey = Field(description="Where on the journey it helps.", examples=["service"])
    created_at: Moment = Field(description="When it was recorded, UTC.")

    @classmethod
    def of(cls, row: Record) -> Self:
        """Return what is shown of a row."""
        return cls(**row)


class ProgressDraft(InputModel):
    """How far a customer has come."""

    status: Status = Field(description="Whoever completed it has also opened it.", examples=["completed"])
    occurred_at: MomentInput | None = Field(default=None, description="Now when absent.")


class Progress(OutputModel):
    """How far a customer has come with a material."""

    material_id: str = Field(description="The material.", examples=["mat_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_id: str = Field(description="The record that it was told of.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    opened_at: Moment = Field(description="When he first opened it, UTC.")
    completed_at: Moment | None = Field(description="When he first completed it, UTC.")

    @classmethod
    def of(cls, row: Record) -> Self:
        """Return what is shown of a row."""
        return cls(**row)

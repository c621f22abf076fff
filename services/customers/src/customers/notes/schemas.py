"""Notes as the interface shows them."""

from typing import Annotated, Self

from asyncpg import Record
from fastapi import Path
from pydantic import Field

from shared.http.schemas import InputModel, LongText, Moment, OutputModel

NoteIdInPath = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$", description="The note.", examples=["not_01jd3z0k7cz9v8w6t5s4r3q2p1"])]
_Text = Annotated[LongText, Field(description="What is to be remembered.", examples=["Prefers to be called in the evening."])]
_Pinned = Annotated[bool, Field(strict=True, description="Whether it is to be seen first.", examples=[False])]


class NoteDraft(InputModel):
    """A note to be written; its author is the caller."""

    text: _Text
    pinned: _Pinned = False


class NotePatch(InputModel):
    """A merge patch: what is absent stays."""

    text: _Text | None = None
    pinned: _Pinned | None = None


class Note(OutputModel):
    """What somebody wrote about a customer."""

    id: str = Field(description="The note.", examples=["not_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_id: str = Field(
        description="The record that it was written about; stays when customers are merged.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"]
    )
    author: str = Field(description="The caller who wrote it.", examples=["server:0123456789abcdef"])
    text: str = Field(description="What is to be remembered.", examples=["Prefers to be called in the evening."])
    pinned: bool = Field(description="Whether it is to be seen first.")
    created_at: Moment = Field(description="When it was written, UTC.")
    updated_at: Moment = Field(description="When it last changed, UTC.")

    @classmethod
    def of(cls, row: Record) -> Self:
        """Return what is shown of a row."""
        return cls(pinned=row["is_pinned"], **{name: row[name] for name in cls.model_fields if name != "pinned"})

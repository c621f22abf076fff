"""Segments as the interface shows them."""

from typing import Annotated, Literal, Self

from asyncpg import Record
from fastapi import Path
from pydantic import Field, StringConstraints, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from customers.fields import CustomerIdInBody
from shared.http.schemas import ExternalId, InputModel, Moment, OutputModel, ShortText

_CODE = "^[a-z][a-z0-9_]{0,39}$"
_ID = "cus_01jd3z0k7cz9v8w6t5s4r3q2p1"
_EXAMPLE = {"en": "Best customers", "ru": "Лучшие клиенты", "zh": "优质客户", "lv": "Labākie klienti"}

SegmentCodeInPath = Annotated[str, Path(pattern=_CODE, description="The segment.", examples=["vip"])]
Kind = Literal["static"]
_Names = Annotated[
    dict[Literal["en", "ru", "zh", "lv"], ShortText],
    Field(min_length=1, max_length=4, description="What people call it, by language.", examples=[_EXAMPLE]),
]


class SegmentDraft(InputModel):
    """A segment to be made; who belongs to it is listed by hand, or by whoever sends the lists."""

    code: Annotated[str, StringConstraints(pattern=_CODE)] = Field(
        description="What rules and other services call it; never changes.", examples=["vip"]
    )
    names: _Names


class SegmentPatch(InputModel):
    """A merge patch: what is absent stays."""

    names: _Names | None = None


class Segment(OutputModel):
    """Customers who are addressed or rewarded alike."""

    code: str = Field(description="What rules and other services call it.", examples=["vip"])
    kind: Kind = Field(description="static: people list who belongs to it; more may come.", examples=["static"])
    names: dict[str, str] = Field(description="What people call it, by language.", examples=[_EXAMPLE])
    created_at: Moment = Field(description="When it was made, UTC.")

    @classmethod
    def of(cls, row: Record) -> Self:
        """Return what is shown of a row."""
        return cls(**{name: row[name] for name in cls.model_fields})


class SegmentOfCustomer(OutputModel):
    """A segment that a customer belongs to."""

    code: str = Field(description="The segment.", examples=["vip"])
    kind: Kind = Field(description="static: people list who belongs to it; more may come.", examples=["static"])
    names: dict[str, str] = Field(description="What people call it, by language.", examples=[_EXAMPLE])
    entered_at: Moment = Field(description="Since when, UTC; the first of his records.")

    @classmethod
    def of(cls, row: Record) -> Self:
        """Return what is shown of a row."""
        return cls(**row)


class SegmentMember(OutputModel):
    """A customer who belongs to a segment."""

    customer_id: str = Field(description="The record that was named; stays when customers are merged.", examples=[_ID])
    entered_at: Moment = Field(description="Since when, UTC.")

    @classmethod
    def of(cls, row: Record) -> Self:
        """Return what is shown of a row."""
        return cls(**row)


class MemberDraft(InputModel):
    """A customer who is to enter a segment, or to leave it, by his id here or by the caller's."""

    customer_id: CustomerIdInBody | None = Field(default=None, description="The customer.")
    external_id: ExternalId | None = Field(default=None, description="In place of `customer_id`.", examples=["C-10042"])

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.customer_id is None) == (self.external_id is None):
            raise PydanticCustomError("customer_unclear", "Send either customer_id or external_id.")
        return self


MEMBER = TypeAdapter(MemberDraft)

"""Exports as the interface takes and shows them."""

from typing import Annotated, Any, Literal, Self

from asyncpg import Record
from pydantic import Field, StringConstraints

from customers.fields import Country
from customers.profiles.rules import Kind
from customers.stages.rules import Journey, Lifecycle
from shared.http.schemas import InputModel, Moment, MomentInput, OutputModel

_Text = Annotated[str, StringConstraints(min_length=1, max_length=254)]
Status = Literal["queued", "running", "succeeded", "failed", "expired"]


class ExportFilter(InputModel):
    """Which customers are wanted: the filters of the list."""

    kind: Kind | None = Field(default=None, description="Persons or companies only.")
    country: Country | None = Field(default=None, description="ISO 3166-1 alpha-2 code.")
    language: _Text | None = Field(default=None, description="BCP 47 tag, exactly.", examples=["lv"])
    city: _Text | None = Field(default=None, description="Exactly.", examples=["Rīga"])
    external_id: _Text | None = Field(default=None, description="Exactly.")
    email: _Text | None = Field(default=None, description="In any case.")
    phone: _Text | None = Field(default=None, description="E.164.", examples=["+37126123456"])
    owner: _Text | None = Field(default=None, description="Who looks after them.")
    tag: _Text | None = Field(default=None, description="Has this tag.", examples=["vip"])
    interest: _Text | None = Field(default=None, description="Has this interest.", examples=["running"])
    lifecycle: Lifecycle | None = Field(default=None, description="Is in this stage of the lifecycle.")
    journey: Journey | None = Field(default=None, description="Is in this stage of the journey.")
    created_from: MomentInput | None = Field(default=None, description="Made at this moment or later.")
    created_to: MomentInput | None = Field(default=None, description="Made before this moment.")
    q: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(default=None, description="As in the list.")
    attributes: dict[_Text, str] = Field(default={}, max_length=20, description="By filterable attribute.", examples=[{"colour": "red"}])


class ExportDraft(InputModel):
    """An export to be made."""

    format: Literal["csv", "ndjson"] = Field(default="csv", description="CSV is safe to open in a spreadsheet.", examples=["csv"])
    filter: ExportFilter = Field(default_factory=ExportFilter, description="Everybody when empty.")
    fields: Annotated[list[_Text], Field(min_length=1, max_length=200)] | None = Field(
        default=None,
        description="Fields, in order; `attributes.<name>` is one attribute. All when absent.",
        examples=[["external_id", "name"]],
    )


class Export(OutputModel):
    """A file of customers."""

    id: str = Field(description="`exp_…`.", examples=["exp_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    job_id: str | None = Field(description="The job that makes it.", examples=["job_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    status: Status = Field(description="Where it stands.", examples=["succeeded"])
    format: Literal["csv", "ndjson"] = Field(description="Of the file.")
    filter: dict[str, Any] = Field(description="Which customers were wanted.", examples=[{"country": "LV"}])
    fields: list[str] = Field(description="In order.", examples=[["external_id", "name"]])
    masked: bool = Field(description="Whether contact data is masked.")
    rows: int = Field(description="Customers in it, once it is complete.", examples=[1000])
    file_bytes: int = Field(description="Its size, once it is complete.", examples=[123456])
    error_code: str | None = Field(description="Why it failed.", examples=[None])
    created_at: Moment = Field(description="When it was asked for, UTC.")
    finished_at: Moment | None = Field(description="When it was complete, UTC.")
    expires_at: Moment | None = Field(description="When the file is deleted, UTC; null once it is.")

    @classmethod
    def of(cls, row: Record) -> Self:
        """Return what is shown of an export."""
        return cls.model_validate(dict(row))

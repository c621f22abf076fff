"""Contacts and organisations as the interface shows them."""

from datetime import date
from typing import Annotated, Any, Literal, Self

from asyncpg import Record
from fastapi import Path
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from customers.fields import CustomerIdInBody, Email, Phone
from customers.privacy.masking import masked
from shared.http.schemas import DateInput, InputModel, Moment, OutputModel, ShortText

Role = Literal["decision_maker", "buyer", "billing", "technical", "legal", "logistics", "marketing", "influencer", "user", "owner", "other"]
ChannelKind = Literal["manufacturer", "wholesaler", "retailer", "other"]

ContactIdInPath = Annotated[
    str, Path(pattern="^[A-Za-z0-9_-]{1,64}$", description="The contact.", examples=["cnt_01jd3z0k7cz9v8w6t5s4r3q2p1"])
]
_Roles = Annotated[list[Role], Field(max_length=11, description="What he is asked about.", examples=[["decision_maker", "billing"]])]
_TITLE = Field(default=None, description="What he is there.", examples=["Head of purchasing"])
_FROM = Field(default=None, description="First day; unknown when absent.")
_TO = Field(default=None, description="Last day; still there when absent.")
_PRIMARY = "Whether he is asked first; there is one at most, so another ceases to be it."


class ContactDraft(InputModel):
    """Somebody who stands for an organisation: a customer, or a person who is none."""

    person_id: CustomerIdInBody | None = None
    name: ShortText | None = Field(default=None, description="Of a person without a record.", examples=["Jānis Ozols"])
    email: Email | None = Field(default=None, description="Of a person without a record.")
    phone: Phone | None = Field(default=None, description="Of a person without a record.")
    title: ShortText | None = _TITLE
    roles: _Roles = Field(default_factory=list)
    primary: bool = Field(default=False, strict=True, description=_PRIMARY)
    valid_from: DateInput | None = _FROM
    valid_to: DateInput | None = _TO

    @model_validator(mode="after")
    def _is_somebody(self) -> Self:
        if (self.person_id is None) == (self.name is None):
            raise PydanticCustomError("person_ambiguous", "Name the person by either person_id or name.")
        if self.person_id is not None and (self.email is not None or self.phone is not None):
            raise PydanticCustomError("person_has_record", "A customer's own record holds his address and number.")
        return self


class ContactPatch(InputModel):
    """A merge patch: what is absent stays, null empties; name, email and phone are those of a person without a record."""

    name: ShortText | None = Field(default=None, description="Cannot be emptied.", examples=["Jānis Ozols"])
    email: Email | None = None
    phone: Phone | None = None
    title: ShortText | None = _TITLE
    roles: _Roles | None = None
    primary: bool | None = Field(default=None, strict=True, description=_PRIMARY)
    valid_from: DateInput | None = _FROM
    valid_to: DateInput | None = _TO


class Contact(OutputModel):
    """Somebody who stands for an organisation."""

    id: str = Field(description="The contact.", examples=["cnt_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    organisation_id: str = Field(description="The record of the organisation.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    organisation_name: str | None = Field(description="What it is called.", examples=["SIA Bērzi"])
    person_id: str | None = Field(description="The record of the person; null for who is no customer.")
    name: str | None = Field(description="What the person is called; masked without `contacts:read`.", examples=["Jānis Ozols"])
    email: str | None = Field(description="Masked without `contacts:read`.", examples=["janis@example.com"])
    phone: str | None = Field(description="E.164; masked without `contacts:read`.", examples=["+37126123456"])
    title: str | None = Field(description="What he is there.", examples=["Head of purchasing"])
    roles: list[Role] = Field(description="What he is asked about.", examples=[["decision_maker"]])
    primary: bool = Field(description="Whether he is asked first.")
    valid_from: date | None = Field(description="First day.")
    valid_to: date | None = Field(description="Last day.")
    created_at: Moment = Field(description="When it was recorded, UTC.")
    updated_at: Moment = Field(description="When it last changed, UTC.")

    @classmethod
    def of(cls, row: Record, *, in_the_clear: bool) -> Self:
        """Return what is shown of a row."""
        values: dict[str, Any] = {name: row[name] for name in cls.model_fields if name != "primary"}
        if not in_the_clear:
            values |= {name: masked(name, values[name]) for name in ("name", "email", "phone")}
        return cls(primary=row["is_primary"], **values)


class OrganisationDraft(InputModel):
    """What an organisation is among others."""

    channel_kind: ChannelKind | None = Field(default=None, description="Its place in the chain of trade.", examples=["wholesaler"])
    parent_id: CustomerIdInBody | None = Field(default=None, description="The organisation that it belongs to.")


class Organisation(OutputModel):
    """What an organisation is among others."""

    channel_kind: ChannelKind | None = Field(description="Its place in the chain of trade.", examples=["wholesaler"])
    parent_id: str | None = Field(description="The organisation that it belongs to.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    ancestors: list[str] = Field(description="All that it belongs to, the nearest first.")


class Subsidiary(OutputModel):
    """An organisation that belongs to another."""

    customer_id: str = Field(description="The organisation.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    name: str | None = Field(description="What it is called.", examples=["SIA Bērzi"])
    channel_kind: ChannelKind | None = Field(description="Its place in the chain of trade.", examples=["retailer"])

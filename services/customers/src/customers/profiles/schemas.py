"""Customers as the interface shows them."""

from datetime import date
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, TypeAdapter

from customers.fields import Country, Email, Language, Phone
from customers.profiles.repository import Stored
from customers.profiles.rules import FIELDS, Kind, Sex
from shared.http.schemas import DateInput, ExternalId, InputModel, Moment, OutputModel

_Name = Annotated[str, StringConstraints(min_length=1, max_length=300)]
_City = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Attributes = Annotated[
    dict[str, Any],
    Field(
        description="Whatever else is known: at most 50 members, 3 levels, 8 kB.",
        examples=[{"newsletter": True}],
        max_length=50,
    ),
]


class CustomerFields(InputModel):
    """What may be told of a customer."""

    kind: Kind = Field(default="individual", description="A person or a company.")
    external_id: ExternalId | None = None
    name: _Name | None = Field(default=None, description="As the customer writes it, in any script.", examples=["Ilze Bērziņa"])
    email: Email | None = Field(default=None, description="The domain is kept in lower case.")
    phone: Phone | None = Field(default=None, description="In international form; kept as E.164.")
    language: Language | None = Field(default=None, description="Language[-Script][-REGION] of BCP 47.")
    country: Country | None = Field(default=None, description="Country of residence or seat.")
    city: _City | None = Field(default=None, description="Town of residence or seat.", examples=["Rīga"])
    birth_date: DateInput | None = Field(default=None, description="Not in the future.", examples=["1985-03-14"])
    sex: Sex | None = Field(default=None, description="As the customer tells it.")
    attributes: _Attributes | None = None


class CustomerDraft(CustomerFields):
    """A customer to be made."""


class CustomerPatch(CustomerFields):
    """A merge patch: fields that are absent stay, null empties."""


class CustomerUpsert(CustomerFields):
    """A customer to be made, or completed when the external id is known: fields that are absent stay, null empties."""

    external_id: ExternalId  # pyright: ignore[reportIncompatibleVariableOverride,reportGeneralTypeIssues] - required here


UPSERT = TypeAdapter(CustomerUpsert)


class Customer(OutputModel):
    """A customer."""

    id: str = Field(description="Stays the same for ever.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    kind: Kind = Field(description="A person or a company.")
    external_id: str | None = Field(description="The caller's own identifier.", examples=["C-10042"])
    name: str | None = Field(description="As the customer writes it.", examples=["Ilze Bērziņa"])
    email: str | None = Field(description="E-mail address.", examples=["ilze@example.com"])
    phone: str | None = Field(description="E.164.", examples=["+37126123456"])
    language: str | None = Field(description="BCP 47 tag.", examples=["lv"])
    country: str | None = Field(description="ISO 3166-1 alpha-2 code.", examples=["LV"])
    city: str | None = Field(description="Town of residence or seat.", examples=["Rīga"])
    birth_date: date | None = Field(description="Date of birth.")
    sex: Sex | None = Field(description="As the customer tells it.")
    attributes: dict[str, Any] = Field(description="Whatever else is known.", examples=[{"newsletter": True}])
    created_at: Moment = Field(description="When the record was made, UTC.")
    updated_at: Moment = Field(description="When it last changed, UTC.")

    @classmethod
    def of(cls, stored: Stored) -> Self:
        """Return what is shown of a stored customer."""
        fields = {name: getattr(stored.profile, name) for name in FIELDS}
        return cls.model_construct(id=stored.id, created_at=stored.created_at, updated_at=stored.updated_at, **fields)

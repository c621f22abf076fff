"""Customers as the interface shows them."""

from datetime import date
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter

from customers.fields import Country, Email, Language, Phone
from customers.profiles.details import MAX_ADDRESSES, MAX_LIST, Address, Preferences, Source, without_twins
from customers.profiles.repository import Stored
from customers.profiles.rules import FIELDS, Education, IncomeBand, Kind, MaritalStatus, Sex
from shared.http.merge_patch import changes
from shared.http.schemas import DateInput, ExternalId, InputModel, Moment, MomentInput, OutputModel, ShortText

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
_Texts = Annotated[list[ShortText], Field(max_length=MAX_LIST), AfterValidator(without_twins)]


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
    preferences: Preferences | None = Field(default=None, description="How he wants to be addressed.")
    owner: ShortText | None = Field(default=None, description="Who of the staff looks after him.", examples=["anna.liepa"])
    occupation: ShortText | None = Field(default=None, description="What he does for a living.", examples=["nurse"])
    education: Education | None = Field(default=None, description="Highest degree.")
    income_band: IncomeBand | None = Field(default=None, description="Household income, roughly.")
    marital_status: MaritalStatus | None = Field(default=None, description="As the customer tells it.")
    addresses: Annotated[list[Address], Field(max_length=MAX_ADDRESSES)] | None = Field(default=None, description="At most 10.")
    interests: _Texts | None = Field(default=None, description="What he likes; at most 50, each once.", examples=[["running"]])
    values: _Texts | None = Field(default=None, description="What matters to him; at most 50.", examples=[["sustainability"]])
    lifestyle: _Texts | None = Field(default=None, description="How he lives; at most 50.", examples=[["commuter"]])
    tags: _Texts | None = Field(default=None, description="The company's own labels; at most 50.", examples=[["vip"]])


class _ToldFields(CustomerFields):
    source: Source | None = Field(default=None, description="Who knows it; `api` when absent. Survivorship rules name sources.")
    observed_at: MomentInput | None = Field(
        default=None,
        description="When the source saw all this, not in the future; now when absent. Fields that something newer is known of stay "
        "as they are, and what is told of them is kept in the history.",
        examples=["2026-02-27T09:00:00Z"],
    )


class CustomerDraft(_ToldFields):
    """A customer to be made."""


class CustomerPatch(_ToldFields):
    """A merge patch: fields that are absent stay, null empties."""


class CustomerUpsert(_ToldFields):
    """A customer to be made, or completed when the external id is known: fields that are absent stay, null empties."""

    external_id: ExternalId  # pyright: ignore[reportIncompatibleVariableOverride,reportGeneralTypeIssues] - required here


UPSERT = TypeAdapter(CustomerUpsert)


def fields_of(told: CustomerFields) -> dict[str, Any]:
    """Return the fields that a client sent as plain values, with null where he empties one."""
    fields = changes(told)
    if fields.get("preferences") is not None:
        fields["preferences"] = fields["preferences"].model_dump(exclude_unset=True, by_alias=True)
    if fields.get("addresses") is not None:
        fields["addresses"] = [address.model_dump(exclude_none=True) for address in fields["addresses"]]
    return fields


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
    preferences: dict[str, Any] = Field(description="How he wants to be addressed.", examples=[{"channel": "email", "languages": ["lv"]}])
    owner: str | None = Field(description="Who of the staff looks after him.", examples=["anna.liepa"])
    occupation: str | None = Field(description="What he does for a living.", examples=["nurse"])
    education: Education | None = Field(description="Highest degree.")
    income_band: IncomeBand | None = Field(description="Household income, roughly.")
    marital_status: MaritalStatus | None = Field(description="As the customer tells it.")
    addresses: list[dict[str, Any]] = Field(description="Postal addresses.", examples=[[{"kind": "home", "city": "Rīga", "country": "LV"}]])
    interests: list[str] = Field(description="What he likes.", examples=[["running"]])
    values: list[str] = Field(description="What matters to him.", examples=[["sustainability"]])
    lifestyle: list[str] = Field(description="How he lives.", examples=[["commuter"]])
    tags: list[str] = Field(description="The company's own labels.", examples=[["vip"]])
    created_at: Moment = Field(description="When the record was made, UTC.")
    updated_at: Moment = Field(description="When it last changed, UTC.")

    @classmethod
    def of(cls, stored: Stored) -> Self:
        """Return what is shown of a stored customer."""
        fields = {name: getattr(stored.profile, name) for name in FIELDS}
        return cls.model_construct(id=stored.id, created_at=stored.created_at, updated_at=stored.updated_at, **fields)

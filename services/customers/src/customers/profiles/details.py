"""The parts of a profile that have parts themselves: addresses and preferences."""

from functools import lru_cache
from importlib import resources
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from customers.fields import Country, Language
from shared.http.schemas import InputModel, ShortText

MAX_LIST = 50
MAX_ADDRESSES = 10
MAX_ADDRESS_LINES = 5
MAX_LANGUAGES = 10

Channel = Literal["email", "sms", "phone", "push", "post", "chat", "app", "shop", "social"]
AddressKind = Literal["home", "work", "billing", "shipping", "seat", "other"]
Source = Annotated[
    str,
    StringConstraints(pattern="^[a-z][a-z0-9_.-]{0,49}$"),
    Field(description="Name of a source: lower case, such as `shop` or `crm`.", examples=["shop"]),
]


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    """The names of the installed edition of the database, whatever the machine has besides."""
    return frozenset((resources.files("tzdata") / "zones").read_text().split())


def _check_zone(zone: str) -> str:
    if zone not in _zones():
        raise PydanticCustomError("zone_unknown", "This is no time zone of the IANA database.")
    return zone


Zone = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    AfterValidator(_check_zone),
    WithJsonSchema({"type": "string", "maxLength": 64, "pattern": "^[A-Za-z0-9+_/-]+$", "examples": ["Europe/Riga"]}),
]
_WallTime = Annotated[str, StringConstraints(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$"), Field(examples=["21:30"])]


class QuietHours(InputModel):
    """When not to be disturbed; over midnight when it ends before it begins."""

    start: _WallTime = Field(alias="from", description="First minute, in the customer's zone.", examples=["21:30"])
    end: _WallTime = Field(alias="to", description="First minute after, in the customer's zone.", examples=["08:00"])


class Preferences(InputModel):
    """How a customer wants to be addressed; absent members stay in a merge patch, null removes."""

    channel: Channel | None = Field(default=None, description="What reaches him best.")
    quiet_hours: QuietHours | None = Field(default=None, description="When not to be disturbed.")
    zone: Zone | None = Field(default=None, description="Time zone by its IANA name.")
    languages: Annotated[list[Language], Field(max_length=MAX_LANGUAGES)] | None = Field(
        default=None, description="Languages he reads, the best first; at most 10.", examples=[["lv", "ru"]]
    )


class Address(InputModel):
    """A postal address."""

    kind: AddressKind = Field(default="home", description="What it is for.")
    lines: Annotated[list[ShortText], Field(max_length=MAX_ADDRESS_LINES)] = Field(
        default_factory=list, description="Street, house and what else stands above the city; at most 5.", examples=[["Brīvības iela 1-2"]]
    )
    city: ShortText | None = Field(default=None, description="Town.", examples=["Rīga"])
    postcode: Annotated[str, StringConstraints(min_length=1, max_length=20)] | None = Field(
        default=None, description="Postal code.", examples=["LV-1010"]
    )
    country: Country | None = Field(default=None, description="Country.")


def without_twins(texts: list[str]) -> list[str]:
    """Return a list with each text once, at its first place."""
    return list(dict.fromkeys(texts))

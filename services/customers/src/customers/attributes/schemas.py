"""Definitions of attributes as the interface shows them."""

from typing import Annotated, Any, Literal, Self

from asyncpg import Record
from fastapi import Path
from pydantic import Field, StringConstraints

from customers.attributes.rules import MAX_TEXT_LENGTH, AttributeType, Definition
from shared.http.schemas import InputModel, Moment, OutputModel, ShortText

MAX_OPTIONS = 200
_NAME = "^[a-z][a-z0-9_]{0,62}$"

AttributeName = Annotated[
    str, StringConstraints(pattern=_NAME), Field(description="Of the member of `attributes`.", examples=["shoe_size"])
]
AttributeNameInPath = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,100}$", description="The attribute.", examples=["shoe_size"])]
_Code = Annotated[str, StringConstraints(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]


class Titles(InputModel):
    """What something is called, by language."""

    en: ShortText | None = Field(default=None, description="English.", examples=["Shoe size"])
    ru: ShortText | None = Field(default=None, description="Russian.", examples=["Размер обуви"])
    zh: ShortText | None = Field(default=None, description="Chinese.", examples=["鞋码"])
    lv: ShortText | None = Field(default=None, description="Latvian.", examples=["Apavu izmērs"])


class Option(InputModel):
    """A value that can be chosen."""

    code: _Code = Field(description="As it is kept.", examples=["red"])
    titles: Titles = Field(default_factory=Titles, description="As it is shown.")


class Limits(InputModel):
    """What a value may be; each limit is inclusive and belongs to some types."""

    min_length: int | None = Field(default=None, ge=0, le=MAX_TEXT_LENGTH, description="Characters of text or url, or how many options.")
    max_length: int | None = Field(default=None, ge=0, le=MAX_TEXT_LENGTH, description="As `min_length`, at most.")
    minimum: float | None = Field(default=None, ge=-(2**53), le=2**53, description="Of number, integer, or money in minor units.")
    maximum: float | None = Field(default=None, ge=-(2**53), le=2**53, description="As `minimum`, at most.")
    earliest: Annotated[str, StringConstraints(max_length=40)] | None = Field(default=None, description="Of date or moment, RFC 3339.")
    latest: Annotated[str, StringConstraints(max_length=40)] | None = Field(default=None, description="As `earliest`, at the latest.")


_Options = Annotated[list[Option], Field(max_length=MAX_OPTIONS, description="What can be chosen, in order; of option and options only.")]
_TITLES = "What it is called."
_LIMITS = "What a value may be."
_REQUIRED = "Who is made must have it, and who has it keeps it."
_UNIQUE = "No two customers share a value."
_FILTERABLE = "Lists can be filtered by it."
_PERSONAL = "It is contact data, masked from callers without `contacts:read`."


class AttributeDefinitionDraft(InputModel):
    """An attribute to be defined."""

    name: AttributeName
    type: AttributeType = Field(description="Of its values; stays as it is.", examples=["integer"])
    titles: Titles = Field(default_factory=Titles, description=_TITLES)
    options: _Options = Field(default_factory=list)
    limits: Limits = Field(default_factory=Limits, description=_LIMITS)
    required: bool = Field(default=False, strict=True, description=_REQUIRED)
    unique: bool = Field(default=False, strict=True, description=_UNIQUE)
    filterable: bool = Field(default=False, strict=True, description=_FILTERABLE)
    personal: bool = Field(default=False, strict=True, description=_PERSONAL)


class AttributeDefinitionPatch(InputModel):
    """A merge patch: what is absent stays; titles, options and limits are replaced as a whole, null stands for the default."""

    titles: Titles | None = Field(default=None, description=_TITLES)
    options: _Options | None = None
    limits: Limits | None = Field(default=None, description=_LIMITS)
    required: bool | None = Field(default=None, strict=True, description=_REQUIRED)
    unique: bool | None = Field(default=None, strict=True, description=_UNIQUE)
    filterable: bool | None = Field(default=None, strict=True, description=_FILTERABLE)
    personal: bool | None = Field(default=None, strict=True, description=_PERSONAL)
    archived: Literal[False] | None = Field(default=None, description="False takes it out of the archive.")


class AttributeDefinition(OutputModel):
    """What an attribute is."""

    name: str = Field(description="Of the member of `attributes`.", examples=["shoe_size"])
    type: AttributeType = Field(description="Of its values.", examples=["integer"])
    titles: dict[str, str] = Field(description="What it is called, by language.", examples=[{"en": "Shoe size"}])
    options: list[dict[str, Any]] = Field(description="What can be chosen, in order.", examples=[[]])
    limits: dict[str, Any] = Field(description=_LIMITS, examples=[{"minimum": 15, "maximum": 60}])
    required: bool = Field(description=_REQUIRED)
    unique: bool = Field(description=_UNIQUE)
    filterable: bool = Field(description=_FILTERABLE)
    personal: bool = Field(description=_PERSONAL)
    created_at: Moment = Field(description="When it was defined, UTC.")
    updated_at: Moment = Field(description="When it last changed, UTC.")
    archived_at: Moment | None = Field(description="Since when it is out of force, UTC; its values stay.")

    @classmethod
    def of(cls, row: Record) -> Self:
        """Return what is shown of a row."""
        flags = {name: row[f"is_{name}"] for name in ("required", "unique", "filterable", "personal")}
        return cls(**flags, **{name: row[name] for name in cls.model_fields if name not in flags})


class AttributeDefinitions(OutputModel):
    """All definitions."""

    data: list[AttributeDefinition] = Field(description="By name.")


class AttributeSettings(InputModel):
    """How attributes are held as a whole."""

    strict: bool = Field(strict=True, description="Whether attributes without a definition are refused.", examples=[False])


def definition_of(values: dict[str, Any]) -> Definition:
    """Return the definition that columns hold."""
    flags = {name: values[name] for name in ("is_required", "is_unique", "is_filterable", "is_personal")}
    options = tuple(option["code"] for option in values["options"])
    return Definition(name=values["name"], type=values["type"], options=options, limits=values["limits"], **flags)


def columns_of(model: AttributeDefinitionDraft | AttributeDefinitionPatch) -> dict[str, Any]:
    """Return the columns that a caller sets; null stands for the default."""
    columns: dict[str, Any] = {}
    sent = model.model_fields_set if isinstance(model, AttributeDefinitionPatch) else set(type(model).model_fields)
    for name in sent - {"archived"}:
        value = getattr(model, name)
        if name in {"required", "unique", "filterable", "personal"}:
            columns[f"is_{name}"] = bool(value)
        elif name == "options":
            columns[name] = [option.model_dump(exclude_none=True) for option in value or ()]
        elif name in {"titles", "limits"}:
            columns[name] = value.model_dump(exclude_none=True) if value is not None else {}
        else:
            columns[name] = value
    return columns

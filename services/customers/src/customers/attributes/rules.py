"""What a definition may be, and what it makes of a value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

import orjson

from customers.attributes.errors import (
    AttributeDefinitionInvalid,
    AttributeInvalid,
    AttributeNotFilterable,
    AttributeRequired,
    AttributeUnknown,
)
from customers.fields import CURRENCIES

AttributeType = Literal["text", "number", "integer", "boolean", "date", "moment", "option", "options", "money", "url"]

MAX_TEXT_LENGTH = 2_000
# What an index entry holds, in any script.
MAX_UNIQUE_LENGTH = 400
# JSON readers agree on whole numbers up to here.
_MAX_EXACT = 2**53
_TRUTHS = {"true": True, "false": False}
UNIQUE_TYPES = frozenset({"text", "number", "integer", "date", "moment", "url"})
COMPARED_TYPES = frozenset({"number", "integer", "date", "moment"})
_LENGTH, _SIZE, _TIME = ("min_length", "max_length"), ("minimum", "maximum"), ("earliest", "latest")
_LIMITS: Mapping[str, tuple[str, str]] = {
    "text": _LENGTH,
    "url": _LENGTH,
    "options": _LENGTH,
    "number": _SIZE,
    "integer": _SIZE,
    "money": _SIZE,
    "date": _TIME,
    "moment": _TIME,
}


@dataclass(frozen=True, slots=True)
class Definition:
    """What an attribute is.

    Attributes:
        name: of the member of `attributes`.
        type: of its values.
        options: codes that can be chosen, in order.
        limits: `min_length`/`max_length` in characters (of options: how many), `minimum`/`maximum` (of money: minor units),
            `earliest`/`latest` (RFC 3339); all inclusive.
        is_required: who is made must have it, and who has it keeps it.
        is_unique: no two customers share a value.
        is_filterable: lists can be filtered by it.
        is_personal: it is contact data, masked from whom may not see such.
    """

    name: str
    type: AttributeType
    options: tuple[str, ...] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)
    is_required: bool = False
    is_unique: bool = False
    is_filterable: bool = False
    is_personal: bool = False


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All definitions in force.

    Attributes:
        version: rises with each change.
        is_strict: attributes without a definition are refused.
        definitions: by name.
    """

    version: int = 0
    is_strict: bool = False
    definitions: Mapping[str, Definition] = field(default_factory=dict)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the attributes that a new customer must have."""
        return tuple(name for name, each in self.definitions.items() if each.is_required)

    @property
    def unique(self) -> tuple[str, ...]:
        """Names of the attributes whose values nobody shares."""
        return tuple(name for name, each in self.definitions.items() if each.is_unique)

    @property
    def personal(self) -> frozenset[str]:
        """Names of the attributes that are contact data."""
        return frozenset(name for name, each in self.definitions.items() if each.is_personal)


class Comparison(NamedTuple):
    """Customers whose attribute lies between two values are wanted: from the first, below the second."""

    name: str
    low: Any
    high: Any


def check_definition(definition: Definition) -> None:
    """Refuse a definition whose parts do not fit together.

    Raises:
        AttributeDefinitionInvalid: names the part.
    """
    kind, limits = definition.type, definition.limits
    has_options = kind in {"option", "options"}
    if has_options != bool(definition.options):
        raise AttributeDefinitionInvalid("Options belong to the types option and options, and only there.", pointer="/options")
    if len(set(definition.options)) < len(definition.options):
        raise AttributeDefinitionInvalid("Each option has a code of its own.", pointer="/options")
    if definition.is_unique and kind not in UNIQUE_TYPES:
        raise AttributeDefinitionInvalid("Values of this type cannot be unique.", pointer="/unique")
    low, high = _LIMITS.get(kind, ("", ""))
    for name in limits:
        if name not in (low, high):
            raise AttributeDefinitionInvalid("This limit does not fit the type.", pointer=f"/limits/{name}")
    if low in limits and high in limits and _bound(kind, limits[low]) > _bound(kind, limits[high]):
        raise AttributeDefinitionInvalid("The lower limit is above the upper one.", pointer=f"/limits/{low}")


def _bound(kind: str, limit: Any) -> Any:
    try:
        return _READERS[kind](limit) if kind in {"date", "moment"} else limit
    except ValueError:
        raise AttributeDefinitionInvalid("This is no date or moment as RFC 3339 has it.", pointer="/limits") from None


def checked(
    catalogue: Catalogue, attributes: Mapping[str, Any], before: Mapping[str, Any] | None = None, *, texts: bool = False
) -> dict[str, Any]:
    """Return attributes in their normal form.

    Args:
        catalogue: the definitions.
        attributes: all that the customer shall have; null stands for none.
        before: what he had; values that stay are not looked at again, and only who has a required attribute can lose it. None
            when he is new.
        texts: whether values come as texts, as in a table.

    Raises:
        AttributeInvalid: a value is not as defined.
        AttributeRequired: a required attribute is missing.
        AttributeUnknown: there is no such definition, and there must be one.
    """
    if not catalogue.definitions and not catalogue.is_strict:
        return dict(attributes)
    had = before or {}
    result: dict[str, Any] = {}
    for name, value in attributes.items():
        if value is None or (name in had and _equal(had[name], value)):
            result[name] = value
        elif name in catalogue.definitions:
            definition = catalogue.definitions[name]
            result[name] = from_text(definition, value) if texts and isinstance(value, str) else normal(definition, value)
        elif catalogue.is_strict:
            raise AttributeUnknown(pointer=_pointer(name))
        else:
            result[name] = value
    for name in catalogue.required:
        if result.get(name) is None and (before is None or had.get(name) is not None):
            raise AttributeRequired(pointer=_pointer(name))
    return result


def _equal(one: Any, other: Any) -> bool:
    # Python holds True, 1 and 1.0 to be equal; JSON does not.
    return orjson.dumps(one, option=orjson.OPT_SORT_KEYS) == orjson.dumps(other, option=orjson.OPT_SORT_KEYS)


def normal(definition: Definition, value: Any) -> Any:
    """Return a value as it is kept.

    Raises:
        AttributeInvalid: it is not as defined.
    """
    try:
        kept = _NORMAL[definition.type](definition, value)
        _check_limits(definition, kept)
    except (ValueError, OverflowError) as error:
        raise AttributeInvalid(str(error), pointer=_pointer(definition.name)) from None
    return kept


def from_text(definition: Definition, text: str) -> Any:
    """Return the value that a text stands for, as in a query or a table.

    Raises:
        AttributeInvalid: it stands for none.
    """
    kind = definition.type
    try:
        if kind in {"number", "integer"}:
            number = float(text)
            return normal(definition, int(text) if kind == "integer" and "." not in text else number)
        if kind == "boolean":
            return normal(definition, _TRUTHS.get(text.strip().lower(), text))
        if kind == "options":
            return normal(definition, [part.strip() for part in text.split(",") if part.strip()])
        if kind == "money":
            amount, _, currency = text.strip().partition(" ")
            return normal(definition, {"amount_minor": int(amount), "currency": currency})
    except ValueError:
        raise AttributeInvalid(_WANTED[kind], pointer=_pointer(definition.name)) from None
    return normal(definition, text)


def wanted(catalogue: Catalogue, asked: Mapping[str, str]) -> tuple[dict[str, Any], list[Comparison]]:
    """Return which attributes a filter asks for: members that must be there, and comparisons.

    Args:
        catalogue: the definitions.
        asked: texts by attribute; a name that ends in `.from` or `.to` compares.

    Raises:
        AttributeNotFilterable: no such attribute is, or its values do not compare.
        AttributeInvalid: a text is no value of it.
    """
    members: dict[str, Any] = {}
    bounds: dict[str, dict[str, Any]] = {}
    for key, text in asked.items():
        name, _, side = key.partition(".")
        definition = catalogue.definitions.get(name)
        compares = side in {"from", "to"} and definition is not None and definition.type in COMPARED_TYPES
        if definition is None or not definition.is_filterable or (side and not compares):
            raise AttributeNotFilterable(pointer=f"/attributes.{key}", location="query")
        value = _asked(definition, text)
        if side:
            bounds.setdefault(name, {})[side] = value
        else:
            members[name] = value
    return members, [_comparison(catalogue.definitions[name], sides) for name, sides in sorted(bounds.items())]


def _asked(definition: Definition, text: str) -> Any:
    # A bound may lie beyond the limits of what can be kept.
    unlimited = Definition(definition.name, definition.type, definition.options)
    try:
        return from_text(unlimited, text)
    except AttributeInvalid as error:
        raise AttributeInvalid(error.detail, pointer=f"/attributes.{definition.name}", location="query") from None


def _comparison(definition: Definition, sides: Mapping[str, Any]) -> Comparison:
    # Every number lies between the first two, every date and moment as text between the others.
    low, high = (-1e308, 1e308) if definition.type in {"number", "integer"} else ("", "~")
    return Comparison(definition.name, sides.get("from", low), sides.get("to", high))


def _pointer(name: str) -> str:
    return "/attributes/" + name.replace("~", "~0").replace("/", "~1")


def _check_limits(definition: Definition, value: Any) -> None:
    limits, kind = definition.limits, definition.type
    if not limits:
        return
    low, high = _LIMITS[kind]
    if kind in {"text", "url", "options"}:
        measured: Any = len(value)
    elif kind == "money":
        measured = value["amount_minor"]
    else:
        measured = _READERS[kind](value) if kind in _READERS else value
    if low in limits and measured < _bound(kind, limits[low]):
        raise ValueError(f"It is below the limit of {limits[low]}.")
    if high in limits and measured > _bound(kind, limits[high]):
        raise ValueError(f"It is above the limit of {limits[high]}.")


def _text(definition: Definition, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(_WANTED["text"])
    text = value.strip()
    longest = MAX_UNIQUE_LENGTH if definition.is_unique else MAX_TEXT_LENGTH
    if len(text) > longest:
        raise ValueError(f"It has at most {longest} characters.")
    return text


def _number(_: Definition, value: Any) -> int | float:
    # JSON is written with 64 bits.
    limit = 2**63 - 1 if isinstance(value, int) else 1e300
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= limit:
        raise ValueError(_WANTED["number"])
    return int(value) if isinstance(value, int) or (value.is_integer() and abs(value) <= _MAX_EXACT) else value


def _integer(definition: Definition, value: Any) -> int:
    number = _number(definition, value)
    if not isinstance(number, int) or abs(number) > _MAX_EXACT:
        raise ValueError(_WANTED["integer"])
    return number


def _boolean(_: Definition, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(_WANTED["boolean"])  # noqa: TRY004 - becomes a refusal, as all of them
    return value


def _read_date(text: str) -> date:
    if len(text) != len("2026-03-02"):
        raise ValueError(_WANTED["date"])
    return date.fromisoformat(text)


def _read_moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or not 1 < moment.year < 9999:
        raise ValueError(_WANTED["moment"])
    return moment.astimezone(UTC)


def _date(_: Definition, value: Any) -> str:
    try:
        return _read_date(value if isinstance(value, str) else "").isoformat()
    except ValueError:
        raise ValueError(_WANTED["date"]) from None


def _moment(_: Definition, value: Any) -> str:
    try:
        moment = _read_moment(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError(_WANTED["moment"]) from None
    # One length, so that text sorts as time does.
    return moment.strftime("%Y").zfill(4) + moment.strftime("-%m-%dT%H:%M:%S.%fZ")


def _option(definition: Definition, value: Any) -> str:
    if not isinstance(value, str) or value not in definition.options:
        raise ValueError(_WANTED["option"])
    return value


def _options(definition: Definition, value: Any) -> list[str]:
    chosen: Sequence[Any] = value if isinstance(value, list | tuple) else ()
    if not isinstance(value, list | tuple) or any(each not in definition.options for each in chosen):
        raise ValueError(_WANTED["options"])
    return [option for option in definition.options if option in chosen]


def _money(_: Definition, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or set(value) != {"amount_minor", "currency"}:
        raise ValueError(_WANTED["money"])
    amount, currency = value["amount_minor"], value["currency"]
    if isinstance(amount, bool) or not isinstance(amount, int) or abs(amount) > _MAX_EXACT or currency not in CURRENCIES:
        raise ValueError(_WANTED["money"])
    return {"amount_minor": amount, "currency": currency}


def _url(definition: Definition, value: Any) -> str:
    text = _text(definition, value)
    try:
        parts = urlsplit(text)
        is_web = parts.scheme.lower() in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        raise ValueError(_WANTED["url"]) from None
    # User information would be a secret in a profile.
    if not is_web or "@" in parts.netloc or any(character.isspace() for character in text):
        raise ValueError(_WANTED["url"])
    return parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()).geturl()


_READERS: Mapping[str, Callable[[Any], Any]] = {"date": _read_date, "moment": _read_moment}
_NORMAL: Mapping[str, Callable[[Definition, Any], Any]] = {
    "text": _text,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "date": _date,
    "moment": _moment,
    "option": _option,
    "options": _options,
    "money": _money,
    "url": _url,
}
_WANTED: Mapping[str, str] = {
    "text": "It is a text that is not empty.",
    "number": "It is a number.",
    "integer": "It is a whole number of at most 53 bits.",
    "boolean": "It is true or false.",
    "date": "It is a date such as 2026-03-02.",
    "moment": "It is a moment with its offset, such as 2026-03-02T12:00:00Z.",
    "option": "It is one of the options.",
    "options": "It is a list of options.",
    "money": "It is an amount in minor units with its ISO 4217 currency.",
    "url": "It is a web address that begins with http:// or https://.",
}

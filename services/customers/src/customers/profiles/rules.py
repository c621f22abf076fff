"""What a profile is, how changes apply to it, and what its attributes may hold."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Literal

import orjson

from customers.profiles.errors import AttributesRefused, BirthDateInFuture

Kind = Literal["individual", "organisation"]
Sex = Literal["female", "male", "other", "unknown"]
Education = Literal["none", "primary", "secondary", "vocational", "bachelor", "master", "doctorate"]
IncomeBand = Literal["low", "lower_middle", "middle", "upper_middle", "high"]
MaritalStatus = Literal["single", "married", "partnership", "separated", "divorced", "widowed"]

MAX_ATTRIBUTES = 50
MAX_ATTRIBUTE_DEPTH = 3
MAX_ATTRIBUTE_BYTES = 8_192
MAX_ATTRIBUTE_NAME_LENGTH = 100

# Somewhere on earth it is already tomorrow.
_TIME_ZONE_MARGIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Profile:
    """What clients tell of a customer; the field names are those of the interface and of the table."""

    kind: Kind = "individual"
    external_id: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    language: str | None = None
    country: str | None = None
    city: str | None = None
    birth_date: date | None = None
    sex: Sex | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    preferences: Mapping[str, Any] = field(default_factory=dict)
    owner: str | None = None
    occupation: str | None = None
    education: Education | None = None
    income_band: IncomeBand | None = None
    marital_status: MaritalStatus | None = None
    addresses: Sequence[Mapping[str, Any]] = field(default_factory=list)
    interests: Sequence[str] = field(default_factory=list)
    values: Sequence[str] = field(default_factory=list)
    lifestyle: Sequence[str] = field(default_factory=list)
    tags: Sequence[str] = field(default_factory=list)


FIELDS = tuple(Profile.__slots__)
LISTS = ("addresses", "interests", "values", "lifestyle", "tags")
OBJECTS = ("attributes", "preferences")
# What null stands for.
DEFAULTS: Mapping[str, Any] = dict.fromkeys(FIELDS) | {"kind": "individual"} | {name: {} for name in OBJECTS} | {name: [] for name in LISTS}


def amended(profile: Profile, changes: Mapping[str, Any]) -> tuple[Profile, list[str]]:
    """Return the profile after some fields were set, and the sorted names of those that differ.

    Args:
        profile: as it is.
        changes: new values by field name; None empties a field, which is then what `DEFAULTS` holds. A member of an
            object without a value is none.
    """
    if not changes:
        return profile, []
    values = {name: DEFAULTS[name] if value is None else value for name, value in changes.items()}
    for name in OBJECTS:
        if name in values:
            values[name] = {member: value for member, value in values[name].items() if value is not None}
    changed = sorted(name for name, value in values.items() if not same(getattr(profile, name), value))
    if not changed:
        return profile, []
    return replace(profile, **{name: values[name] for name in changed}), changed


def same(before: Any, after: Any) -> bool:
    """Tell whether two values of a field are the same."""
    if isinstance(before, dict | list) and before and after:
        # Python holds True, 1 and 1.0 to be equal; JSON does not.
        return orjson.dumps(before, option=orjson.OPT_SORT_KEYS) == orjson.dumps(after, option=orjson.OPT_SORT_KEYS)
    return before == after


def merge_patched(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object after a merge patch: null removes a member, objects merge, everything else replaces.

    Source: RFC 7396 section 2.
    """
    merged = dict(target)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            present = merged.get(name)
            merged[name] = merge_patched(present if isinstance(present, Mapping) else {}, value)
        else:
            merged[name] = value
    return merged


def check_birth_date(birth_date: date | None, today: date) -> None:
    """Refuse a birth date that is in the future everywhere on earth.

    Raises:
        BirthDateInFuture: it is.
    """
    if birth_date is not None and birth_date > today + _TIME_ZONE_MARGIN:
        raise BirthDateInFuture(pointer="/birth_date")


def check_attributes(attributes: Mapping[str, Any]) -> None:
    """Refuse attributes that are too many, too deep, too large, or that Postgres cannot keep.

    Raises:
        AttributesRefused: says which limit; never a name or a value.
    """
    if not attributes:
        return
    if len(attributes) > MAX_ATTRIBUTES:
        raise AttributesRefused(f"At most {MAX_ATTRIBUTES} attributes.", pointer="/attributes")
    _check_value(attributes, 0)
    if len(orjson.dumps(attributes)) > MAX_ATTRIBUTE_BYTES:
        raise AttributesRefused(f"At most {MAX_ATTRIBUTE_BYTES} bytes.", pointer="/attributes")


def _check_value(value: Any, depth: int) -> None:
    """Check one value; `depth` counts the objects and arrays around it."""
    match value:
        case str():
            _check_text(value)
        case bool() | None:
            pass
        case int():
            if not -(2**63) <= value < 2**63:
                raise AttributesRefused("Whole numbers have at most 64 bits.", pointer="/attributes")
        case float():
            if not math.isfinite(value):
                raise AttributesRefused("Numbers are finite.", pointer="/attributes")
        case _:
            _check_container(value, depth + 1)


def _check_container(value: Mapping[str, Any] | list[Any], depth: int) -> None:
    if depth > MAX_ATTRIBUTE_DEPTH:
        raise AttributesRefused(f"At most {MAX_ATTRIBUTE_DEPTH} levels.", pointer="/attributes")
    if isinstance(value, Mapping):
        for name in value:
            if not 0 < len(name) <= MAX_ATTRIBUTE_NAME_LENGTH:
                raise AttributesRefused(f"Names have 1 to {MAX_ATTRIBUTE_NAME_LENGTH} characters.", pointer="/attributes")
            _check_text(name)
    for item in value.values() if isinstance(value, Mapping) else value:
        _check_value(item, depth)


def _check_text(text: str) -> None:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise AttributesRefused("Text is Unicode without the character NUL.", pointer="/attributes")

"""A profile as the single facts that change sets are made of, and back."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from customers.profiles.rules import DEFAULTS, FIELDS, Profile
from customers.provenance.rules import same

PREFIX = "attributes."


def facts_of(profile: Profile, names: list[str], before: Profile | None = None) -> dict[str, Any]:
    """Return what change sets hold of some fields: None where a field is empty, each attribute a field of its own.

    Args:
        profile: as it is.
        names: fields of the profile.
        before: as it was; attributes that are as they were are left out, and those that are gone are emptied.
    """
    facts: dict[str, Any] = {}
    for name in names:
        value = getattr(profile, name)
        if name == "attributes":
            facts |= _attributes(value, before.attributes if before is not None else {})
        else:
            facts[name] = None if value == DEFAULTS[name] else _stored(value)
    return facts


def _attributes(after: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    gone = {PREFIX + name: None for name in before if name not in after}
    return gone | {PREFIX + name: value for name, value in after.items() if name not in before or not same(before[name], value)}


def _stored(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def profile_of(values: Mapping[str, Any]) -> Profile:
    """Return the profile that facts amount to.

    Args:
        values: by field; what is missing or None is empty.
    """
    told = {name: value for name, value in values.items() if value is not None}
    fields = {name: told[name] for name in FIELDS if name in told}
    if "birth_date" in fields:
        fields["birth_date"] = date.fromisoformat(fields["birth_date"])
    attributes = {name.removeprefix(PREFIX): value for name, value in told.items() if name.startswith(PREFIX)}
    return replace(Profile(), **fields, attributes=attributes)


def differing(before: Profile, after: Profile) -> list[str]:
    """Return the sorted names of the fields in which two profiles differ."""
    return sorted(name for name in FIELDS if not same(getattr(before, name), getattr(after, name)))

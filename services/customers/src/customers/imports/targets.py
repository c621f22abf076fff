"""What a row is recognised by: fields of the profile, further identities and unique attributes: pure."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

import orjson

from customers.identities.errors import IdentityRefused
from customers.identities.rules import PROFILE_KINDS, Identity, IdentityKind, normal

# What a column leads to besides fields: one attribute, or an identity of a kind and maybe of a giver.
ATTRIBUTES = "attributes."
IDENTITIES = "identities."
_IDENTITY = re.compile(r"identities\.(?:(email|phone)|(device|card|account)(?:\.([^,]{1,100}))?|(external_id)\.([^,]{1,100}))")
# Stands for all that a file is mapped to and that identifies somebody.
ANY = "any"

# An identity that rows are matched by, and its value in the form in which it is compared.
Key = tuple[str, str]


@lru_cache(maxsize=1_024)
def identity_of(target: str) -> tuple[IdentityKind, str | None] | None:
    """Return kind and giver of the identity that a column leads to; None when it leads elsewhere."""
    found = _IDENTITY.fullmatch(target)
    if found is None:
        return None
    own, given, giver, external_id, system = found.groups()
    return cast("IdentityKind", own or given or external_id), giver or system


def may_identify(target: str, unique: Sequence[str]) -> bool:
    """Tell whether rows can be matched by what a column leads to.

    Args:
        target: a field, an identity or an attribute.
        unique: names of the attributes that no two customers share.
    """
    if target.startswith(ATTRIBUTES):
        return target.removeprefix(ATTRIBUTES) in unique
    return target in PROFILE_KINDS or identity_of(target) is not None


def identities_in(told: Mapping[str, Any]) -> dict[str, Identity]:
    """Return the identities that cells hold, by their target.

    Args:
        told: by what follows the prefix.

    Raises:
        IdentityRefused: a cell holds none of its kind; names the target.
    """
    return {f"{IDENTITIES}{name}": _identity(f"{IDENTITIES}{name}", value) for name, value in told.items() if value is not None}


def _identity(target: str, value: Any) -> Identity:
    known = identity_of(target)
    # JSON may write a card as a number.
    text = str(value) if type(value) is int else value
    if known is None or not isinstance(text, str):
        raise IdentityRefused(pointer=f"/{target}")
    try:
        return normal(known[0], text, known[1])
    except IdentityRefused:
        raise IdentityRefused(pointer=f"/{target}") from None


def keys_of(match: Sequence[str], fields: Mapping[str, Any], identities: Mapping[str, Identity]) -> tuple[Key, ...]:
    """Return what a row is recognised by, in the order of the import's identities; those that it lacks are left out."""
    found: list[Key] = []
    for target in match:
        if target in identities:
            found.append((target, identities[target].value))
        elif target.startswith(ATTRIBUTES):
            value = (fields.get("attributes") or {}).get(target.removeprefix(ATTRIBUTES))
            if value is not None:
                found.append((target, orjson.dumps(value).decode()))
        elif value := fields.get(target):
            found.append((target, value.lower() if target == "email" else value))
    return tuple(found)

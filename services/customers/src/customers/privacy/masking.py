"""What stands for contact data where a caller may not see it: enough to tell two customers apart, too little to reach one."""

from collections.abc import Iterable, Mapping
from typing import Any

MASK = "***"
# Fields that tell who somebody is or how to reach him.
CONTACT_FIELDS = ("name", "email", "phone", "addresses", "birth_date")
# Where somebody lives, roughly, is shown to everybody as the fields `country` and `city`, too.
_SHOWN_OF_ADDRESS = frozenset({"kind", "country", "city"})
_SHOWN_DIGITS = 2
# Fewer digits than this would leave too little to guess.
_MIN_DIGITS = 6


def mask_name(name: str) -> str:
    """Return the initials of a name, such as `I*** B***`."""
    return " ".join(f"{word[0]}{MASK}" for word in name.split()) or MASK


def mask_email(email: str) -> str:
    """Return an address with its first letter and its last domain, such as `i***@***.lv`."""
    local, _, domain = email.rpartition("@")
    last = domain.rpartition(".")[2]
    return f"{local[:1]}{MASK}@{MASK}.{last}" if local and "." in domain else MASK


def mask_phone(phone: str) -> str:
    """Return the last two digits of a number, such as `***56`."""
    return MASK + phone[-_SHOWN_DIGITS:] if len(phone) >= _MIN_DIGITS else MASK


def mask_address(address: Mapping[str, Any]) -> dict[str, Any]:
    """Return an address with its kind, country and town only."""
    return {name: value if name in _SHOWN_OF_ADDRESS else _hidden(value) for name, value in address.items()}


def _hidden(value: Any) -> Any:
    if isinstance(value, list):
        return [MASK] if value else []
    return None if value is None else MASK


def masked(field: str, value: Any) -> Any:
    """Return what is shown of a field of a profile to who may not see contact data; other fields are shown as they are.

    A birth date is not shown at all: nothing that is a date could stand for it.
    """
    if value is None:
        return None
    if field == "birth_date":
        return None
    if field == "addresses":
        return [mask_address(address) for address in value]
    if field in _BY_FIELD:
        return _BY_FIELD[field](value)
    return value


_BY_FIELD = {"name": mask_name, "email": mask_email, "phone": mask_phone}


def contact_fields(fields: Iterable[tuple[str, Any]]) -> list[str]:
    """Return the names of the contact fields among fields that hold something, in their order."""
    return [name for name, value in fields if name in CONTACT_FIELDS and value]

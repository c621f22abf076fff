"""Prefixed, time-ordered identifiers (`cus_…`, `ord_…`) and event ids."""

from uuid import UUID

from uuid_utils import uuid7 as _uuid7

# Crockford's alphabet keeps the order of the number and leaves out letters that are easily mistaken.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_SUFFIX_LENGTH = 26


def new_uuid() -> UUID:
    """Return a UUID version 7 (RFC 9562): its first 48 bits are the Unix time in milliseconds."""
    return UUID(int=_uuid7().int)


def new_id(prefix: str) -> str:
    """Return a new identifier such as `cus_01jd…`: the prefix, `_`, and a UUIDv7 in 26 base-32 characters.

    Identifiers that were made later sort later, to the millisecond.
    """
    return f"{prefix}_{encode(_uuid7().int)}"


def encode(number: int) -> str:
    """Return a 128-bit number as 26 characters whose text order is the order of the numbers."""
    characters = [""] * _SUFFIX_LENGTH
    for place in range(_SUFFIX_LENGTH - 1, -1, -1):
        characters[place] = _ALPHABET[number & 31]
        number >>= 5
    return "".join(characters)


def id_pattern(prefix: str) -> str:
    """Return the regular expression of the identifiers with this prefix."""
    return f"^{prefix}_[0-9a-hjkmnp-tv-z]{{{_SUFFIX_LENGTH}}}$"

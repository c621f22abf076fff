"""Prefixed, time-ordered identifiers (`cus_…`, `ord_…`) and event ids."""

from uuid import UUID

from uuid_utils import uuid7 as _uuid7

# Crockford's alphabet keeps the order of the number and leaves out letters that are easily mistaken.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_SUFFIX_LENGTH = 26
# Ten bits at a time; every row that is written takes an id or two.
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_FORTY_BITS = (1 << 40) - 1


def new_uuid() -> UUID:
    """Return a UUID version 7 (RFC 9562): its first 48 bits are the Unix time in milliseconds."""
    return UUID(int=_uuid7().int)


def new_uuid_text() -> str:
    """Return a new UUID version 7 as text, for a fifth of what `new_uuid` costs."""
    return str(_uuid7())


def new_id(prefix: str) -> str:
    """Return a new identifier such as `cus_01jd…`: the prefix, `_`, and a UUIDv7 in 26 base-32 characters.

    Identifiers that were made later sort later, to the millisecond.
    """
    return f"{prefix}_{encode(_uuid7().int)}"


def encode(number: int) -> str:
    """Return a 128-bit number as 26 characters whose text order is the order of the numbers."""
    # Parts that fit into machine words are cheaper to cut than the whole.
    high, middle, low, pairs = number >> 80, number >> 40 & _FORTY_BITS, number & _FORTY_BITS, _PAIRS
    return (
        f"{pairs[high >> 40]}{pairs[high >> 30 & 1023]}{pairs[high >> 20 & 1023]}{pairs[high >> 10 & 1023]}{pairs[high & 1023]}"
        f"{pairs[middle >> 30]}{pairs[middle >> 20 & 1023]}{pairs[middle >> 10 & 1023]}{pairs[middle & 1023]}"
        f"{pairs[low >> 30]}{pairs[low >> 20 & 1023]}{pairs[low >> 10 & 1023]}{pairs[low & 1023]}"
    )


def id_pattern(prefix: str) -> str:
    """Return the regular expression of the identifiers with this prefix."""
    return f"^{prefix}_[0-9a-hjkmnp-tv-z]{{{_SUFFIX_LENGTH}}}$"

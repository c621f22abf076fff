"""Telling faults that pass from faults of the event itself."""

import hashlib

import asyncpg

from shared.database.pool import code_of
from shared.errors import Unavailable
from shared.telemetry import where


class Overtaken(Exception):
    """Another worker has moved a stream between our look at it and our write; trying again helps."""


# Classes of SQLSTATE that say nothing about the event: connection, transaction state, rollback by the server, syntax or missing
# object (the migrations are not through), resources, object state, operator intervention, system error.
_TRANSIENT_CLASSES = frozenset({"08", "25", "40", "42", "53", "55", "57", "58"})
_TRANSIENT = (Unavailable, Overtaken, TimeoutError, OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)


def is_transient(error: BaseException) -> bool:
    """Return whether the same work may succeed later, unchanged."""
    if isinstance(error, asyncpg.PostgresError):
        return str(getattr(error, "sqlstate", ""))[:2] in _TRANSIENT_CLASSES
    return isinstance(error, _TRANSIENT)


def describe(error: BaseException) -> tuple[str, str]:
    """Return class and place of an error, and a fingerprint that alike failures share; neither holds a value."""
    places = where(error)
    text = f"{code_of(error)} at {places[-1] if places else 'unknown'}"
    # The line is left out, so that a release does not split a group.
    without_lines = "|".join([code_of(error), *(place.split(":")[0] + place.rsplit(" ", 1)[-1] for place in places[-3:])])
    return text, hashlib.sha256(without_lines.encode()).hexdigest()[:16]

"""A customer whom nobody knows yet, in the form in which he is written; made beside the event loop."""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

import orjson

from customers.profiles.facts import PREFIX
from customers.profiles.rules import DEFAULTS, FIELDS, LISTS, OBJECTS
from customers.profiles.search import fold
from shared.ids import new_id

JSON_FIELDS = frozenset({*OBJECTS, *LISTS})


class Prepared(NamedTuple):
    """A new customer, ready to be written.

    Attributes:
        customer_id: his id.
        change_id: that of his first change set.
        search_name: what his name is found by.
        facts: the fields of the change set, as JSON.
        columns: the values of some fields, in their order; lists and objects as JSON.
    """

    customer_id: str
    change_id: str
    search_name: str
    facts: str
    columns: tuple[Any, ...]


def columns_of(fields: frozenset[str]) -> tuple[str, ...]:
    """Return the columns that rows with these fields fill, in order."""
    return tuple(name for name in FIELDS if name == "kind" or name in fields)


def prepare(fields: Mapping[str, Any], names: tuple[str, ...]) -> Prepared:
    """Return the new customer of whom some fields are told.

    Args:
        fields: as they were checked; None empties.
        names: the columns to fill, from `columns_of`.
    """
    facts: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "attributes":
            facts |= {PREFIX + key: inner for key, inner in (value or {}).items() if inner is not None}
        else:
            facts[name] = None if value == DEFAULTS[name] else value.isoformat() if isinstance(value, date) else value
    columns = tuple(_column(name, fields.get(name)) for name in names)
    return Prepared(new_id("cus"), new_id("chg"), fold(fields.get("name")), orjson.dumps(facts).decode(), columns)


def _column(name: str, value: Any) -> Any:
    if name not in JSON_FIELDS:
        return DEFAULTS[name] if value is None else value
    if not value:
        return "{}" if name in OBJECTS else "[]"
    if name == "attributes":
        value = {key: inner for key, inner in value.items() if inner is not None}
    return orjson.dumps(value).decode()

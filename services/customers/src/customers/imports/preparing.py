"""A customer whom nobody knows yet, in the form in which he is written; made beside the event loop."""

from collections.abc import Mapping
from datetime import date, datetime
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
        row: his row and his first change set, as a JSON object: `id`, `change_id`, `search_name`, `facts`, `observed_at` and the columns.
    """

    customer_id: str
    row: str


def columns_of(fields: frozenset[str]) -> tuple[str, ...]:
    """Return the columns that rows with these fields fill, in order."""
    return tuple(name for name in FIELDS if name == "kind" or name in fields)


def prepare(fields: Mapping[str, Any], names: tuple[str, ...], observed_at: datetime | None = None) -> Prepared:
    """Return the new customer of whom some fields are told.

    Args:
        fields: as they were checked; None empties.
        names: the columns to fill, from `columns_of`.
        observed_at: when it was true, where the rows tell.
    """
    facts: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "attributes":
            facts |= {PREFIX + key: inner for key, inner in (value or {}).items() if inner is not None}
        else:
            facts[name] = None if value == DEFAULTS[name] else value.isoformat() if isinstance(value, date) else value
    customer_id = new_id("cus")
    row = {"id": customer_id, "change_id": new_id("chg"), "search_name": fold(fields.get("name")), "facts": facts}
    if observed_at is not None:
        row["observed_at"] = observed_at
    for name in names:
        value = fields.get(name)
        row[name] = DEFAULTS[name] if value is None else value
    if row.get("attributes"):
        row["attributes"] = {key: inner for key, inner in row["attributes"].items() if inner is not None}
    return Prepared(customer_id, orjson.dumps(row).decode())

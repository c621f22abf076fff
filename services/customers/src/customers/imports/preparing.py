"""A customer whom nobody knows yet, in the form in which he is written; made beside the event loop."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

import orjson

from customers.profiles.facts import PREFIX
from customers.profiles.rules import DEFAULTS, FIELDS, LISTS, OBJECTS
from customers.profiles.search import fold
from shared.contracts.customers import CustomerRegistered
from shared.database.copying import line_of
from shared.ids import new_id
from shared.messaging.outbox import event_line

_JSON = frozenset({*OBJECTS, *LISTS})
# What the lines of a change set fill; who tells it is the same for all.
CHANGE_COLUMNS = ("id", "customer_id", "observed_at", "fields", "source", "actor", "cause")


class Prepared(NamedTuple):
    """A new customer, ready to be written.

    Attributes:
        customer_id: his id.
        external_id: the one that he must have for himself.
        row: his row, a line of `row_columns`.
        change: his first change set, a line of `CHANGE_COLUMNS` without who tells it.
        event: that he exists, a line without the end of its payload, which is the time.
    """

    customer_id: str
    external_id: str | None
    row: str
    change: str
    event: str


def columns_of(fields: frozenset[str]) -> tuple[str, ...]:
    """Return the columns that rows with these fields fill, in order."""
    return tuple(name for name in FIELDS if name == "kind" or name in fields)


def row_columns(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the line of a row fills, of these columns from `columns_of`."""
    return ("id", "root_id", "search_name", *names)


def prepare(fields: Mapping[str, Any], names: tuple[str, ...], observed_at: datetime | None = None) -> Prepared:
    """Return the new customer of whom some fields are told.

    Args:
        fields: as they were checked; None empties.
        names: the columns to fill, from `columns_of`.
        observed_at: when it was true, where the rows tell.
    """
    customer_id = new_id("cus")
    cells = [_cell(name, fields.get(name)) for name in names]
    facts = orjson.dumps(_facts(fields)).decode()
    return Prepared(
        customer_id,
        fields.get("external_id"),
        line_of((customer_id, customer_id, fold(fields.get("name")), *cells)),
        line_of((new_id("chg"), customer_id, None if observed_at is None else observed_at.isoformat(), facts)),
        event_line(CustomerRegistered, customer_id, customer_id, 1, _registered(customer_id, fields)),
    )


def end_of_registered(at: datetime) -> str:
    """Return what ends the payload of each new customer's event."""
    return f"{orjson.dumps(at, option=orjson.OPT_UTC_Z).decode()}}}"


def _registered(customer_id: str, fields: Mapping[str, Any]) -> str:
    payload = {"customer_id": customer_id, "kind": fields.get("kind") or DEFAULTS["kind"]}
    payload |= {name: fields[name] for name in ("country", "language") if fields.get(name) is not None}
    return f'{orjson.dumps(payload).decode()[:-1]},"registered_at":'


def _cell(name: str, value: Any) -> str | None:
    if type(value) is str:
        return value
    if value is None:
        value = DEFAULTS[name]
    elif name == "attributes":
        value = {key: inner for key, inner in value.items() if inner is not None}
    if name in _JSON:
        return orjson.dumps(value).decode()
    return value.isoformat() if isinstance(value, date) else value


def _facts(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the change set holds: as `facts.facts_of` has it."""
    facts: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "attributes":
            facts |= {PREFIX + key: inner for key, inner in (value or {}).items() if inner is not None}
        else:
            facts[name] = None if value == DEFAULTS[name] else value.isoformat() if isinstance(value, date) else value
    return facts

"""How a customer becomes a line of a file: pure."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import orjson

from customers.privacy.masking import CONTACT_FIELDS, MASK
from customers.profiles.facts import PREFIX
from customers.profiles.rules import FIELDS

COLUMNS = ("id", *FIELDS, "created_at", "updated_at")
# What a spreadsheet takes for the beginning of a formula.
_FORMULA = re.compile(r"[=+\-@\t\r]")
# These look like one and are none.
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def is_known(name: str) -> bool:
    """Tell whether there is such a field."""
    return name in COLUMNS or (name.startswith(PREFIX) and len(name) > len(PREFIX))


def masked(values: Mapping[str, Any], personal: frozenset[str]) -> dict[str, Any]:
    """Return what may be seen of a customer by who may not see contact data.

    Args:
        values: by field.
        personal: names of the attributes that are contact data.
    """
    shown = {name: MASK if name in CONTACT_FIELDS and value not in (None, []) else value for name, value in values.items()}
    shown["attributes"] = {name: MASK if name in personal and value is not None else value for name, value in values["attributes"].items()}
    return shown


def picked(values: Mapping[str, Any], fields: Sequence[str]) -> list[Any]:
    """Return the values of some fields, each attribute being one."""
    return [values["attributes"].get(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else values[name] for name in fields]


def csv_lines(rows: Sequence[Sequence[Any]]) -> bytes:
    """Return rows as lines of a CSV file whose cells no spreadsheet takes for formulas."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerows([[cell(value) for value in row] for row in rows])
    return out.getvalue().encode()


def ndjson_lines(rows: Sequence[Sequence[Any]], fields: Sequence[str]) -> bytes:
    """Return rows as JSON objects, one a line."""
    return b"".join(orjson.dumps(dict(zip(fields, row, strict=True)), option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE) for row in rows)


def cell(value: Any) -> str:
    """Return a value as a cell: text as it is, moments as RFC 3339, lists and objects as JSON, nothing as nothing."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    if text in ("[]", "{}") and not isinstance(value, str):
        return ""
    # The apostrophe tells spreadsheets that text follows.
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text

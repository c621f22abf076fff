"""Reads JSON strictly: what two parsers could understand differently, or could break one, is refused."""

import json
from typing import Any

import orjson

from shared.http.errors import MalformedBody, TextRefused
from shared.http.problems import pointer_of

MAX_DEPTH = 32
_ESCAPED_NUL = b"\\u0000"


def read_json(raw: bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        MalformedBody: it is not JSON in UTF-8, holds a non-finite number or a lone surrogate, is nested too deeply,
            or names a member of an object twice.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"The body is not valid JSON in UTF-8 (at character {error.pos}).", position=error.pos) from None
    if not isinstance(value, (dict, list)):
        return value
    if _is_too_deep(raw, value):
        raise MalformedBody(f"The body is nested more than {MAX_DEPTH} levels deep.")
    # Written back it is the same text, so no member was lost; machines mostly write it so.
    if orjson.dumps(value) != raw:
        json.loads(raw, object_pairs_hook=_without_duplicates)
    return value


def refuse_nul(raw: bytes, value: Any) -> None:
    """Refuse text with U+0000, which Postgres cannot store.

    Raises:
        TextRefused: with the pointer of the first such text.
    """
    if _ESCAPED_NUL in raw:
        path = nul_path(value)
        if path is not None:
            raise TextRefused(pointer=pointer_of(path))


def nul_path(value: Any) -> tuple[str | int, ...] | None:
    """Return the path of the first text or name with U+0000, or None."""
    if isinstance(value, str):
        return () if "\x00" in value else None
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    else:
        return None
    for name, inner in pairs:
        if isinstance(name, str) and "\x00" in name:
            return (name.replace("\x00", ""),)
        found = nul_path(inner)
        if found is not None:
            return (name, *found)
    return None


def _is_too_deep(raw: bytes, value: Any) -> bool:
    # So many brackets cannot nest more deeply; those in strings only add to the count.
    if raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH:
        return False
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner for outer in level for inner in (outer.values() if isinstance(outer, dict) else outer) if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True


def _without_duplicates(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for name, _ in pairs:
        if name in seen:
            # Deeper places are not known here; the name is what the caller needs.
            raise MalformedBody("An object names the same member twice.", pointer=pointer_of((name,)))
        seen.add(name)

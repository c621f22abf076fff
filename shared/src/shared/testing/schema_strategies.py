"""Hypothesis strategies for event schemas, their changes, and documents that fit them.

They cover the subset of JSON Schema that pydantic writes for events; `documents` raises on what it does not know.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]

_NAMES = st.sampled_from(["id", "kind", "at", "lines", "note", "amount", "tags"])
_MOMENTS = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
# Each of these is one field's schema that is no object, array or map.
_LEAVES: tuple[Schema, ...] = (
    {"type": "string"},
    {"type": "string", "maxLength": 5},
    {"type": "string", "pattern": "^[A-Z]{3}$"},
    {"type": "string", "format": "date-time"},
    {"type": "integer"},
    {"type": "integer", "minimum": 1},
    {"type": "integer", "minimum": 1, "maximum": 10},
    {"type": "number"},
    {"type": "boolean"},
    {"type": "string", "const": "nps"},
    {"type": "string", "enum": ["a", "b"]},
    {"type": "string", "enum": ["a", "b", "c"]},
    {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
    {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    {"anyOf": [{"type": "integer"}, {"type": "string"}]},
)


def fields() -> st.SearchStrategy[Schema]:
    """Return schemas of single fields: texts, numbers, choices, and what may be null."""
    return st.sampled_from(_LEAVES).map(copy.deepcopy)


def schemas() -> st.SearchStrategy[Schema]:
    """Return closed object schemas, nested, with required and optional fields."""
    nested = st.recursive(
        fields(),
        lambda inner: st.one_of(
            inner.map(lambda part: {"type": "array", "items": part}),
            inner.map(lambda part: {"type": "object", "additionalProperties": part}),
            _objects(inner),
        ),
        max_leaves=8,
    )
    return _objects(nested)


def _objects(parts: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    members = st.dictionaries(_NAMES, st.tuples(parts, st.booleans()), min_size=1, max_size=5)
    return members.map(
        lambda chosen: {
            "type": "object",
            "additionalProperties": False,
            "properties": {name: field for name, (field, _) in chosen.items()},
            "required": [name for name, (_, is_required) in chosen.items() if is_required],
        }
    )


def documents(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Return JSON values that fit a producer's schema.

    Raises:
        ValueError: the schema says something that this generator does not know.
    """
    return _documents(schema, schema)


def _documents(schema: Mapping[str, Any], document: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return _documents(document["$defs"][schema["$ref"].removeprefix("#/$defs/")], document)
    if "anyOf" in schema or "oneOf" in schema:
        return st.one_of(*(_documents(branch, document) for branch in schema.get("anyOf", schema.get("oneOf"))))
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("type") not in _BY_TYPE:
        raise ValueError(f"no documents for {schema!r}")
    return _BY_TYPE[schema["type"]](schema, document)


def _text(schema: Mapping[str, Any], _document: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if schema.get("format") == "date-time":
        return _MOMENTS
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True)
    return st.text(min_size=schema.get("minLength", 0), max_size=schema.get("maxLength", 20))


def _integer(schema: Mapping[str, Any], _document: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    return st.integers(schema.get("minimum", -(2**53)), schema.get("maximum", 2**53))


def _array(schema: Mapping[str, Any], document: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    return st.lists(_documents(schema["items"], document), min_size=schema.get("minItems", 0), max_size=3)


def _object(schema: Mapping[str, Any], document: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "properties" not in schema:
        return st.dictionaries(st.text(max_size=5), _documents(schema["additionalProperties"], document), max_size=3)
    fields = {name: _documents(part, document) for name, part in schema["properties"].items()}
    required = set(schema.get("required", ()))
    return st.fixed_dictionaries(
        {name: field for name, field in fields.items() if name in required},
        optional={name: field for name, field in fields.items() if name not in required},
    )


_BY_TYPE: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], st.SearchStrategy[Any]]] = {
    "string": _text,
    "integer": _integer,
    "number": lambda _schema, _document: st.floats(-1e9, 1e9),
    "boolean": lambda _schema, _document: st.booleans(),
    "null": lambda _schema, _document: st.none(),
    "array": _array,
    "object": _object,
}


@st.composite
def additive_changes(draw: st.DrawFn, schema: Schema) -> Schema:
    """Return the schema with an optional field more in one of its objects."""
    changed = copy.deepcopy(schema)
    target = draw(st.sampled_from(list(_closed_objects(changed))))
    target["properties"][f"new_{draw(st.integers(0, 9))}"] = draw(st.sampled_from(_LEAVES))
    return changed


@st.composite
def any_changes(draw: st.DrawFn, schema: Schema) -> Schema:
    """Return the schema after one change to a field, good or bad."""
    changed = copy.deepcopy(schema)
    target = draw(st.sampled_from(list(_closed_objects(changed))))
    name = draw(st.sampled_from(sorted(target["properties"])))
    match draw(st.sampled_from(["replace", "remove", "rename", "toggle", "require", "add"])):
        case "replace":
            target["properties"][name] = draw(st.sampled_from(_LEAVES))
        case "remove":
            _drop(target, name)
        case "rename":
            target["properties"]["renamed"] = target["properties"][name]
            _drop(target, name)
        case "toggle":
            target["required"] = [*target["required"], name] if name not in target["required"] else _without(target["required"], name)
        case "require":
            target["properties"]["added"] = draw(st.sampled_from(_LEAVES))
            target["required"].append("added")
        case _:
            target["properties"]["added"] = draw(st.sampled_from(_LEAVES))
    return changed


def _drop(target: Schema, name: str) -> None:
    del target["properties"][name]
    target["required"] = _without(target["required"], name)


def _without(names: list[str], name: str) -> list[str]:
    return [other for other in names if other != name]


def _closed_objects(schema: Any) -> Iterator[Schema]:
    """Yield the object schemas with declared fields, at every depth."""
    if not isinstance(schema, dict):
        return
    if "properties" in schema:
        yield schema
        for part in schema["properties"].values():
            yield from _closed_objects(part)
    yield from _closed_objects(schema.get("items"))
    yield from _closed_objects(schema.get("additionalProperties"))

"""A released schema only gains optional fields: samples that must be refused, and the property that the rule stands for."""

import copy
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from shared.contracts.compatibility import breaches
from shared.contracts.schemas import open_for_readers
from shared.testing.schema_strategies import additive_changes, any_changes, documents, fields, schemas

Schema = dict[str, Any]

RELEASED: Schema = {
    "x-key-field": "id",
    "$defs": {
        "Line": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"sku": {"type": "string"}, "quantity": {"type": "integer", "minimum": 1}},
            "required": ["sku", "quantity"],
        }
    },
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "description": "The order."},
        "kind": {"type": "string", "enum": ["web", "shop"]},
        "at": {"type": "string", "format": "date-time"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["id", "kind", "at", "lines"],
}


def changed(path: str, value: object) -> Schema:
    """The released schema with one value set (or, for `...`, removed) at a path of keys."""
    schema = copy.deepcopy(RELEASED)
    *parents, last = path.split("/")
    target: Any = schema
    for key in parents:
        target = target[key]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return schema


@pytest.mark.parametrize(
    "new",
    [
        RELEASED,
        changed("properties/id/description", "Another word for it."),
        changed("properties/coupon", {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}),
        changed("$defs/Line/properties/category", {"type": "string"}),
        changed("properties/kind/enum", ["shop", "web"]),
        changed("properties/note/anyOf", [{"type": "null"}, {"type": "string"}]),
        changed("required", ["lines", "at", "kind", "id"]),
    ],
    ids=["same", "described", "optional", "nested", "enum order", "branch order", "required order"],
)
def test_additive_changes_pass(new: Schema) -> None:
    assert breaches(RELEASED, new) == []


@pytest.mark.parametrize(
    ("new", "path"),
    [
        (changed("properties/note", ...), "/properties/note"),
        (changed("properties/kind/enum", ["web"]), "/properties/kind/enum"),
        (changed("properties/kind/enum", ["web", "shop", "app"]), "/properties/kind/enum"),
        (changed("properties/id/type", "integer"), "/properties/id/type"),
        (changed("properties/at/format", ...), "/properties/at/format"),
        (changed("properties/id/pattern", "^ord_"), "/properties/id/pattern"),
        (changed("properties/note/default", ""), "/properties/note/default"),
        (changed("properties/note/anyOf", [{"type": "string"}]), "/properties/note/anyOf"),
        (changed("required", ["id", "kind", "at", "lines", "note"]), "/required/note"),
        (changed("required", ["id", "kind", "at"]), "/required/lines"),
        (changed("$defs/Line/properties/quantity/minimum", 0), "/properties/lines/items/properties/quantity/minimum"),
        (changed("$defs/Line/properties/quantity/minimum", 2), "/properties/lines/items/properties/quantity/minimum"),
        (changed("$defs/Line/properties/quantity", ...), "/properties/lines/items/properties/quantity"),
        (changed("properties/labels/additionalProperties", {"type": "integer"}), "/properties/labels/additionalProperties/type"),
        (changed("additionalProperties", True), "/additionalProperties"),
        (changed("x-key-field", "kind"), "/x-key-field"),
        (changed("properties/id/contentEncoding", "base64"), "/properties/id/contentEncoding"),
    ],
)
def test_every_other_change_is_refused(new: Schema, path: str) -> None:
    assert path in [breach.path for breach in breaches(RELEASED, new)]


def test_a_renamed_field_is_a_removed_one() -> None:
    new = changed("properties/remark", RELEASED["properties"]["note"])
    del new["properties"]["note"]
    assert [breach.path for breach in breaches(RELEASED, new)] == ["/properties/note"]


def test_a_recursive_model_is_compared_once_round() -> None:
    def tree(leaf: str) -> Schema:
        node: Schema = {"type": "object", "additionalProperties": False, "properties": {"leaf": {"type": leaf}}}
        node["properties"]["child"] = {"$ref": "#/$defs/Node"}
        return {"$ref": "#/$defs/Node", "$defs": {"Node": node}}

    assert breaches(tree("string"), tree("string")) == []
    assert [breach.path for breach in breaches(tree("string"), tree("integer"))] == ["/properties/leaf/type"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_additive_chain_is_allowed_and_readable_both_ways(data: st.DataObject) -> None:
    old = data.draw(schemas())
    new = old
    for _ in range(data.draw(st.integers(1, 3))):
        new = data.draw(additive_changes(new))
    # Drawing the same new name twice replaces a field that was just added: compare with what is released, the first.
    assert breaches(old, new) == []
    assert_readable(data, old, new)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_is_allowed_is_readable_both_ways(data: st.DataObject) -> None:
    old = data.draw(schemas())
    new = data.draw(any_changes(old))
    if not breaches(old, new):
        assert_readable(data, old, new)


@settings(max_examples=500, deadline=None)
@given(st.data(), fields(), fields())
def test_whatever_is_allowed_in_one_field_is_readable_both_ways(data: st.DataObject, before: Schema, after: Schema) -> None:
    old, new = with_field(before), with_field(after)
    if not breaches(old, new):
        assert_readable(data, old, new)


def test_the_property_bites() -> None:
    """Without the rule, the property would fail: a widened enumeration is unreadable to those who came before."""
    old, new = {"type": "string", "enum": ["a"]}, {"type": "string", "enum": ["a", "b"]}
    assert breaches(old, new)
    with pytest.raises(jsonschema.ValidationError):
        Draft202012Validator(open_for_readers(old)).validate("b")


def with_field(field: Schema) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": {"field": field}, "required": ["field"]}


def assert_readable(data: st.DataObject, old: Schema, new: Schema) -> None:
    for written, read in ((old, new), (new, old)):
        reader = Draft202012Validator(open_for_readers(read))
        for document in data.draw(st.lists(documents(written), min_size=3, max_size=5)):
            reader.validate(document)

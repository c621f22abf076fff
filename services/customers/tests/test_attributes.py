"""Definitions of attributes: what they may be, what they make of values, and who may have which."""

import math
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.attributes import service
from customers.attributes.errors import (
    AttributeDefinitionInvalid,
    AttributeInvalid,
    AttributeNotFilterable,
    AttributeRequired,
    AttributeUnknown,
)
from customers.attributes.rules import Catalogue, Comparison, Definition, check_definition, checked, from_text, normal, wanted

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
TYPES = ("text", "number", "integer", "boolean", "date", "moment", "option", "options", "money", "url")
OPTIONS = ("red", "green", "blue")


def defined(kind: str, **more) -> Definition:
    return Definition(name="x", type=kind, options=OPTIONS if kind in {"option", "options"} else (), **more)  # type: ignore[arg-type]


@given(st.sampled_from(TYPES), JSON)
def test_a_value_is_refused_or_has_one_normal_form(kind, value):
    definition = defined(kind)
    try:
        kept = normal(definition, value)
    except AttributeInvalid as refused:
        error = refused
    else:
        error = None
    if error is not None:
        assert error.pointer == "/attributes/x"
        return
    assert orjson.loads(orjson.dumps(kept)) == kept
    assert normal(definition, kept) == kept


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("text", " blue ", "blue"),
        ("number", 4.0, 4),
        ("number", 0.5, 0.5),
        ("integer", 44.0, 44),
        ("boolean", False, False),
        ("date", "2026-03-02", "2026-03-02"),
        ("moment", "2026-03-02T14:00:00+02:00", "2026-03-02T12:00:00.000000Z"),
        ("option", "red", "red"),
        ("options", ["blue", "red", "blue"], ["red", "blue"]),
        ("money", {"currency": "EUR", "amount_minor": 5}, {"amount_minor": 5, "currency": "EUR"}),
        ("url", "HTTPS://Example.com/A?b=C", "https://example.com/A?b=C"),
    ],
)
def test_values_come_to_their_normal_form(kind, value, kept):
    found = normal(defined(kind), value)
    assert (found, type(found)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", ""),
        ("text", 5),
        ("number", True),
        ("number", math.inf),
        ("number", "5"),
        ("integer", 1.5),
        ("integer", 2**60),
        ("boolean", 1),
        ("date", "2026-02-30"),
        ("date", "2026-03-02T00:00:00Z"),
        ("moment", "2026-03-02T12:00:00"),
        ("option", "black"),
        ("options", "red"),
        ("options", ["black"]),
        ("options", [{}]),
        ("money", {"amount_minor": 5}),
        ("money", {"amount_minor": 0.5, "currency": "EUR"}),
        ("money", {"amount_minor": 5, "currency": "EUX"}),
        ("url", "ftp://example.com"),
        ("url", "https://user:secret@example.com"),
        ("url", "http://[::1"),
        ("url", "example.com"),
    ],
)
def test_values_of_another_kind_are_refused(kind, value):
    with pytest.raises(AttributeInvalid):
        normal(defined(kind), value)


@pytest.mark.parametrize(
    ("kind", "limits", "inside", "outside"),
    [
        ("text", {"min_length": 2, "max_length": 3}, ["ab", "abc"], ["a", "abcd"]),
        ("options", {"max_length": 1}, [["red"]], [["red", "blue"]]),
        ("integer", {"minimum": 15, "maximum": 60}, [15, 60], [14, 61]),
        ("money", {"minimum": 0}, [{"amount_minor": 0, "currency": "EUR"}], [{"amount_minor": -1, "currency": "EUR"}]),
        ("date", {"earliest": "2026-01-01"}, ["2026-01-01"], ["2025-12-31"]),
        ("moment", {"latest": "2026-01-01T00:00:00Z"}, ["2026-01-01T01:00:00+01:00"], ["2026-01-01T00:00:01Z"]),
    ],
)
def test_limits_are_inclusive(kind, limits, inside, outside):
    definition = defined(kind, limits=limits)
    check_definition(definition)
    for value in inside:
        normal(definition, value)
    for value in outside:
        with pytest.raises(AttributeInvalid):
            normal(definition, value)


@pytest.mark.parametrize(
    ("definition", "pointer"),
    [
        (Definition("x", "option"), "/options"),
        (Definition("x", "text", options=("a",)), "/options"),
        (Definition("x", "option", options=("a", "a")), "/options"),
        (Definition("x", "money", is_unique=True), "/unique"),
        (Definition("x", "text", limits={"minimum": 1}), "/limits/minimum"),
        (Definition("x", "boolean", limits={"minimum": 1}), "/limits/minimum"),
        (Definition("x", "number", limits={"minimum": 2, "maximum": 1}), "/limits/minimum"),
        (Definition("x", "date", limits={"earliest": "soon", "latest": "2026-01-01"}), "/limits"),
    ],
)
def test_definitions_whose_parts_do_not_fit_are_refused(definition, pointer):
    with pytest.raises(AttributeDefinitionInvalid) as refused:
        check_definition(definition)
    assert refused.value.pointer == pointer


SIZE = Definition("size", "integer", is_required=True, is_filterable=True, limits={"minimum": 10})
COLOUR = Definition("colour", "options", options=OPTIONS, is_filterable=True)
CATALOGUE = Catalogue(1, False, {"size": SIZE, "colour": COLOUR, "secret": Definition("secret", "text", is_personal=True)})


def test_required_strict_and_unchanged():
    assert checked(CATALOGUE, {"size": 12.0, "free": {"a": 1}}) == {"size": 12, "free": {"a": 1}}
    with pytest.raises(AttributeRequired) as missing:
        checked(CATALOGUE, {"free": 1})
    assert missing.value.pointer == "/attributes/size"
    with pytest.raises(AttributeRequired):
        checked(CATALOGUE, {"size": None}, before={"size": 12})
    # Who came before the definition is not held to it until somebody touches the value.
    assert checked(CATALOGUE, {"free": 1}, before={"free": 2}) == {"free": 1}
    assert checked(CATALOGUE, {"size": "old"}, before={"size": "old"}) == {"size": "old"}
    with pytest.raises(AttributeInvalid):
        checked(CATALOGUE, {"size": 1}, before={"size": True})
    strict = Catalogue(1, True, {"size": SIZE})
    with pytest.raises(AttributeUnknown) as unknown:
        checked(strict, {"size": 12, "a/b": 1})
    assert unknown.value.pointer == "/attributes/a~1b"
    assert checked(strict, {"size": 12, "free": 1}, before={"size": 12, "free": 1}) == {"size": 12, "free": 1}


@given(st.dictionaries(st.sampled_from(["size", "colour", "secret", "free"]), JSON, max_size=4))
def test_without_definitions_everything_passes(attributes):
    assert checked(Catalogue(), attributes) is not attributes
    assert checked(Catalogue(), attributes).keys() == attributes.keys()


@given(st.integers(-(2**53), 2**53), st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1), max_value=datetime(2199, 1, 1)))  # noqa: DTZ001
def test_texts_stand_for_values(number, moment):
    assert from_text(defined("integer"), str(number)) == number
    assert from_text(defined("money"), f"{number} EUR") == {"amount_minor": number, "currency": "EUR"}
    kept = from_text(defined("moment"), moment.isoformat())
    assert datetime.fromisoformat(kept) == moment
    # Kept moments sort as time does.
    assert (kept < "2026-01-01T00:00:00.000000Z") == (moment < datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("kind", "text"), [("integer", "many"), ("number", "nan"), ("boolean", "perhaps"), ("money", "5"), ("date", "today"), ("integer", "")]
)
def test_texts_that_stand_for_nothing_are_refused(kind, text):
    with pytest.raises(AttributeInvalid):
        from_text(defined(kind), text)


def test_what_a_filter_asks_for():
    members, compared = wanted(CATALOGUE, {"colour": "red", "size.from": "5", "size.to": "20"})
    assert members == {"colour": ["red"]}
    assert compared == [Comparison("size", 5, 20)]
    assert wanted(CATALOGUE, {"size": "12"}) == ({"size": 12}, [])
    assert wanted(CATALOGUE, {"size.to": "12"})[1] == [Comparison("size", -1e308, 12)]
    for refused in ("secret", "unknown", "colour.from", "size.below", "*"):
        with pytest.raises(AttributeNotFilterable) as error:
            wanted(CATALOGUE, {refused: "1"})
        assert error.value.pointer == f"/attributes.{refused}"
    with pytest.raises(AttributeInvalid) as invalid:
        wanted(CATALOGUE, {"size": "large"})
    assert (invalid.value.pointer, invalid.value.extras) == ("/attributes.size", {"location": "query"})


def test_personal_attributes_are_masked():
    assert service.masked(CATALOGUE, {"secret": "x", "size": 1}) == {"secret": "***", "size": 1}


SHOE = {"name": "shoe_size", "type": "integer", "titles": {"en": "Shoe size", "lv": "Apavu izmērs"}, "limits": {"minimum": 15}}


async def test_a_definition_lives_over_http(client):
    made = await client.post("/v1/attribute-definitions", json=SHOE | {"filterable": True})
    assert made.status_code == 201, made.text
    shown = made.json()
    assert shown["limits"] == {"minimum": 15}
    assert (shown["required"], shown["filterable"], shown["archived_at"]) == (False, True, None)
    got = await client.get(made.headers["location"])
    assert (got.json(), got.headers["etag"]) == (shown, '"1"')
    twice = await client.post("/v1/attribute-definitions", json=SHOE)
    assert (twice.status_code, twice.json()["code"]) == (409, "attribute_definition_exists")
    path = made.headers["location"]
    patched = await client.patch(path, json={"required": True, "limits": None}, headers={"if-match": '"1"'})
    assert (patched.json()["required"], patched.json()["limits"], patched.headers["etag"]) == (True, {}, '"2"')
    late = await client.patch(path, json={"required": False}, headers={"if-match": '"1"'})
    assert late.status_code == 412
    assert (await client.delete(path)).status_code == 428
    assert (await client.delete(path, headers={"if-match": '"2"'})).status_code == 204
    assert (await client.get("/v1/attribute-definitions")).json()["data"] == []
    archived = (await client.get("/v1/attribute-definitions?archived=true")).json()["data"]
    assert [(each["name"], each["archived_at"] is not None) for each in archived] == [("shoe_size", True)]
    back = await client.patch(path, json={"archived": False}, headers={"if-match": '"3"'})
    assert back.json()["archived_at"] is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": "Shoe size"}, "validation_failed"),
        ({"type": "size"}, "validation_failed"),
        ({"titles": {"de": "Schuhgröße"}}, "validation_failed"),
        ({"options": [{"code": "a"}]}, "attribute_definition_invalid"),
        ({"unique": "yes"}, "validation_failed"),
    ],
)
async def test_definitions_are_refused(client, change, code):
    refused = await client.post("/v1/attribute-definitions", json=SHOE | change)
    assert (refused.status_code, refused.json()["code"]) == (422, code)


async def test_unknown_definitions_are_not_found(client):
    path = "/v1/attribute-definitions/nothing"
    assert (await client.get(path)).status_code == 404
    assert (await client.patch(path, json={}, headers={"if-match": '"1"'})).status_code == 404
    assert (await client.delete(path, headers={"if-match": '"1"'})).status_code == 404

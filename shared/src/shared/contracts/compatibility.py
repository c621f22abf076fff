"""May this schema replace that one under the same event type? Only when the change is additive.

The rule is FULL, and holds over any number of releases: a reader of any release reads what a producer of any other release
writes. Events live for ever in the logs and services are upgraded one by one, so both directions matter.

- A producer's schema is closed; a reader ignores what he does not know. So the one change that is free is a **new optional
  field**, in the event or in an object within it, of any type: old readers skip it, new readers do without it.
- **A field is never removed or renamed**, not even an optional one: a consumer that lived on it would starve in silence.
- **No field becomes required or optional**: the one refuses old events, the other starves old readers.
- **Types, formats, patterns, limits and enumerations stay as they are, in both directions**: narrowed, new readers refuse old
  events; widened, old readers refuse new ones. A set of values that will grow is declared as a string from the start.
- **Defaults stay**: an old event without the field would change its meaning.
- **Topic, aggregate and key stay**: they carry the order.
- Descriptions, titles, examples and the names of definitions are free.

Everything else is a new type (`…v2`), sent beside the old one for a time. A keyword that this check does not know is refused:
what it cannot judge, it does not allow.

Source: Confluent Schema Registry, "Schema Evolution and Compatibility", FULL_TRANSITIVE; CloudEvents primer, "Versioning of events".
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from shared.contracts.schemas import ROUTING

Schema = Mapping[str, Any]

_FREE = frozenset({"title", "description", "examples", "deprecated", "$comment", "$defs", "$id", "$schema"})
_FROZEN = frozenset(
    {
        "type", "const", "enum", "format", "pattern", "default", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum",
        "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "discriminator",
        *ROUTING,
    }
)  # fmt: skip
_NESTED = frozenset({"properties", "required", "additionalProperties", "items", "prefixItems", "anyOf", "oneOf", "propertyNames"})
_ABSENT = object()


class Breach(NamedTuple):
    """One reason why a schema may not replace another.

    Attributes:
        path: where, as a JSON pointer into the schema.
        reason: what changed, and whom it hurts.
    """

    path: str
    reason: str


class _Place(NamedTuple):
    """A schema on its way down: where it is, the document it came from, and the references that led here."""

    schema: Schema
    document: Schema
    followed: tuple[str, ...] = ()


def breaches(old: Schema, new: Schema) -> list[Breach]:
    """Return every reason why `new` may not replace `old`; none when the change is additive.

    Args:
        old: a released schema.
        new: the schema that would be released under the same type.
    """
    return list(_compare("", _Place(old, old), _Place(new, new)))


def _compare(path: str, old: _Place, new: _Place) -> Iterator[Breach]:
    if old.schema.get("$ref") in old.followed and new.schema.get("$ref") in new.followed:
        return  # A recursive model: this pair is being compared further up.
    old, new = _resolve(old), _resolve(new)
    yield from _unknown_keywords(path, old.schema)
    yield from _unknown_keywords(path, new.schema)
    for keyword in sorted(_FROZEN):
        before, after = old.schema.get(keyword, _ABSENT), new.schema.get(keyword, _ABSENT)
        if not _same(keyword, before, after):
            yield Breach(f"{path}/{keyword}", f"{_told(before)} became {_told(after)}")
    yield from _compare_fields(path, old, new)
    yield from _compare_additional(path, old, new)
    for keyword in ("items", "propertyNames"):
        yield from _compare_part(f"{path}/{keyword}", keyword, old, new)
    for keyword in ("prefixItems", "anyOf", "oneOf"):
        yield from _compare_branches(f"{path}/{keyword}", keyword, old, new)


def _resolve(place: _Place) -> _Place:
    reference = place.schema.get("$ref")
    if reference is None:
        return place
    definition = place.document.get("$defs", {})[reference.removeprefix("#/$defs/")]
    siblings = {keyword: value for keyword, value in place.schema.items() if keyword != "$ref"}
    return _Place({**definition, **siblings}, place.document, (*place.followed, reference))


def _unknown_keywords(path: str, schema: Schema) -> Iterator[Breach]:
    for keyword in sorted(schema.keys() - _FREE - _FROZEN - _NESTED):
        yield Breach(f"{path}/{keyword}", "this check does not know the keyword")
    if "oneOf" in schema and "discriminator" not in schema:
        yield Breach(f"{path}/oneOf", "without a discriminator, a new field can make two branches fit")


def _compare_fields(path: str, old: _Place, new: _Place) -> Iterator[Breach]:
    before, after = old.schema.get("properties", {}), new.schema.get("properties", {})
    old_required, new_required = set(old.schema.get("required", ())), set(new.schema.get("required", ()))
    for name in before:
        if name not in after:
            yield Breach(f"{path}/properties/{name}", "removed or renamed: its readers would starve")
            continue
        yield from _compare(
            f"{path}/properties/{name}",
            _Place(before[name], old.document, old.followed),
            _Place(after[name], new.document, new.followed),
        )
    for name in sorted(new_required - old_required):
        yield Breach(f"{path}/required/{name}", "required now: new readers would refuse old events")
    for name in sorted((old_required - new_required) & after.keys()):
        yield Breach(f"{path}/required/{name}", "optional now: old readers would refuse new events")


def _compare_additional(path: str, old: _Place, new: _Place) -> Iterator[Breach]:
    """Objects with declared fields are closed; maps keep the schema of their values."""
    path = f"{path}/additionalProperties"
    before, after = (place.schema.get("additionalProperties", _ABSENT) for place in (old, new))
    if any("properties" in place.schema and place.schema.get("additionalProperties") is not False for place in (old, new)):
        yield Breach(path, "the producer's schema is open: a field added later may mean something else in old events")
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _compare(path, _Place(before, old.document, old.followed), _Place(after, new.document, new.followed))
    elif before is not after:
        yield Breach(path, f"{_told(before)} became {_told(after)}")


def _compare_part(path: str, keyword: str, old: _Place, new: _Place) -> Iterator[Breach]:
    before, after = old.schema.get(keyword), new.schema.get(keyword)
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _compare(path, _Place(before, old.document, old.followed), _Place(after, new.document, new.followed))
    elif before != after:
        yield Breach(path, "constrained on one side only")


def _compare_branches(path: str, keyword: str, old: _Place, new: _Place) -> Iterator[Breach]:
    """Compare alternatives regardless of their order; a tuple's places keep theirs."""
    before, after = (list(place.schema.get(keyword, ())) for place in (old, new))
    if len(before) != len(after):
        yield Breach(path, f"{len(before)} alternatives became {len(after)}")
        return
    for index, branch in enumerate(before):
        candidates = [after[index]] if keyword == "prefixItems" else after
        verdicts = [
            list(_compare(f"{path}/{index}", _Place(branch, old.document, old.followed), _Place(candidate, new.document, new.followed)))
            for candidate in candidates
        ]
        best = min(range(len(verdicts)), key=lambda place: len(verdicts[place]))
        yield from verdicts[best]
        if keyword != "prefixItems":
            after.pop(best)


def _same(keyword: str, before: Any, after: Any) -> bool:
    if keyword == "enum" and isinstance(before, list) and isinstance(after, list):
        return sorted(map(repr, before)) == sorted(map(repr, after))
    # Python takes True for 1 and 1 for 1.0, JSON Schema does not take a boolean for a number.
    return before == after and isinstance(before, bool) == isinstance(after, bool)


def _told(value: Any) -> str:
    return "absent" if value is _ABSENT else repr(value)

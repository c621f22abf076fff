"""The golden corpus: records as releases sent them, byte for byte, which today's code must read for ever.

    python -m shared.testing.golden --release 1.4.0

appends, for every event type, a record with all its fields and one with the required ones only. A line is never changed.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from shared.contracts import registry
from shared.contracts.base import Event
from shared.contracts.schemas import schema_of
from shared.envelope import Envelope, Message, to_message

# shared/tests/golden, in the checkout.
CORPUS = Path(__file__).parents[3] / "tests" / "golden"
_MOMENT = "2026-02-28T23:59:59.123456Z"
_TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass(frozen=True, slots=True)
class Golden:
    """One recorded record.

    Attributes:
        release: the release that sent it.
        case: `full` or `minimal`.
        message: key, value and headers as they were on the wire.
    """

    release: str
    case: str
    message: Message


def read_corpus(corpus: Path = CORPUS) -> Iterator[Golden]:
    """Yield every record of every release."""
    for path in sorted(corpus.glob("*.ndjson")):
        for line in path.read_text().splitlines():
            kept = json.loads(line)
            headers = [(name, value.encode()) for name, value in kept["headers"]]
            message = Message(kept["topic"], kept["key"].encode(), kept["value"].encode(), headers)
            yield Golden(kept["release"], kept["case"], message)


def append_release(release: str, corpus: Path = CORPUS) -> None:
    """Append the records of a release.

    Raises:
        ValueError: the corpus has records of this release already.
    """
    if any(golden.release == release for golden in read_corpus(corpus)):
        raise ValueError(f"the corpus holds release {release} already; records are never changed")
    corpus.mkdir(parents=True, exist_ok=True)
    for event in registry.all_event_types():
        with (corpus / f"{event.type}.ndjson").open("a") as file:
            for case in ("full", "minimal"):
                file.write(_line(release, case, record_of(event, full=case == "full")) + "\n")


def record_of(event: type[Event], *, full: bool) -> Message:
    """Return a record of the event with made-up values, the same at every call; with `full`, optional fields have values."""
    values = sample_of(schema_of(event), full=full)
    values |= {field: f"{field.removesuffix('_id')}_01jd3z0k7cz9v8w6t5s4r3q2p1" for field in (event.aggregate_field, event.key_field)}
    sample = event.model_validate_json(json.dumps(values))
    envelope = Envelope(
        id=UUID("0195d3a0-0000-7000-8000-000000000001"),
        type=event.type,
        source=f"/{event.topic.replace('.', '/')}/{event.aggregate}",
        aggregate_id=sample.aggregate_id,
        key=sample.key,
        sequence=2 if full else 1,
        time=datetime(2026, 3, 1, tzinfo=UTC),
        traceparent=_TRACEPARENT if full else None,
    )
    return to_message(event.topic, envelope, sample.model_dump_json(exclude_none=True))


def sample_of(schema: Mapping[str, Any], *, full: bool) -> Any:
    """Return a document that fits the schema, the same at every call.

    Raises:
        ValueError: a field needs an example (`examples=[…]`), since its pattern gives none.
    """
    return _sample(schema, schema, full=full)


def _sample(schema: Mapping[str, Any], document: Mapping[str, Any], *, full: bool) -> Any:
    if "$ref" in schema:
        return _sample(document["$defs"][schema["$ref"].removeprefix("#/$defs/")], document, full=full)
    for keyword in ("examples", "enum"):
        if schema.get(keyword):
            return schema[keyword][0]
    if "const" in schema:
        return schema["const"]
    if "anyOf" in schema or "oneOf" in schema:
        return _sample(schema.get("anyOf", schema.get("oneOf"))[0], document, full=full)
    return _BY_TYPE[schema["type"]](schema, document, full)


def _sample_array(schema: Mapping[str, Any], document: Mapping[str, Any], full: bool) -> list[Any]:  # noqa: FBT001 (one shape for all)
    return [_sample(schema["items"], document, full=full)]


def _sample_object(schema: Mapping[str, Any], document: Mapping[str, Any], full: bool) -> dict[str, Any]:  # noqa: FBT001 (one shape for all)
    if "properties" not in schema:
        return {"some": _sample(schema["additionalProperties"], document, full=full)}
    required = schema.get("required", ())
    return {name: _sample(part, document, full=full) for name, part in schema["properties"].items() if full or name in required}


def _sample_text(schema: Mapping[str, Any]) -> str:
    if schema.get("format") == "date-time":
        return _MOMENT
    text = "Ķīpsala · 吉林"
    if "pattern" in schema and not re.search(schema["pattern"], text):
        raise ValueError(f"give the field with the pattern {schema['pattern']} an example")
    return text


def _sample_integer(schema: Mapping[str, Any]) -> int:
    return max(schema.get("minimum", 7), min(schema.get("maximum", 7), 7))


_BY_TYPE: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any], bool], Any]] = {
    "object": _sample_object,
    "array": _sample_array,
    "string": lambda schema, _document, _full: _sample_text(schema),
    "integer": lambda schema, _document, _full: _sample_integer(schema),
    "number": lambda schema, _document, _full: _sample_integer(schema),
    "boolean": lambda _schema, _document, full: full,
    "null": lambda _schema, _document, _full: None,
}


def _line(release: str, case: str, message: Message) -> str:
    kept = {
        "release": release,
        "case": case,
        "topic": message.topic,
        "key": message.key.decode(),
        "headers": [[name, value.decode()] for name, value in message.headers],
        "value": message.value.decode(),
    }
    return json.dumps(kept, ensure_ascii=False)


def main() -> None:
    """Append the records of a release, named on the command line."""
    parser = argparse.ArgumentParser(description="Append today's records to the golden corpus.")
    parser.add_argument("--release", required=True, help="such as 1.4.0")
    try:
        append_release(parser.parse_args().release)
    except ValueError as refused:
        sys.exit(str(refused))


if __name__ == "__main__":
    main()

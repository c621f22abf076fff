"""One JSON Schema (2020-12) for each event type, as its producer is held to it."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from shared.contracts.base import Event

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# What a consumer relies on besides the fields: a change of these breaks routing and order, so they are part of the contract.
ROUTING = ("x-type", "x-topic", "x-aggregate", "x-aggregate-field", "x-key-field")


class _WithoutTitles(GenerateJsonSchema):
    """Leaves out the titles that pydantic derives from field names: they say nothing twice."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 (pydantic's signature)
        return False


def schema_of(event: type[Event]) -> dict[str, Any]:
    """Return the schema of what a producer of the event may write: closed, nothing but the declared fields.

    Readers are tolerant: they use `open_for_readers` of it.
    """
    body = event.model_json_schema(schema_generator=_WithoutTitles)
    return {
        "$schema": DIALECT,
        "$id": f"urn:regulars:schema:{event.type}",
        "x-type": event.type,
        "x-topic": event.topic,
        "x-aggregate": event.aggregate,
        "x-aggregate-field": event.aggregate_field,
        "x-key-field": event.key_field,
        **body,
    }


def open_for_readers(schema: Any) -> Any:
    """Return the schema by which `Event.read` reads: the producer's, with unknown fields allowed at every depth."""
    if isinstance(schema, list):
        return [open_for_readers(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: open_for_readers(value) for key, value in schema.items() if not (key == "additionalProperties" and value is False)}

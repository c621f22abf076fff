"""The AsyncAPI 3.0 document of the suite: its topics, what travels in them, who sends and who listens."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.contracts.base import Event

# Service -> the event types that it handles.
Listeners = Mapping[str, Sequence[str]]

PARTITIONS = 12
_BINDING_VERSION = "0.5.0"


def document(events: Sequence[type[Event]], producers: Sequence[str], listeners: Listeners) -> dict[str, Any]:
    """Return the document as plain data, the same for the same contracts.

    Args:
        events: every event of the suite.
        producers: services that own a topic, whether they have events yet or not.
        listeners: which service handles which types; a type that is not declared is refused.

    Raises:
        ValueError: a service listens to a type that nobody declares.
    """
    by_topic = {f"regulars.{producer}": [event for event in events if event.topic == f"regulars.{producer}"] for producer in producers}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Regulars events",
            "version": "1",
            "description": (
                "CloudEvents 1.0 in Kafka's binary mode: attributes are `ce_` headers, the value is the event alone. Within a version only "
                "optional fields are added; readers ignore fields that they do not know. Delivery is at least once and in order per key; "
                "`ce_id` removes duplicates, `ce_sequence` counts the events of one aggregate without gaps."
            ),
        },
        "defaultContentType": "application/json",
        "channels": {_short(topic): _channel(topic, members) for topic, members in by_topic.items()},
        "operations": _operations(by_topic, listeners, {event.type: event for event in events}),
        "components": {
            "messages": {event.type: _message(event) for event in events},
            "schemas": {"CloudEventHeaders": _headers()},
        },
    }


def _channel(topic: str, events: Sequence[type[Event]]) -> dict[str, Any]:
    return {
        "address": topic,
        "description": f"Everything that the {_short(topic)} service tells.",
        "messages": {event.__name__: {"$ref": f"#/components/messages/{event.type}"} for event in events},
        "bindings": {"kafka": {"topic": topic, "partitions": PARTITIONS, "bindingVersion": _BINDING_VERSION}},
    }


def _operations(by_topic: Mapping[str, Sequence[type[Event]]], listeners: Listeners, known: Mapping[str, type[Event]]) -> dict[str, Any]:
    operations = {
        f"{_short(topic)}.sends": _operation("send", topic, events, f"The {_short(topic)} service tells what happened.")
        for topic, events in by_topic.items()
        if events
    }
    for service in sorted(listeners):
        unknown = sorted(set(listeners[service]) - known.keys())
        if unknown:
            raise ValueError(f"{service} listens to {', '.join(unknown)}, which nobody declares")
        heard = [known[name] for name in sorted(listeners[service])]
        for topic in sorted({event.topic for event in heard}):
            summary = f"The {service} service listens to the {_short(topic)} service."
            events = [event for event in heard if event.topic == topic]
            operations[f"{service}.hears.{_short(topic)}"] = _operation("receive", topic, events, summary)
    return operations


def _operation(action: str, topic: str, events: Sequence[type[Event]], summary: str) -> dict[str, Any]:
    channel = f"#/channels/{_short(topic)}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "summary": summary,
        "messages": [{"$ref": f"{channel}/messages/{event.__name__}"} for event in events],
    }


def _message(event: type[Event]) -> dict[str, Any]:
    return {
        "name": event.type,
        "title": event.__name__,
        "summary": (event.__doc__ or "").strip().splitlines()[0],
        "contentType": "application/json",
        "headers": {
            "allOf": [
                {"$ref": "#/components/schemas/CloudEventHeaders"},
                {"type": "object", "properties": {"ce_type": {"const": event.type}, "ce_source": {"const": _source(event)}}},
            ]
        },
        "payload": {"$ref": f"schemas/{event.type}.json"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": f"The field `{event.key_field}` of the event."},
                "bindingVersion": _BINDING_VERSION,
            }
        },
    }


def _headers() -> dict[str, Any]:
    def text(description: str, **more: Any) -> dict[str, Any]:
        return {"type": "string", "description": description, **more}

    return {
        "type": "object",
        "description": "CloudEvents attributes as Kafka headers, each in UTF-8.",
        "required": [
            "content-type", "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_sequence", "ce_partitionkey",
        ],
        "properties": {
            "content-type": {"const": "application/json"},
            "ce_specversion": {"const": "1.0"},
            "ce_id": text("UUID version 7; the same event never comes under another.", format="uuid"),
            "ce_type": text("The event's type."),
            "ce_source": text("The service that tells it, and the kind of aggregate that it tells of."),
            "ce_subject": text("Id of the aggregate whose story it belongs to."),
            "ce_time": text("When it was recorded, UTC.", format="date-time"),
            "ce_sequence": text("Number within the aggregate from 1, without gaps; twenty digits.", pattern="^[0-9]{20}$"),
            "ce_partitionkey": text("The record's key."),
            "ce_traceparent": text("W3C trace context of the request that caused it."),
        },
    }  # fmt: skip


def _source(event: type[Event]) -> str:
    return f"/{event.topic.replace('.', '/')}/{event.aggregate}"


def _short(topic: str) -> str:
    return topic.removeprefix("regulars.")

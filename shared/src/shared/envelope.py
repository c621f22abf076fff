"""CloudEvents 1.0 in Kafka's binary mode: attributes as `ce_` headers, the event alone as the value.

Source: CloudEvents 1.0.2, Kafka protocol binding section 3.2; extensions partitioning, sequence and distributed tracing.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from shared.contracts.base import Event

E = TypeVar("E", bound=Event)

# Twenty digits hold every 64-bit number, so that the text order of sequences is their order.
_SEQUENCE_DIGITS = 20
_CONTENT_TYPE = b"application/json"


class Message(NamedTuple):
    """A record to send: everything the broker needs and nothing it does not."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Envelope:
    """The attributes of one event, without its data.

    Attributes:
        id: UUIDv7, unique for ever; consumers refuse it a second time.
        type: CloudEvents type, such as `regulars.customers.order_placed.v1`.
        source: who sent it, such as `/regulars/customers`.
        aggregate_id: CloudEvents `subject`: whose story it belongs to.
        key: partition key.
        sequence: 1, 2, 3 … within the aggregate, without gaps.
        time: when it was recorded, UTC.
        traceparent: W3C trace context of the request that caused it.
    """

    id: UUID
    type: str
    source: str
    aggregate_id: str
    key: str
    sequence: int
    time: datetime
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Received(Generic[E]):
    """An event as a handler sees it: the contract's model and its envelope."""

    event: E
    envelope: Envelope


class MalformedEnvelope(ValueError):
    """A record lacks an attribute that CloudEvents or we require; the message names the attribute only."""


def to_message(topic: str, envelope: Envelope, payload: str) -> Message:
    """Return the Kafka record for an event whose JSON is `payload`."""
    headers = [
        ("content-type", _CONTENT_TYPE),
        ("ce_specversion", b"1.0"),
        ("ce_id", str(envelope.id).encode()),
        ("ce_type", envelope.type.encode()),
        ("ce_source", envelope.source.encode()),
        ("ce_subject", envelope.aggregate_id.encode()),
        ("ce_time", _format_time(envelope.time).encode()),
        ("ce_sequence", str(envelope.sequence).zfill(_SEQUENCE_DIGITS).encode()),
        ("ce_partitionkey", envelope.key.encode()),
    ]
    if envelope.traceparent is not None:
        headers.append(("ce_traceparent", envelope.traceparent.encode()))
    return Message(topic, envelope.key.encode(), payload.encode(), headers)


def read_envelope(headers: list[tuple[str, bytes]] | tuple[tuple[str, bytes], ...], key: bytes | None) -> Envelope:
    """Return the attributes of a Kafka record in binary mode.

    Raises:
        MalformedEnvelope: a required attribute is absent or unreadable.
    """
    attributes = {name: value for name, value in headers if name.startswith("ce_")}
    try:
        traceparent = attributes.get("ce_traceparent")
        return Envelope(
            id=UUID(attributes["ce_id"].decode()),
            type=attributes["ce_type"].decode(),
            source=attributes["ce_source"].decode(),
            aggregate_id=attributes["ce_subject"].decode(),
            key=key.decode() if key is not None else attributes["ce_partitionkey"].decode(),
            sequence=int(attributes["ce_sequence"]),
            time=datetime.fromisoformat(attributes["ce_time"].decode()),
            traceparent=traceparent.decode() if traceparent is not None else None,
        )
    except KeyError as absent:
        raise MalformedEnvelope(f"attribute {absent} is absent") from None
    except (ValueError, UnicodeDecodeError):
        raise MalformedEnvelope("an attribute is unreadable") from None


def _format_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

"""CloudEvents 1.0 in Kafka's binary mode: attributes as `ce_` headers, the event alone as the value.

Source: CloudEvents 1.0.2, Kafka protocol binding section 3.2; extensions partitioning, sequence and distributed tracing.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

# The subclass of `uuid.UUID` that the database driver itself makes: it is read ten times as fast.
from asyncpg.pgproto.pgproto import UUID as _read_uuid  # noqa: N811

from shared.contracts.base import Event

E = TypeVar("E", bound=Event)

_CONTENT_TYPE = b"application/json"


class Message(NamedTuple):
    """A record to send: everything the broker needs and nothing it does not."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class Envelope(NamedTuple):
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


class Received(NamedTuple, Generic[E]):
    """An event as a handler sees it: the contract's model and its envelope."""

    event: E
    envelope: Envelope


class MalformedEnvelope(ValueError):
    """A record lacks an attribute that CloudEvents or we require; the message names the attribute only."""


def to_message(topic: str, envelope: Envelope, payload: str) -> Message:
    """Return the Kafka record for an event whose JSON is `payload`."""
    e = envelope
    return write_message(topic, str(e.id), e.type, e.source, e.aggregate_id, e.key, e.sequence, e.time, e.traceparent, payload)


def write_message(
    topic: str,
    event_id: str,
    type_: str,
    source: str,
    aggregate_id: str,
    key: str,
    sequence: int,
    time: datetime,
    traceparent: str | None,
    payload: str,
) -> Message:
    """Return the Kafka record for an event; the attributes are those of `Envelope`, without the cost of making one."""
    encoded_key = key.encode()
    # Twenty digits hold every 64-bit number, so that the text order of sequences is their order.
    headers = [
        *_constant_headers(type_, source),
        ("ce_id", event_id.encode()),
        ("ce_subject", encoded_key if aggregate_id == key else aggregate_id.encode()),
        ("ce_time", _format_time(time)),
        ("ce_sequence", b"%020d" % sequence),
        ("ce_partitionkey", encoded_key),
    ]
    if traceparent is not None:
        headers.append(("ce_traceparent", traceparent.encode()))
    return Message(topic, encoded_key, payload.encode(), headers)


@lru_cache(maxsize=1_024)
def _constant_headers(type_: str, source: str) -> tuple[tuple[str, bytes], ...]:
    return (("content-type", _CONTENT_TYPE), ("ce_specversion", b"1.0"), ("ce_type", type_.encode()), ("ce_source", source.encode()))


def read_envelope(headers: Sequence[tuple[str, bytes]], key: bytes | None) -> Envelope:
    """Return the attributes of a Kafka record in binary mode.

    Raises:
        MalformedEnvelope: a required attribute is absent or unreadable.
    """
    attributes = dict(headers)
    try:
        traceparent = attributes.get("ce_traceparent")
        return Envelope(
            _read_uuid(attributes["ce_id"].decode()),
            attributes["ce_type"].decode(),
            attributes["ce_source"].decode(),
            attributes["ce_subject"].decode(),
            key.decode() if key is not None else attributes["ce_partitionkey"].decode(),
            int(attributes["ce_sequence"]),
            datetime.fromisoformat(attributes["ce_time"].decode()),
            traceparent.decode() if traceparent is not None else None,
        )
    except KeyError as absent:
        raise MalformedEnvelope(f"attribute {absent} is absent") from None
    except (ValueError, UnicodeDecodeError):
        raise MalformedEnvelope("an attribute is unreadable") from None


# The events of one transaction share their time.
@lru_cache(maxsize=64)
def _format_time(moment: datetime) -> bytes:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z").encode()

"""From a record of the broker to an event at the gate, or to a malformed record that becomes a dead letter."""

from dataclasses import dataclass
from uuid import NAMESPACE_URL, UUID, uuid5

from shared.envelope import Envelope, MalformedEnvelope, read_envelope
from shared.messaging.gate import Arrival
from shared.messaging.transport import Partition, Record

_SOURCE_ROOT = "/regulars/"
# Longer texts in headers are not ours; they would swell the tables and their indexes.
_MAX_TEXT = 1_024
_MAX_SEQUENCE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that is no event: it has no identity, so it is known by its place.

    Attributes:
        id: made from the place, the same at every delivery.
        partition: where it came from.
        offset: its place there.
        problem: which attribute is at fault, never its value.
    """

    id: UUID
    partition: Partition
    offset: int
    problem: str


def stream_of(envelope: Envelope) -> str:
    """Return whose story an event belongs to: producer, kind and id of its aggregate, as `customers/order/ord_…`."""
    return f"{envelope.source.removeprefix(_SOURCE_ROOT)}/{envelope.aggregate_id}"


def decode(record: Record) -> Arrival | Malformed:
    """Return the event in a record. Its payload is not read: whoever does not handle the type need not understand it."""
    try:
        envelope = read_envelope(record.headers, record.key)
        _check(envelope)
    except MalformedEnvelope as problem:
        return _malformed(record, str(problem))
    return Arrival(envelope, stream_of(envelope), record.value or b"", record.partition, record.offset)


def _check(envelope: Envelope) -> None:
    """Refuse what our tables cannot hold.

    Raises:
        MalformedEnvelope: an attribute is out of bounds.
    """
    _, type_, source, aggregate_id, key, sequence, time, traceparent = envelope
    if not 0 < sequence <= _MAX_SEQUENCE:
        raise MalformedEnvelope("attribute 'ce_sequence' is out of bounds")
    if time.tzinfo is None:
        raise MalformedEnvelope("attribute 'ce_time' has no zone")
    if len(type_) + len(source) + len(aggregate_id) + len(key) > _MAX_TEXT or "\0" in aggregate_id or "\0" in key:
        raise MalformedEnvelope("an attribute is too long or holds a null character")
    if "\0" in type_ or "\0" in source or (traceparent is not None and ("\0" in traceparent or len(traceparent) > _MAX_TEXT)):
        raise MalformedEnvelope("an attribute is too long or holds a null character")


def _malformed(record: Record, problem: str) -> Malformed:
    place = f"kafka:{record.partition.topic}/{record.partition.number}/{record.offset}"
    return Malformed(uuid5(NAMESPACE_URL, place), record.partition, record.offset, problem)

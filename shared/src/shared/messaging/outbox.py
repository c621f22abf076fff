"""The outbox: events are rows of the transaction that caused them.

`event_log` keeps every event for ever (by day, the archive for replay) with the columns of Debezium's outbox router;
`outbox_pending` holds a small row until the broker has acknowledged the event. Both carry the event's position: a number
drawn while the aggregate's row is locked, so that positions follow the sequence of each aggregate.
"""

import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from shared.contracts.base import Event
from shared.database.copying import copy_lines, line_of
from shared.database.pool import Connection
from shared.database.rows import transposed
from shared.ids import new_uuid_text

# Keys are spread over buckets; one relay owns a bucket at a time, which keeps the order of each key.
BUCKETS = 16
# Brokers refuse a message over 1 MiB unless told otherwise; headers and key take the rest.
MAX_PAYLOAD_BYTES = 900_000


class PendingEvent(NamedTuple):
    """An event before its transaction commits."""

    id: UUID
    event: Event
    sequence: int
    traceparent: str | None


class Alongside(NamedTuple):
    """A row that is written with the events, in their round trip.

    Attributes:
        alone: the statement when there are no events, with parameters from $1.
        with_events: the statement that `beside_events` made of it.
        arguments: its values.
    """

    alone: str
    with_events: str
    arguments: tuple[Any, ...]


# Parameters of the events' own statement; those of a row beside them follow.
EVENT_PARAMETERS = 9
# The positions follow the order of the arguments, so that events of one transaction are sent in the order published.
_LOGGED = """
logged AS (
    INSERT INTO event_log (id, aggregatetype, aggregateid, type, payload, key, sequence, traceparent, bucket, recorded_at)
    SELECT id, aggregatetype, aggregateid, type, payload, key, sequence, traceparent, bucket, now()
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::smallint[])
         WITH ORDINALITY AS t (id, aggregatetype, aggregateid, type, payload, key, sequence, traceparent, bucket, place)
    ORDER BY place
    RETURNING bucket, position, recorded_at
)
INSERT INTO outbox_pending (bucket, position, recorded_at) SELECT bucket, position, recorded_at FROM logged
"""
_WRITE = f"WITH {_LOGGED}"

# What an event line fills, in its order; the payload is last, so that what all of them tell can follow it.
_LINE_COLUMNS = ("id", "aggregatetype", "aggregateid", "type", "key", "sequence", "bucket", "payload", "traceparent")
_MARK = "SELECT nextval('event_log_position')"
# The events that were copied since a position was marked, and no others: the last position that this connection drew is the last event's,
# and all of them have its transaction, or its part of one. Somebody else's may lie between and have begun at the same microsecond.
_AWAIT_SINCE = """
INSERT INTO outbox_pending (bucket, position, recorded_at)
SELECT bucket, position, recorded_at FROM event_log
WHERE position > $1 AND position <= (SELECT currval('event_log_position')) AND recorded_at = now()
  AND xmin = (SELECT xmin FROM event_log WHERE position = (SELECT currval('event_log_position')) AND recorded_at = now())
"""


def beside_events(statement: str) -> str:
    """Return the statement that writes events and runs another INSERT, whose parameters begin after `EVENT_PARAMETERS`."""
    return f"WITH alongside AS ({statement}), {_LOGGED}"


def bucket_of(key: str) -> int:
    """Return the bucket of a key, 0 to `BUCKETS` - 1; the same in every process and release."""
    return zlib.crc32(key.encode()) % BUCKETS


async def write_events(connection: Connection, events: Sequence[PendingEvent], alongside: Alongside | None = None) -> None:
    """Write events to the log and the outbox in one round trip, inside the caller's transaction.

    Args:
        connection: of the transaction.
        events: in the order in which they are to be sent.
        alongside: a row that is written with them.

    Raises:
        ValueError: an event is larger than a broker takes.
    """
    columns = [
        (id_, e.aggregate, e.aggregate_id, e.type, _payload(e), e.key, sequence, trace, bucket_of(e.key))
        for id_, e, sequence, trace in events
    ]
    arguments = transposed(columns)
    if alongside is None:
        await connection.execute(_WRITE, *arguments)
    else:
        await connection.execute(alongside.with_events, *arguments, *alongside.arguments)


def _payload(event: Event) -> str:
    payload = event.model_dump_json(exclude_none=True)
    # A character takes at most four bytes; only what could be too large is measured.
    if len(payload) * 4 > MAX_PAYLOAD_BYTES and len(payload.encode()) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"{event.type} has more than {MAX_PAYLOAD_BYTES} bytes")
    return payload


def event_line(kind: type[Event], aggregate_id: str, key: str, sequence: int, payload: str) -> str:
    """Return an event as `copy_events` takes it; may be made in another process, long before its transaction.

    Args:
        kind: its class.
        aggregate_id: whose story it belongs to.
        key: its partition key.
        sequence: its number within the aggregate.
        payload: its JSON, or the beginning of it where all that are copied together end alike.
    """
    return line_of((new_uuid_text(), kind.aggregate, aggregate_id, kind.type, key, str(sequence), str(bucket_of(key)), payload))


async def copy_events(connection: Connection, lines: Sequence[str], ending: str, traceparent: str | None) -> None:
    """Write many events to the log and the outbox, inside the caller's transaction.

    Args:
        connection: of the transaction.
        lines: each from `event_line`, in the order in which they are to be sent.
        ending: what ends the payload of each.
        traceparent: of all of them.
    """
    mark = await connection.fetchval(_MARK)
    await copy_lines(connection, "event_log", _LINE_COLUMNS, lines, line_of((ending,)) + "\t" + line_of((traceparent,)))
    await connection.execute(_AWAIT_SINCE, mark)

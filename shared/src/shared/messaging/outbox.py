"""The outbox: events are rows of the transaction that caused them.

`event_log` keeps every event for ever (by day, the archive for replay) with the columns of Debezium's outbox router;
`outbox_pending` holds a small row until the broker has acknowledged the event. Both carry the event's position: a number
drawn while the aggregate's row is locked, so that positions follow the sequence of each aggregate.
"""

# ruff: noqa: S608 - statements are put together from the constants of this module only

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
        with_event: the statement that `beside_event` made of it.
        with_events: the statement that `beside_events` made of it.
        with_row: the statement, with parameters after `EVENT_PARAMETERS`, that writes it for the row of `made`; see `single_write`.
        arguments: its values.
    """

    alone: str
    with_event: str
    with_events: str
    with_row: str
    arguments: tuple[Any, ...]


# Parameters of the events' own statement; those of a row beside them follow.
EVENT_PARAMETERS = 9
_COLUMNS = "id, aggregatetype, aggregateid, type, payload, key, sequence, traceparent, bucket"
# The values of one event, which cost half of what arrays of one value do.
EVENT_VALUES = "$1::uuid, $2::text, $3::text, $4::text, $5::text, $6::text, $7::bigint, $8::text, $9::smallint, now()"
LOG_EVENT = f"INSERT INTO event_log ({_COLUMNS}, recorded_at)"
LOGGED_EVENT = "RETURNING bucket, position, recorded_at"
AWAIT_LOGGED = "INSERT INTO outbox_pending (bucket, position, recorded_at) SELECT bucket, position, recorded_at FROM logged"
# The positions follow the order of the arguments, so that events of one transaction are sent in the order published.
_MANY = f"""
    {LOG_EVENT}
    SELECT {_COLUMNS}, now()
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::smallint[])
         WITH ORDINALITY AS t ({_COLUMNS}, place)
    ORDER BY place
    {LOGGED_EVENT}
"""
_LOGGED = f"logged AS ({_MANY}) {AWAIT_LOGGED}"
_LOGGED_ONE = f"logged AS ({LOG_EVENT} VALUES ({EVENT_VALUES}) {LOGGED_EVENT}) {AWAIT_LOGGED}"
_WRITE = f"WITH {_LOGGED}"
_WRITE_ONE = f"WITH {_LOGGED_ONE}"

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


def beside_event(statement: str) -> str:
    """Return the same for a single event."""
    return f"WITH alongside AS ({statement}), {_LOGGED_ONE}"


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
    if len(events) == 1:
        arguments = event_values(events[0])
        statement = _WRITE_ONE if alongside is None else alongside.with_event
    else:
        arguments = transposed([event_values(each) for each in events])
        statement = _WRITE if alongside is None else alongside.with_events
    await connection.execute(statement, *arguments, *(alongside.arguments if alongside is not None else ()))


def event_values(pending: PendingEvent) -> tuple[Any, ...]:
    """Return what the log holds of an event, in the order of `EVENT_VALUES`."""
    id_, event, sequence, trace = pending
    key = event.key
    return (id_, event.aggregate, event.aggregate_id, event.type, _payload(event), key, sequence, trace, bucket_of(key))


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

"""Delivering events to a service's handlers, and watching what it publishes, without a broker.

What is delivered passes the consumer's own code: inbox, version gate, dead letters. Delivering the same messages twice, in
another order or damaged is how a test shows that a handler does not care.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from shared.contracts.base import Event
from shared.database.pool import Database
from shared.envelope import Envelope, Message, to_message
from shared.ids import new_uuid
from shared.messaging.apply import Applied, Applier
from shared.messaging.handlers import HandlerTable
from shared.messaging.inbox import PostgresInboxStore
from shared.messaging.transport import Partition, Record
from shared.service import Service

_LAST_POSITION = "SELECT coalesce(max(position), 0) FROM event_log"
_PUBLISHED = "SELECT type, payload FROM event_log WHERE position > $1 ORDER BY position"


def message(event: Event, sequence: int, *, traceparent: str | None = None, time: datetime | None = None) -> Message:
    """Return the record that the event's producer would send.

    Args:
        event: what happened.
        sequence: its number within the aggregate.
        traceparent: trace that it belongs to.
        time: when it was recorded; now when None.
    """
    service = event.type.split(".")[1]
    envelope = Envelope(
        id=new_uuid(),
        type=event.type,
        source=f"/regulars/{service}/{event.aggregate}",
        aggregate_id=event.aggregate_id,
        key=event.key,
        sequence=sequence,
        time=time or datetime.now(UTC),
        traceparent=traceparent,
    )
    return to_message(event.topic, envelope, event.model_dump_json(exclude_none=True))


def records(messages: Sequence[Message]) -> list[Record]:
    """Return messages as they come from a broker with one partition a topic."""
    return [Record(Partition(m.topic, 0), offset, m.key, m.value, m.headers) for offset, m in enumerate(messages)]


async def deliver(
    database: Database,
    service: Service | HandlerTable,
    events: Sequence[tuple[Event, int] | Message],
    *,
    consumer: str | None = None,
) -> Applied:
    """Hand events to a service in one batch, as its consumer does.

    Args:
        database: the service's.
        service: the service, or a handler table alone.
        events: events with their sequence, or messages made by `message` (to deliver the same ones again).
        consumer: name under which inbox and versions are kept; the service's by default.

    Returns:
        What became of the batch.
    """
    handlers = service.handlers if isinstance(service, Service) else service
    name = consumer or (service.name if isinstance(service, Service) else "test")
    messages = [item if isinstance(item, Message) else message(*item) for item in events]
    return await Applier(handlers, PostgresInboxStore(database, name)).apply(records(messages))


@asynccontextmanager
async def expect(database: Database, *types: type[Event]) -> AsyncIterator[list[Event]]:
    """Fail unless exactly events of these types, in this order, are published in the block.

    Yields:
        A list that holds the events once the block is left.
    """
    async with database.acquire() as connection:
        before = await connection.fetchval(_LAST_POSITION)
    published: list[Event] = []
    yield published
    async with database.acquire() as connection:
        rows = await connection.fetch(_PUBLISHED, before)
    assert [row["type"] for row in rows] == [event.type for event in types]
    published.extend(event.read(row["payload"]) for event, row in zip(types, rows, strict=True))

"""Sending events of the log again. Consumers refuse what they have, so it may be done at any time.

The relay sends queued events in the order of their positions, which is the order of the first time.
"""

from datetime import datetime

from shared.database.pool import Database
from shared.database.rows import affected
from shared.messaging.outbox_store import REQUEUE_ALL, read_memory, requeue_all
from shared.messaging.relay import is_anchor
from shared.messaging.transport import Transport
from shared.service import Service

_TIMEOUT_SECONDS = 3_600.0
_REQUEUE_SINCE = """
INSERT INTO outbox_pending (bucket, position, recorded_at) SELECT bucket, position, recorded_at FROM event_log WHERE recorded_at >= $1
ON CONFLICT DO NOTHING
"""
_RELEASE = "UPDATE outbox_pending SET held_at = NULL WHERE held_at IS NOT NULL"


async def replay(
    database: Database, transport: Transport, service: Service, *, since: datetime | None = None, only_missing: bool = False
) -> int:
    """Queue events of the service's log for the relay.

    Args:
        database: the service's.
        transport: the broker, asked when only missing events are wanted.
        service: whose log.
        since: the whole log when None.
        only_missing: queue the whole log if the broker has lost events that it acknowledged, else nothing.

    Returns:
        How many events were queued; those that waited already do not count.
    """
    if only_missing:
        return await _replay_missing(database, transport, service)
    async with database.acquire() as connection:
        arguments = () if since is None else (since,)
        status = await connection.execute(_REQUEUE_SINCE if since else REQUEUE_ALL, *arguments, timeout=_TIMEOUT_SECONDS)
    return affected(status)


async def _replay_missing(database: Database, transport: Transport, service: Service) -> int:
    await transport.ensure_topics([f"regulars.{service.name}"])
    async with database.acquire() as connection:
        memory = await read_memory(connection)
    found = await transport.find({place: anchor.offset for place, anchor in memory.anchors.items()})
    if all(is_anchor(record, memory.anchors[place]) for place, record in found.items()):
        return 0
    async with database.acquire() as connection, connection.transaction():
        return await requeue_all(connection, memory.epoch)


async def release_held(database: Database) -> int:
    """Let the relay try again what the broker refused, after its limits or the cause have changed; return how many events."""
    async with database.acquire() as connection:
        return affected(await connection.execute(_RELEASE))

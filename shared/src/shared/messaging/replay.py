"""Sending events of the log again. Consumers refuse what they have, so it may be done at any time.

The relay sends queued events in the order of their positions, which is the order of the first time.
"""

from collections.abc import Mapping
from datetime import datetime

from shared.database.pool import Database
from shared.messaging.outbox_store import REQUEUE_ALL
from shared.messaging.transport import Partition, Transport
from shared.service import Service

_TIMEOUT_SECONDS = 3_600.0
_REQUEUE_SINCE = """
INSERT INTO outbox_pending (bucket, position, recorded_at) SELECT bucket, position, recorded_at FROM event_log WHERE recorded_at >= $1
ON CONFLICT DO NOTHING
"""
_OFFSETS = 'SELECT topic, partition, "offset" FROM broker_offsets'
_FORGET_OFFSETS = "DELETE FROM broker_offsets"
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
        only_missing: queue the whole log if the broker has less than it once acknowledged, else nothing.

    Returns:
        How many events were queued; those that waited already do not count.
    """
    topic = f"regulars.{service.name}"
    ends: Mapping[Partition, int] = {}
    async with database.acquire() as connection:
        grown = {Partition(row["topic"], row["partition"]): row["offset"] for row in await connection.fetch(_OFFSETS)}
    if only_missing:
        # Asked after what is remembered was read: in between a partition can only grow.
        await transport.ensure_topics([topic])
        ends = await transport.end_offsets(topic)
        if all(ends.get(partition, 0) > reached for partition, reached in grown.items()):
            return 0
    async with database.acquire() as connection, connection.transaction():
        if only_missing:
            await connection.execute(_FORGET_OFFSETS)
        arguments = () if since is None else (since,)
        status = await connection.execute(_REQUEUE_SINCE if since else REQUEUE_ALL, *arguments, timeout=_TIMEOUT_SECONDS)
    return int(status.rsplit(" ", 1)[-1])


async def release_held(database: Database) -> int:
    """Let the relay try again what the broker refused, after its limits or the cause have changed; return how many events."""
    async with database.acquire() as connection:
        return int((await connection.execute(_RELEASE)).rsplit(" ", 1)[-1])

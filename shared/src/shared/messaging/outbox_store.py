"""The outbox in Postgres as its relay sees it, on a connection of the relay's own that also holds its bucket locks."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache

import asyncpg

from shared.database.pool import Connection
from shared.database.rows import affected
from shared.envelope import write_message
from shared.messaging.nudge import CHANNEL
from shared.messaging.ports import Anchor, Backlog, Memory, OutboxRow
from shared.messaging.transport import Partition

_CONNECT_TIMEOUT_SECONDS = 5
_COMMAND_TIMEOUT_SECONDS = 10.0
_REQUEUE_TIMEOUT_SECONDS = 600.0

# The join must go through the primary key of one day's partition a row, whatever the statistics of two fast-changing tables say,
# and the oldest rows of a bucket come from the index in order, without a sort of all that wait.
_SESSION_SETTINGS = {
    **dict.fromkeys(("enable_hashjoin", "enable_mergejoin", "enable_seqscan", "enable_bitmapscan", "enable_memoize", "jit"), "off"),
    "timezone": "UTC",
}

_PENDING = """
SELECT p.bucket, p.position, l.id::text, l.type, l.aggregatetype, l.aggregateid, l.payload, l.key, l.sequence, l.traceparent, l.recorded_at
FROM unnest($1::smallint[]) AS b (bucket)
CROSS JOIN LATERAL (
    SELECT bucket, position, recorded_at FROM outbox_pending
    WHERE bucket = b.bucket AND held_at IS NULL ORDER BY position LIMIT $2
) p
JOIN event_log l ON l.position = p.position AND l.recorded_at = p.recorded_at
ORDER BY p.position
"""
# The shared lock on the epoch keeps what is cleared here apart from what a new epoch queues again.
_SETTLE = """
WITH current AS (
    SELECT epoch FROM relay_epoch WHERE epoch = $1 FOR SHARE
), sent AS (
    DELETE FROM outbox_pending p USING current, unnest($2::smallint[], $3::bigint[]) AS t (bucket, position)
    WHERE p.bucket = t.bucket AND p.position = t.position
), anchored AS (
    INSERT INTO broker_anchors (topic, partition, "offset", event_id)
    SELECT t.topic, t.number, t.reached, t.event_id
    FROM current, unnest($6::text[], $7::integer[], $8::bigint[], $9::uuid[]) AS t (topic, number, reached, event_id) ORDER BY 1, 2
    ON CONFLICT DO NOTHING
)
UPDATE outbox_pending p SET held_at = now() FROM current, unnest($4::smallint[], $5::bigint[]) AS t (bucket, position)
WHERE p.bucket = t.bucket AND p.position = t.position
"""
_HELD_KEYS = """
SELECT DISTINCT l.key FROM outbox_pending p JOIN event_log l ON l.position = p.position AND l.recorded_at = p.recorded_at
WHERE p.held_at IS NOT NULL
"""
_EPOCH = "SELECT epoch FROM relay_epoch"
_ANCHORS = 'SELECT topic, partition, "offset", event_id FROM broker_anchors'
_MOVE_ANCHORS = """
UPDATE broker_anchors a SET "offset" = t.reached, event_id = t.event_id
FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::uuid[]) AS t (topic, number, reached, event_id),
     (SELECT epoch FROM relay_epoch WHERE epoch = $1 FOR SHARE) AS current
WHERE a.topic = t.topic AND a.partition = t.number AND a."offset" < t.reached
"""
_NEXT_EPOCH = "UPDATE relay_epoch SET epoch = epoch + 1 WHERE epoch = $1 RETURNING epoch"
_FORGET_ANCHORS = "DELETE FROM broker_anchors"
REQUEUE_ALL = """
INSERT INTO outbox_pending (bucket, position, recorded_at) SELECT bucket, position, recorded_at FROM event_log
ON CONFLICT DO NOTHING
"""
_BACKLOG = """
SELECT (SELECT count(*) FROM (SELECT FROM outbox_pending LIMIT 100000) AS counted) AS pending,
       (SELECT count(*) FROM outbox_pending WHERE held_at IS NOT NULL) AS held,
       (SELECT extract(epoch FROM now() - min(oldest.recorded_at))::float8 FROM generate_series(0, 15) AS b (bucket)
        CROSS JOIN LATERAL (SELECT recorded_at FROM outbox_pending p
                            WHERE p.bucket = b.bucket AND held_at IS NULL ORDER BY position LIMIT 1) oldest) AS oldest_age_seconds
"""
# Two-part advisory locks: the schema and the purpose, then the bucket.
_TAKE = "SELECT pg_try_advisory_lock(hashtext('relay:' || current_schema()), $1)"
_GIVE_UP = "SELECT pg_advisory_unlock(hashtext('relay:' || current_schema()), $1)"
# Every relay shares one lock more, above the buckets, so that the lock table tells how many there are.
_BE_PRESENT = "SELECT pg_advisory_lock_shared(hashtext('relay:' || current_schema()), 1000)"
_RELAYS = """
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid = hashtext('relay:' || current_schema())::oid AND objid = 1000
"""


class PostgresOutbox:
    """See `ports.OutboxStore` and `ports.BucketLocks`; all on one connection, with which the locks go."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str, on_notify: Callable[[], None]) -> AsyncIterator["PostgresOutbox"]:
        """Connect, make the relay's presence known and listen for the notifications of other processes."""
        connection = await asyncpg.connect(
            dsn,
            timeout=_CONNECT_TIMEOUT_SECONDS,
            command_timeout=_COMMAND_TIMEOUT_SECONDS,
            server_settings={"application_name": "regulars relay", **_SESSION_SETTINGS},
        )
        try:
            await connection.execute(_BE_PRESENT)
            await connection.add_listener(await connection.fetchval(CHANNEL), lambda *_: on_notify())
            yield cls(connection)
        finally:
            # Closing it politely would wait for a statement that hangs; the locks must go now.
            with contextlib.suppress(Exception):
                await connection.close(timeout=1)

    async def pending(self, buckets: Sequence[int], limit: int) -> Sequence[OutboxRow]:
        """Return the oldest events of these buckets; see `OutboxStore.pending`."""
        if not buckets:
            return []
        rows = await self._connection.fetch(_PENDING, buckets, -(-limit // len(buckets)))
        return [_outbox_row(row) for row in rows]

    async def settle(self, epoch: int, sent: Sequence[OutboxRow], held: Sequence[OutboxRow], anchors: Mapping[Partition, Anchor]) -> None:
        """Forget what was sent; see `OutboxStore.settle`."""
        await self._connection.execute(
            _SETTLE,
            epoch,
            *([row.bucket for row in sent], [row.position for row in sent]),
            *([row.bucket for row in held], [row.position for row in held]),
            *_anchor_columns(anchors),
        )

    async def held_keys(self) -> frozenset[bytes]:
        """Return the keys that have held events; see `OutboxStore.held_keys`."""
        return frozenset(row["key"].encode() for row in await self._connection.fetch(_HELD_KEYS))

    async def memory(self) -> Memory:
        """Return what is remembered of the broker; see `OutboxStore.memory`."""
        return await read_memory(self._connection)

    async def move_anchors(self, epoch: int, anchors: Mapping[Partition, Anchor]) -> None:
        """Remember other records; see `OutboxStore.move_anchors`."""
        await self._connection.execute(_MOVE_ANCHORS, epoch, *_anchor_columns(anchors))

    async def requeue_all(self, epoch: int) -> int:
        """Queue every logged event again; see `OutboxStore.requeue_all`."""
        async with self._connection.transaction():
            return await requeue_all(self._connection, epoch)

    async def relays(self) -> int:
        """Return how many relays live; see `BucketLocks.relays`."""
        return await self._connection.fetchval(_RELAYS) or 0

    async def take(self, bucket: int) -> bool:
        """Own a bucket from now on; see `BucketLocks.take`."""
        return bool(await self._connection.fetchval(_TAKE, bucket))

    async def give_up(self, bucket: int) -> None:
        """Own a bucket no more; see `BucketLocks.give_up`."""
        await self._connection.execute(_GIVE_UP, bucket)

    async def backlog(self) -> Backlog:
        """Return what waits, for the metrics."""
        row = await self._connection.fetchrow(_BACKLOG)
        assert row is not None
        return Backlog(row["pending"], row["held"], row["oldest_age_seconds"] or 0.0)


async def read_memory(connection: Connection) -> Memory:
    """Return what is remembered of the broker."""
    epoch = await connection.fetchval(_EPOCH)
    rows = await connection.fetch(_ANCHORS)
    return Memory(epoch or 0, {Partition(row["topic"], row["partition"]): Anchor(row["offset"], row["event_id"]) for row in rows})


async def requeue_all(connection: Connection, epoch: int) -> int:
    """Begin the next epoch inside the caller's transaction; see `OutboxStore.requeue_all`."""
    if await connection.fetchval(_NEXT_EPOCH, epoch) is None:
        return 0
    await connection.execute(_FORGET_ANCHORS)
    status = await connection.execute(REQUEUE_ALL, timeout=_REQUEUE_TIMEOUT_SECONDS)
    return affected(status)


def _anchor_columns(anchors: Mapping[Partition, Anchor]) -> tuple[list[object], ...]:
    return (
        *([place.topic for place in anchors], [place.number for place in anchors]),
        *([anchor.offset for anchor in anchors.values()], [anchor.event_id for anchor in anchors.values()]),
    )


def _outbox_row(row: asyncpg.Record) -> OutboxRow:
    bucket, position, id_, type_, kind, aggregate_id, payload, key, sequence, trace, recorded_at = row
    topic, source = _topic_and_source(type_, kind)
    message = write_message(topic, id_, type_, source, aggregate_id, key, sequence, recorded_at, trace, payload)
    return OutboxRow(bucket, position, message)


@lru_cache(maxsize=1_024)
def _topic_and_source(type_: str, aggregate_kind: str) -> tuple[str, str]:
    service = type_.split(".", 2)[1]
    return f"regulars.{service}", f"/regulars/{service}/{aggregate_kind}"

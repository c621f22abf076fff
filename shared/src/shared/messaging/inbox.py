"""The consumer's tables in Postgres: inbox, versions, kept events and dead letters."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import asyncpg

from shared.database.pool import Connection, Database
from shared.database.rows import transposed
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Envelope
from shared.messaging.decode import Malformed
from shared.messaging.failures import Overtaken
from shared.messaging.gate import Arrival, Known, Reason
from shared.messaging.ports import DeadEvent, InboxTransaction, Outcome
from shared.messaging.transport import Partition

# Batches hold the lock together; a redrive holds it alone, so that no event joins a queue that is just being emptied. It is a
# statement of its own, because the statements after it must see what its last owner committed.
_LOCK_TOGETHER = "SELECT pg_advisory_xact_lock_shared(hashtextextended('inbox:' || current_schema() || ':' || $1, 0))"
_LOCK_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('inbox:' || current_schema() || ':' || $1, 0))"

# Ids and streams are sorted, so that two batches with some in common wait for each other instead of deadlocking.
_ADMIT = """
WITH marked AS (
    INSERT INTO inbox (consumer, event_id) SELECT $1, id FROM unnest($2::uuid[]) AS t (id) ORDER BY id
    ON CONFLICT DO NOTHING RETURNING event_id
), versions AS (
    SELECT stream, sequence FROM aggregate_versions WHERE consumer = $1 AND stream = ANY($3::text[]) ORDER BY stream FOR UPDATE
)
SELECT CASE WHEN (SELECT count(*) FROM marked) < cardinality($2)
            THEN ARRAY(SELECT unnest($2) EXCEPT ALL SELECT event_id FROM marked) END AS refused,
       v.streams, v.sequences,
       ARRAY(SELECT DISTINCT key FROM parked_events
             WHERE consumer = $1 AND key = ANY($4::text[]) AND reason IN ('dead', 'behind')) AS blocked,
       EXISTS (SELECT FROM parked_events WHERE consumer = $1 AND stream = ANY($3) AND reason = 'early') AS has_early
FROM (SELECT array_agg(stream) AS streams, array_agg(sequence) AS sequences FROM versions) v
"""
_VERSIONS = """
SELECT stream, sequence FROM aggregate_versions WHERE consumer = $1 AND stream = ANY($2::text[]) ORDER BY stream FOR UPDATE
"""
_KEPT = """
SELECT event_id, type, source, key, stream, aggregate_id, sequence, time, traceparent, payload, topic, partition, "offset"
FROM parked_events
"""
_EARLY = _KEPT + "WHERE consumer = $1 AND stream = ANY($2::text[]) AND reason = 'early' ORDER BY position"
_QUEUE = _KEPT + "WHERE consumer = $1 AND key = $2 AND reason IN ('dead', 'behind') ORDER BY position"
# A stream is moved only from where the gate saw it; the count tells whether all were.
_ADVANCE = """
WITH made AS (
    INSERT INTO aggregate_versions (consumer, stream, sequence) SELECT $1, s, n FROM unnest($2::text[], $3::bigint[]) AS t (s, n) ORDER BY s
    ON CONFLICT (consumer, stream) DO UPDATE SET sequence = EXCLUDED.sequence WHERE aggregate_versions.sequence = 0 RETURNING 1
), moved AS (
    UPDATE aggregate_versions v SET sequence = t.new
    FROM unnest($4::text[], $5::bigint[], $6::bigint[]) AS t (stream, old, new)
    WHERE v.consumer = $1 AND v.stream = t.stream AND v.sequence = t.old RETURNING 1
)
SELECT (SELECT count(*) FROM made) + (SELECT count(*) FROM moved)
"""
# A statement of its own, after the streams are locked: another worker may have kept, as too early, the very event that follows.
_MISSED = """
SELECT EXISTS (SELECT FROM unnest($2::text[], $3::bigint[]) AS t (stream, reached)
               JOIN parked_events p ON p.consumer = $1 AND p.stream = t.stream AND p.sequence = t.reached + 1 AND p.reason = 'early')
"""
_PARK = """
INSERT INTO parked_events (consumer, event_id, reason, type, source, key, stream, aggregate_id, sequence, time, traceparent,
                           payload, topic, partition, "offset")
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT (consumer, event_id) DO UPDATE SET reason = EXCLUDED.reason
"""
_FORGET = "DELETE FROM parked_events WHERE consumer = $1 AND event_id = ANY($2::uuid[])"
_BURY = """
INSERT INTO dead_letters (consumer, event_id, key, type, topic, partition, "offset", error, fingerprint)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (consumer, event_id) DO UPDATE SET error = EXCLUDED.error, fingerprint = EXCLUDED.fingerprint,
    attempts = dead_letters.attempts + 1, status = 'dead', failed_at = now(), resolved_at = NULL
"""
_RESOLVE = """
UPDATE dead_letters SET status = CASE WHEN event_id = ANY($3::uuid[]) THEN 'discarded' ELSE 'redriven' END, resolved_at = now()
WHERE consumer = $1 AND event_id = ANY($2::uuid[]) AND status = 'dead'
"""
_FORGET_CONSUMER = (
    "DELETE FROM inbox WHERE consumer = $1",
    "DELETE FROM aggregate_versions WHERE consumer = $1",
    "DELETE FROM parked_events WHERE consumer = $1",
    "DELETE FROM dead_letters WHERE consumer = $1",
)


class PostgresInboxStore:
    """See `ports.InboxStore`."""

    def __init__(self, database: Database, consumer: str, after_commit: Callable[[], None] | None = None) -> None:
        self._database = database
        self._consumer = consumer
        self._after_commit = after_commit

    @asynccontextmanager
    async def begin(self, *, alone: bool = False) -> AsyncIterator[InboxTransaction]:
        """Open a transaction; see `InboxStore.begin`."""
        async with UnitOfWork(self._database, after_commit=self._after_commit) as unit_of_work:
            await unit_of_work.connection.execute(_LOCK_ALONE if alone else _LOCK_TOGETHER, self._consumer)
            yield PostgresInboxTransaction(unit_of_work, self._consumer)


class PostgresInboxTransaction:
    """See `ports.InboxTransaction`."""

    def __init__(self, unit_of_work: UnitOfWork, consumer: str) -> None:
        self._unit_of_work = unit_of_work
        self._consumer = consumer

    @property
    def unit_of_work(self) -> UnitOfWork:
        """See `InboxTransaction.unit_of_work`."""
        return self._unit_of_work

    async def admit(self, arrivals: Sequence[Arrival]) -> Known:
        """Mark events as received; see `InboxTransaction.admit`."""
        if not arrivals:
            return Known()
        ids = list({arrival.envelope.id for arrival in arrivals})
        streams = list({arrival.stream for arrival in arrivals})
        keys = list({arrival.envelope.key for arrival in arrivals})
        row = await self._connection.fetchrow(_ADMIT, self._consumer, ids, streams, keys)
        assert row is not None
        return Known(
            refused=frozenset(row["refused"] or ()),
            versions=dict(zip(row["streams"] or (), row["sequences"] or (), strict=True)),
            blocked=frozenset(row["blocked"]),
            early=await self._kept(_EARLY, streams) if row["has_early"] else (),
        )

    async def kept(self, key: str) -> Sequence[Arrival]:
        """Return a blocked key's events; see `InboxTransaction.kept`."""
        return await self._kept(_QUEUE, key)

    async def known(self, arrivals: Sequence[Arrival]) -> Known:
        """Return what is known about kept events; see `InboxTransaction.known`."""
        streams = list({arrival.stream for arrival in arrivals})
        rows = await self._connection.fetch(_VERSIONS, self._consumer, streams)
        return Known(versions={row["stream"]: row["sequence"] for row in rows}, early=await self._kept(_EARLY, streams))

    async def settle(self, outcome: Outcome) -> None:
        """Write what the batch changes; see `InboxTransaction.settle`."""
        if outcome.versions:
            await self._advance(outcome)
        if outcome.park:
            await self._connection.executemany(_PARK, [_park_row(self._consumer, *kept) for kept in outcome.park])
        if outcome.dead or outcome.malformed:
            rows = [_dead_row(self._consumer, dead) for dead in outcome.dead]
            rows += [_malformed_row(self._consumer, malformed) for malformed in outcome.malformed]
            await self._connection.executemany(_BURY, rows)
        if outcome.forget:
            await self._connection.execute(_FORGET, self._consumer, outcome.forget)
            await self._connection.execute(_RESOLVE, self._consumer, outcome.forget, outcome.discarded)
        if await self._connection.fetchval(_MISSED, self._consumer, *transposed(outcome.reached.items(), 2)):
            raise Overtaken

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """See `InboxTransaction.savepoint`."""
        return self._unit_of_work.savepoint()

    async def commit(self) -> None:
        """See `InboxTransaction.commit`."""
        await self._unit_of_work.commit()

    @property
    def _connection(self) -> Connection:
        return self._unit_of_work.connection

    async def _advance(self, outcome: Outcome) -> None:
        made = [(stream, new) for stream, (old, new) in outcome.versions.items() if old == 0]
        moved = [(stream, old, new) for stream, (old, new) in outcome.versions.items() if old > 0]
        columns = (*transposed(made, 2), *transposed(moved, 3))
        if await self._connection.fetchval(_ADVANCE, self._consumer, *columns) != len(outcome.versions):
            raise Overtaken

    async def _kept(self, query: str, argument: object) -> list[Arrival]:
        return [_arrival(row) for row in await self._connection.fetch(query, self._consumer, argument)]


def _arrival(row: asyncpg.Record) -> Arrival:
    envelope = Envelope(
        id=row["event_id"],
        type=row["type"],
        source=row["source"],
        aggregate_id=row["aggregate_id"],
        key=row["key"],
        sequence=row["sequence"],
        time=row["time"],
        traceparent=row["traceparent"],
    )
    return Arrival(envelope, row["stream"], row["payload"], Partition(row["topic"], row["partition"]), row["offset"], parked=True)


def _park_row(consumer: str, arrival: Arrival, reason: Reason) -> tuple[object, ...]:
    e = arrival.envelope
    return (
        *(consumer, e.id, reason.value, e.type, e.source, e.key, arrival.stream, e.aggregate_id, e.sequence, e.time, e.traceparent),
        *(arrival.payload, *arrival.partition, arrival.offset),
    )


def _dead_row(consumer: str, dead: DeadEvent) -> tuple[object, ...]:
    arrival = dead.arrival
    place = (*arrival.partition, arrival.offset)
    return (consumer, arrival.envelope.id, arrival.envelope.key, arrival.envelope.type, *place, dead.error, dead.fingerprint)


def _malformed_row(consumer: str, record: Malformed) -> tuple[object, ...]:
    # It has no key that could wait, and no type.
    return (consumer, record.id, "", "", *record.partition, record.offset, f"MalformedEnvelope: {record.problem}", "malformed-envelope")


async def forget_consumer(connection: Connection, consumer: str) -> None:
    """Delete everything that is known of a consumer, inside the caller's transaction and alone."""
    await connection.execute(_LOCK_ALONE, consumer)
    for statement in _FORGET_CONSUMER:
        await connection.execute(statement, consumer)

"""What must be done now and then: partitions made ahead, old marks deleted, queues counted."""

import asyncio
import contextlib
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import structlog

from shared.database.pool import Connection, Database, code_of
from shared.database.rows import affected
from shared.errors import Unavailable
from shared.messaging import metrics

_log = structlog.get_logger(__name__)

_COUNT_SECONDS = 10.0
_UPKEEP_SECONDS = 3_600.0
_DAYS_AHEAD = 7
# A deletion is cut, so that it never holds locks for long.
_DELETE_LIMIT = 10_000
# An inbox mark is useful while the broker or a dead letter can still bring the event; the version gate refuses what comes later.
INBOX_DAYS = 31
IDEMPOTENCY_DAYS = 30

_NOW = "SELECT now()"
_ENSURE_PARTITIONS = "SELECT ensure_event_log_partitions($1)"
# The id of an event tells when it was made; the primary key finds the oldest. Kept events go with their settlement.
_CONSUMERS = "SELECT DISTINCT consumer FROM aggregate_versions"
_TRIM_INBOX = """
DELETE FROM inbox WHERE consumer = $3 AND event_id = ANY(ARRAY(
    SELECT i.event_id FROM inbox i WHERE i.consumer = $3 AND i.event_id < $1
      AND NOT EXISTS (SELECT FROM parked_events p WHERE p.consumer = $3 AND p.event_id = i.event_id) LIMIT $2))
"""
_TRIM_ANSWERS = """
DELETE FROM idempotency_answers WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM idempotency_answers WHERE recorded_at < now() - make_interval(days => $1) LIMIT $2))
"""
_COUNTS = """
SELECT (SELECT count(*) FROM dead_letters WHERE status = 'dead') AS dead,
       (SELECT count(DISTINCT key) FROM parked_events WHERE reason = 'dead') AS keys,
       (SELECT count(*) FROM parked_events WHERE reason = 'early') AS early
"""


class Upkeep:
    """Runs the upkeep of a service's messaging tables; any number of processes may run it at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self, stop: asyncio.Event) -> None:
        """Keep up until told to stop."""
        loop = asyncio.get_running_loop()
        upkeep_at = 0.0
        while not stop.is_set():
            try:
                async with self._database.acquire() as connection:
                    if loop.time() >= upkeep_at:
                        await keep_up(connection)
                        upkeep_at = loop.time() + _UPKEEP_SECONDS
                    await _count(connection)
            except (Unavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                _log.warning("the upkeep waits", error=code_of(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _COUNT_SECONDS)


async def keep_up(connection: Connection) -> None:
    """Make partitions ahead and delete old marks."""
    await connection.execute(_ENSURE_PARTITIONS, _DAYS_AHEAD)
    await _trim(connection, _TRIM_ANSWERS, IDEMPOTENCY_DAYS)
    now = await connection.fetchval(_NOW)
    assert now is not None
    oldest = oldest_uuid(now - timedelta(days=INBOX_DAYS))
    for row in await connection.fetch(_CONSUMERS):
        await _trim(connection, _TRIM_INBOX, oldest, row["consumer"])


def oldest_uuid(moment: datetime) -> UUID:
    """Return the lowest UUIDv7 that can have been made at a moment."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


async def _trim(connection: Connection, statement: str, bound: object, *more: object) -> None:
    deleted = _DELETE_LIMIT
    while deleted == _DELETE_LIMIT:
        deleted = affected(await connection.execute(statement, bound, _DELETE_LIMIT, *more))


async def _count(connection: Connection) -> None:
    row = await connection.fetchrow(_COUNTS)
    assert row is not None
    metrics.dead_letters.set(row["dead"])
    metrics.parked_keys.set(row["keys"])
    metrics.early_events.set(row["early"])

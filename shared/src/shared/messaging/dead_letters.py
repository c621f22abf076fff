"""Dead letters of a consumer: looking at them, trying them again, giving them up. Payloads are never shown."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from shared.database.pool import Database
from shared.errors import NotFound
from shared.messaging.apply import Applied, Applier

_log = structlog.get_logger(__name__)

_LIMIT = 1_000
_LIST = """
SELECT d.event_id, d.type, d.topic, d.partition, d."offset", d.error, d.fingerprint, d.attempts, d.failed_at,
       (SELECT count(*) FROM parked_events p WHERE p.consumer = d.consumer AND p.key = d.key AND p.reason = 'behind') AS waiting
FROM dead_letters d WHERE d.consumer = $1 AND d.status = 'dead' AND ($2::text IS NULL OR d.fingerprint = $2)
ORDER BY d.failed_at DESC LIMIT $3
"""
# A malformed record has no key: nothing waits for it, and it cannot be tried again.
_KEYS = """
SELECT DISTINCT key FROM dead_letters WHERE consumer = $1 AND status = 'dead' AND key <> '' AND ($2::text IS NULL OR fingerprint = $2)
ORDER BY key LIMIT $3
"""
_KEY = "SELECT key FROM dead_letters WHERE consumer = $1 AND event_id = $2 AND status = 'dead'"
_DISCARD_MALFORMED = """
UPDATE dead_letters SET status = 'discarded', resolved_at = now() WHERE consumer = $1 AND event_id = $2 AND status = 'dead' AND key = ''
"""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that its handler refuses.

    Attributes:
        event_id: its id; for a record that is no event, one made from its place.
        type: its type, empty for a record that is no event.
        topic: where it came from.
        partition: where it came from.
        offset: its place there.
        error: class of the error and where it was raised.
        fingerprint: the same for failures that are alike.
        attempts: how often it was tried.
        failed_at: when it failed last, UTC.
        waiting: how many events of its key queue behind it.
    """

    event_id: UUID
    type: str
    topic: str
    partition: int
    offset: int
    error: str
    fingerprint: str
    attempts: int
    failed_at: datetime
    waiting: int


async def list_dead(database: Database, consumer: str, *, fingerprint: str | None = None, limit: int = 100) -> Sequence[DeadLetter]:
    """Return dead letters, newest first, at most 1,000, of one group of alike failures or of all."""
    async with database.acquire() as connection:
        return [DeadLetter(*row) for row in await connection.fetch(_LIST, consumer, fingerprint, min(limit, _LIMIT))]


async def redrive(
    database: Database, applier: Applier, consumer: str, *, fingerprint: str | None = None, commit: bool = False, limit: int = _LIMIT
) -> AsyncIterator[Applied]:
    """Try keys again, each with its whole queue, in order and in a transaction of its own.

    Args:
        database: the service's.
        applier: the service's.
        consumer: whose dead letters.
        fingerprint: one group of alike failures; all when None.
        commit: False, the default, only shows what would happen.
        limit: keys at most.

    Yields:
        What became of each key's events.
    """
    async with database.acquire() as connection:
        keys = [row["key"] for row in await connection.fetch(_KEYS, consumer, fingerprint, min(limit, _LIMIT))]
    for key in keys:
        applied = await applier.redrive(key, commit=commit)
        _log.info("a key was redriven", consumer=consumer, committed=commit, applied=applied.applied, dead=applied.dead)
        yield applied


async def discard(database: Database, applier: Applier, consumer: str, event_id: UUID, *, commit: bool = False) -> Applied:
    """Give a dead event up: it counts as applied though no handler sees it, and the queue behind it goes on.

    Raises:
        NotFound: there is no such dead letter.
    """
    async with database.acquire() as connection:
        row = await connection.fetchrow(_KEY, consumer, event_id)
        if row is None:
            raise NotFound("no such dead letter")
        if row["key"] == "":
            if commit:
                await connection.execute(_DISCARD_MALFORMED, consumer, event_id)
            return Applied()
    _log.info("a dead letter is discarded", consumer=consumer, committed=commit, event_id=str(event_id))
    return await applier.redrive(row["key"], discard=frozenset({event_id}), commit=commit)

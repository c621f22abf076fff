"""The upkeep deletes what is old, and only that."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from shared.database.pool import Database
from shared.messaging import upkeep
from shared.messaging.upkeep import IDEMPOTENCY_DAYS, INBOX_DAYS, keep_up, oldest_uuid

_ANSWER = """
INSERT INTO idempotency_answers (caller, key, fingerprint, status, headers, body, recorded_at)
SELECT 'key_1', $1 || n, '', 201, '[]', '', now() - make_interval(days => $2) + make_interval(secs => $3)
FROM generate_series(1, $4) AS n
"""
_LEFT = "SELECT DISTINCT rtrim(key, '0123456789') FROM idempotency_answers"


async def test_old_answers_are_deleted_in_batches(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_DELETE_LIMIT", 10)
    async with database.acquire() as connection:
        await connection.execute(_ANSWER, "old", IDEMPOTENCY_DAYS, -1, 25)
        await connection.execute(_ANSWER, "ancient", 400, 0, 5)
        await connection.execute(_ANSWER, "recent", IDEMPOTENCY_DAYS, 1, 3)
        await connection.execute(_ANSWER, "new", 0, 0, 3)
        await keep_up(connection)
        assert {row[0] for row in await connection.fetch(_LEFT)} == {"recent", "new"}
        assert await connection.fetchval("SELECT count(*) FROM idempotency_answers") == 6


_MARK = "INSERT INTO inbox (consumer, event_id) SELECT $1, unnest($2::uuid[])"
_VERSION = "INSERT INTO aggregate_versions (consumer, stream, sequence) VALUES ($1, 'customers/customer/cus_1', 1)"


async def test_marks_are_deleted_once_nothing_can_bring_their_events_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_DELETE_LIMIT", 10)
    now = datetime.now(UTC)
    old = [_event_id(now - timedelta(days=INBOX_DAYS, minutes=minute + 1), minute) for minute in range(25)]
    young = [_event_id(now - timedelta(days=INBOX_DAYS) + timedelta(minutes=minute + 1), minute) for minute in range(5)]
    async with database.acquire() as connection:
        for consumer in ("loyalty", "gone"):
            await connection.execute(_MARK, consumer, old + young)
        await connection.execute(_VERSION, "loyalty")
        await keep_up(connection)
        left = {row[0] for row in await connection.fetch("SELECT event_id FROM inbox WHERE consumer = 'loyalty'")}
        untouched = await connection.fetchval("SELECT count(*) FROM inbox WHERE consumer = 'gone'")
    assert left == set(young)
    assert untouched == 30


def _event_id(moment: datetime, number: int) -> UUID:
    return UUID(int=oldest_uuid(moment).int + number)

"""The upkeep deletes what is old, and only that."""

import pytest

from shared.database.pool import Database
from shared.messaging import upkeep
from shared.messaging.upkeep import IDEMPOTENCY_DAYS, keep_up

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

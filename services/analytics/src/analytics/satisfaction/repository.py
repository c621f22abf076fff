"""Every statement on answers to the recommendation question."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from asyncpg import Record

from shared.database.pool import Connection
from shared.database.rows import transposed

_ADD_RESPONSES = """
WITH batch AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::text[], $6::boolean[], $7::timestamptz[])
        AS t (response_id, customer_id, question, score, channel, has_comment, answered_at)
), added AS (
    INSERT INTO responses (response_id, customer_id, question, score, channel, has_comment, answered_at)
    SELECT response_id,
           CASE WHEN EXISTS (SELECT FROM erased_customers AS e WHERE e.customer_id = batch.customer_id FOR KEY SHARE)
               THEN NULL ELSE customer_id END,
           question, score, channel, has_comment, answered_at
    FROM batch
    ON CONFLICT (response_id) DO NOTHING
    RETURNING score, channel, answered_at
), by_day AS (
    INSERT INTO nps_days AS n (day, channel, score, answers)
    SELECT date_trunc('day', answered_at, 'UTC')::date, coalesce(channel, ''), score, count(*) FROM added GROUP BY 1, 2, 3
    ON CONFLICT (day, channel, score) DO UPDATE SET answers = n.answers + excluded.answers
)
UPDATE projection SET version = version + 1, latest_response_at = greatest(latest_response_at, (SELECT max(answered_at) FROM added))
WHERE EXISTS (SELECT FROM added)
"""

_OF = "SELECT * FROM responses WHERE customer_id = ANY ($1::text[]) ORDER BY answered_at, response_id"
_MAKE_NAMELESS = """
WITH nameless AS (UPDATE responses SET customer_id = NULL WHERE customer_id = ANY ($1::text[]) RETURNING response_id)
SELECT count(*) FROM nameless
"""

_MONTHLY_SCORES = """
SELECT date_trunc('month', day)::date AS month, score, sum(answers)::bigint AS answers FROM nps_days
WHERE ($1::date IS NULL OR day >= $1) AND ($2::date IS NULL OR day < $2) AND ($3::text IS NULL OR channel = $3)
GROUP BY 1, 2 ORDER BY 1, 2
"""


class ResponseFact(NamedTuple):
    """An answer as its event told of it."""

    response_id: str
    customer_id: str | None
    question: str
    score: int
    channel: str | None
    has_comment: bool
    answered_at: datetime


class SatisfactionRepository:
    """Answers, and how many there are of each score."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, facts: Sequence[ResponseFact]) -> None:
        """Store answers and count those that are new; those of erased customers without a name."""
        await self._connection.execute(_ADD_RESPONSES, *transposed(facts))

    async def of(self, customer_ids: Sequence[str]) -> Sequence[Record]:
        """Return the answers of these customers."""
        return await self._connection.fetch(_OF, customer_ids)

    async def make_nameless(self, customer_ids: Sequence[str]) -> int:
        """Take these customers from their answers, which go on to count; return how many answers."""
        return await self._connection.fetchval(_MAKE_NAMELESS, customer_ids) or 0

    async def monthly_scores(self, since: date | None, until: date | None, channel: str | None) -> list[tuple[date, int, int]]:
        """Return (month, score, number of answers) of the days from `since` and before `until`."""
        return [tuple(row) for row in await self._connection.fetch(_MONTHLY_SCORES, since, until, channel)]

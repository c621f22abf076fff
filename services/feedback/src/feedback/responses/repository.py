"""Every statement on responses."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from asyncpg import Record

from feedback.responses.rules import Answer
from shared.database.pool import Connection
from shared.http.pagination import PageRequest
from shared.ids import new_id
from shared.statistics import NPS_SCORES

_NUMBERS = range(NPS_SCORES)
# Rows that the connections spread over, for each channel and period.
_SHARDS = 4
_COUNTERS = ", ".join(f"score_{number}" for number in _NUMBERS)
_COUNTED = ", ".join(f"count(*) FILTER (WHERE score = {number})" for number in _NUMBERS)
_ADDED_UP = ", ".join(f"score_{number} = d.score_{number} + excluded.score_{number}" for number in _NUMBERS)

# The responses that are new and their place in the roll-ups, in one round trip. Rows are written in one order, so that
# two imports of the same wait for each other instead of for ever.
_ADD = f"""
WITH batch AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::smallint[], $6::smallint[], $7::smallint[],
                         $8::text[], $9::text[], $10::timestamptz[])
        AS t (id, external_id, customer_id, question, scale_min, scale_max, score, channel, comment, answered_at)
), added AS (
    INSERT INTO responses (id, external_id, customer_id, question, scale_min, scale_max, score, channel, comment, answered_at)
    SELECT id, external_id, customer_id, question, scale_min, scale_max, score, channel, comment, coalesce(answered_at, now())
    FROM batch WHERE NOT EXISTS (SELECT FROM erased_customers AS e WHERE e.customer_id = batch.customer_id FOR KEY SHARE)
    ORDER BY external_id, id
    ON CONFLICT (external_id) WHERE external_id IS NOT NULL DO NOTHING
    RETURNING *
), answered AS (
    SELECT coalesce(channel, '') AS channel, pg_backend_pid() % {_SHARDS} AS shard, score, answered_at AT TIME ZONE 'UTC' AS moment
    FROM added WHERE question = 'nps'
), by_day AS (
    INSERT INTO nps_days AS d (day, channel, shard, {_COUNTERS})
    SELECT moment::date, channel, shard, {_COUNTED} FROM answered GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (day, channel, shard) DO UPDATE SET {_ADDED_UP}
), by_month AS (
    INSERT INTO nps_months AS d (month, channel, shard, {_COUNTERS})
    SELECT date_trunc('month', moment)::date, channel, shard, {_COUNTED} FROM answered GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (month, channel, shard) DO UPDATE SET {_ADDED_UP}
)
SELECT a.*, c.id IS NOT NULL AS customer_known FROM added AS a LEFT JOIN customers AS c ON c.id = a.customer_id
"""  # noqa: S608 - made of column names
_SELECT = "SELECT r.*, c.id IS NOT NULL AS customer_known FROM responses AS r LEFT JOIN customers AS c ON c.id = r.customer_id"
_BY_EXTERNAL_ID = f"{_SELECT} WHERE r.external_id = ANY($1::text[])"
_FIND = f"{_SELECT} WHERE r.id = $1"
# Filter -> its condition; composed from these alone, so that each list has a plan for its own filter.
_CONDITIONS = {
    "question": "r.question = {}",
    # One customer is read in the order of the index; a family is few enough to be sorted.
    "customer_id": "r.customer_id = {}",
    "customer_ids": "r.customer_id = ANY ({}::text[])",
    "channel": "r.channel = {}",
    "score_min": "r.score >= {}",
    "score_max": "r.score <= {}",
    "answered_from": "r.answered_at >= {}",
    "answered_to": "r.answered_at < {}",
}
_OF = "SELECT * FROM responses WHERE customer_id = ANY ($1::text[]) ORDER BY answered_at, id"
# The caller's own id of the response would tell him whose it was.
_MAKE_NAMELESS = """
WITH nameless AS (
    UPDATE responses SET customer_id = NULL, comment = NULL, external_id = NULL WHERE customer_id = ANY ($1::text[]) RETURNING id
)
SELECT count(*) FROM nameless
"""
_AFTER = "(r.answered_at, r.id) < ({}, {})"
_NEWEST_FIRST = "ORDER BY r.answered_at DESC, r.id DESC LIMIT {}"


class Added(NamedTuple):
    """What became of an answer.

    Attributes:
        row: the response that is stored.
        is_new: whether this answer made it.
    """

    row: Record
    is_new: bool


class ResponseRepository:
    """Answers of customers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, answers: Sequence[Answer]) -> list[Added | None]:
        """Store the answers whose external id is not taken and count them.

        Returns:
            What is stored for each, in order; None for an answer of a customer who was erased.
        """
        ids = [new_id("rsp") for _ in answers]
        rows = await self._connection.fetch(_ADD, ids, *_columns(answers))
        made = {row["id"]: row for row in rows}
        taken = [answer.external_id for id_, answer in zip(ids, answers, strict=True) if id_ not in made]
        stored = {row["external_id"]: row for row in await self._connection.fetch(_BY_EXTERNAL_ID, taken)} if taken else {}
        return [Added(made[id_], is_new=True) if id_ in made else _found(stored, answer) for id_, answer in zip(ids, answers, strict=True)]

    async def of(self, customer_ids: Sequence[str]) -> Sequence[Record]:
        """Return all answers of these customers, in order."""
        return await self._connection.fetch(_OF, customer_ids)

    async def make_nameless(self, customer_ids: Sequence[str]) -> int:
        """Take these customers and their words from their answers, whose scores stay; return how many answers."""
        return await self._connection.fetchval(_MAKE_NAMELESS, customer_ids) or 0

    async def find(self, response_id: str) -> Record | None:
        """Return a response, or None."""
        return await self._connection.fetchrow(_FIND, response_id)

    async def list(self, wanted: Mapping[str, Any], page: PageRequest) -> Sequence[Record]:
        """Return the responses that fit all conditions, newest first."""
        after = page.key(datetime, str)
        arguments = [*wanted.values(), *(after or ()), page.fetch]
        numbers = iter(f"${number}" for number in range(1, len(arguments) + 1))
        conditions = [_CONDITIONS[name].format(next(numbers)) for name in wanted]
        if after is not None:
            conditions.append(_AFTER.format(next(numbers), next(numbers)))
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        return await self._connection.fetch(f"{_SELECT} {where} {_NEWEST_FIRST.format(next(numbers))}", *arguments)


def _found(stored: Mapping[str | None, Record], answer: Answer) -> Added | None:
    return Added(stored[answer.external_id], is_new=False) if answer.external_id in stored else None


def _columns(answers: Sequence[Answer]) -> list[list[Any]]:
    return [
        [answer.external_id for answer in answers],
        [answer.customer_id for answer in answers],
        [answer.question for answer in answers],
        [answer.scale.low for answer in answers],
        [answer.scale.high for answer in answers],
        [answer.score for answer in answers],
        [answer.channel for answer in answers],
        [answer.comment for answer in answers],
        [answer.answered_at for answer in answers],
    ]

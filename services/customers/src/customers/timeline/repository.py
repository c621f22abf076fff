"""Every query on touches."""

# ruff: noqa: S608 - statements are put together from the constants of this module only

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson
from asyncpg import Record

from shared.database.pool import Connection
from shared.database.rows import affected, transposed
from shared.ids import new_id

_COLUMNS = "id, customer_id, kind, channel, journey_stage, sentiment, occurred_at, source_id, summary"
# In one order, so that two batches never wait for each other in a circle.
_RECORD = f"""
INSERT INTO touches AS present ({_COLUMNS})
SELECT id, customer_id, kind, channel, journey_stage, sentiment, occurred_at, source_id, summary::jsonb
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::text[], $9::text[])
    AS t ({_COLUMNS})
ORDER BY kind, source_id
ON CONFLICT (kind, source_id) DO UPDATE
SET customer_id = excluded.customer_id, channel = excluded.channel, journey_stage = excluded.journey_stage,
    sentiment = excluded.sentiment, occurred_at = excluded.occurred_at, summary = excluded.summary, written_in = excluded.written_in
WHERE (present.customer_id, present.channel, present.journey_stage, present.sentiment, present.occurred_at, present.summary)
    IS DISTINCT FROM
    (excluded.customer_id, excluded.channel, excluded.journey_stage, excluded.sentiment, excluded.occurred_at, excluded.summary)
"""

# The same for what other services tell: nothing of whom nobody knows any more (and who is being erased is waited for), and a
# response belongs to the stage of what was last before it. By what others told nothing is judged, nor by the move that the response
# itself caused: what is heard a second time would be judged otherwise.
_RECORD_HEARD = f"""
INSERT INTO touches ({_COLUMNS})
SELECT t.id, t.customer_id, t.kind, t.channel, coalesce(last.journey_stage, t.journey_stage), t.sentiment, t.occurred_at, t.source_id,
       t.summary::jsonb
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::text[], $9::text[])
    AS t ({_COLUMNS})
JOIN customers AS c ON c.id = t.customer_id AND c.root_id IS NOT NULL
LEFT JOIN LATERAL (
    SELECT p.journey_stage FROM touches AS p
    WHERE p.customer_id = t.customer_id AND p.occurred_at <= t.occurred_at AND p.occurred_at > t.occurred_at - $10::interval
      AND p.journey_stage IS NOT NULL AND p.kind <> ALL ($11::text[]) AND (p.kind <> 'stage_changed' OR p.occurred_at < t.occurred_at)
    ORDER BY p.occurred_at DESC, p.id DESC LIMIT 1
) AS last ON t.kind = 'response'
ORDER BY t.kind, t.source_id
FOR KEY SHARE OF c
ON CONFLICT (kind, source_id) DO NOTHING
"""

# One condition a filter; `{n}` becomes the number of its parameter.
_FILTERS = {
    "kind": "t.kind = ANY(${n}::text[])",
    "channel": "t.channel = ${n}",
    "journey_stage": "t.journey_stage = ${n}",
    "sentiment": "t.sentiment = ${n}",
    "occurred_from": "t.occurred_at >= ${n}",
    "occurred_to": "t.occurred_at < ${n}",
}
_SHOWN = ", ".join(f"t.{column}" for column in _COLUMNS.split(", "))

_FELT = """
SELECT journey_stage,
       count(*) FILTER (WHERE occurred_at >= $2) AS touches,
       count(*) FILTER (WHERE occurred_at >= $2 AND sentiment = 'negative') AS negative,
       count(*) FILTER (WHERE occurred_at >= $2 AND sentiment = 'negative' AND kind = 'response') AS low_responses,
       count(*) FILTER (WHERE occurred_at < $2) AS touches_before,
       count(*) FILTER (WHERE occurred_at < $2 AND sentiment = 'negative') AS negative_before,
       count(*) FILTER (WHERE occurred_at < $2 AND sentiment = 'negative' AND kind = 'response') AS low_responses_before
FROM touches
WHERE sentiment IS NOT NULL AND journey_stage IS NOT NULL AND occurred_at >= $1 AND occurred_at < $3
  AND ($4::text IS NULL OR channel = $4)
GROUP BY journey_stage
"""
_EXAMPLES = """
SELECT t.journey_stage, t.id, t.kind, t.source_id, t.customer_id FROM unnest($5::text[]) AS s (stage) CROSS JOIN LATERAL (
    SELECT * FROM touches
    WHERE sentiment IS NOT NULL AND journey_stage IS NOT NULL AND occurred_at >= $1 AND occurred_at < $2
      AND ($3::text IS NULL OR channel = $3) AND journey_stage = s.stage AND sentiment = 'negative'
    ORDER BY occurred_at DESC LIMIT $4
) AS t
"""
# Nothing of a transaction before this one can appear any more.
_HORIZON = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
_WRITTEN_SINCE = f"""
WITH reached AS ({_HORIZON} AS horizon)
SELECT {_SHOWN}, t.written_in, reached.horizon
FROM reached LEFT JOIN touches AS t ON t.written_in >= $1 AND t.written_in < reached.horizon AND t.customer_id = ANY($2::text[])
ORDER BY t.written_in, t.id
"""
_WRITTEN_BETWEEN = f"""
SELECT {_SHOWN}, t.written_in FROM touches AS t
WHERE t.customer_id = ANY($1::text[]) AND (t.written_in, t.id) > ($2, $3) AND t.written_in < $4
ORDER BY t.written_in, t.id LIMIT $5
"""
_FORGET_HEARD = "DELETE FROM touches WHERE kind = ANY($1::text[])"
_ERASE = "DELETE FROM touches WHERE customer_id = ANY($1::text[])"
_COLLECT = f"SELECT {_COLUMNS} FROM touches WHERE customer_id = ANY($1::text[]) ORDER BY occurred_at, id"

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Touch(NamedTuple):
    """One touch between a customer and the company, to be recorded.

    Attributes:
        customer_id: the record that it was made for.
        kind: what it was, such as order, return, call or consent; lower case with underscores.
        source_id: the id of what it tells of, unique within its kind; recorded again under it, it is replaced.
        occurred_at: when.
        channel: where, such as web, shop or phone.
        journey_stage: attention, consideration, decision, purchase, service or advocacy.
        sentiment: negative, neutral or positive, when known.
        summary: a few facts that a list shows, JSON; no contact data and no long text.
    """

    customer_id: str
    kind: str
    source_id: str
    occurred_at: datetime
    channel: str | None = None
    journey_stage: str | None = None
    sentiment: str | None = None
    summary: Mapping[str, Any] = _NOTHING


class StoredTouch(NamedTuple):
    """A touch as the table holds it."""

    id: str
    customer_id: str
    kind: str
    channel: str | None
    journey_stage: str | None
    sentiment: str | None
    occurred_at: datetime
    source_id: str
    summary: dict[str, Any]


async def record(connection: Connection, touches: Sequence[Touch]) -> None:
    """Write touches; of several of one kind and source the last counts."""
    columns = _columns(touches)
    if columns:
        await connection.execute(_RECORD, *columns)


async def record_heard(connection: Connection, touches: Sequence[Touch], memory: timedelta, heard_kinds: Sequence[str]) -> None:
    """Write touches of which other services told, once, for customers who exist.

    Args:
        connection: to write with.
        touches: a response without a touch before it keeps the stage that it has here.
        memory: how long a touch before a response tells its stage.
        heard_kinds: touches that tell no stage, as others told of them.
    """
    columns = _columns(touches)
    if columns:
        await connection.execute(_RECORD_HEARD, *columns, memory, heard_kinds)


def _columns(touches: Sequence[Touch]) -> list[list[Any]]:
    latest = {(touch.kind, touch.source_id): touch for touch in touches}
    rows = [
        (
            new_id("tch"),
            touch.customer_id,
            touch.kind,
            touch.channel,
            touch.journey_stage,
            touch.sentiment,
            touch.occurred_at,
            touch.source_id,
            orjson.dumps(dict(touch.summary), option=orjson.OPT_UTC_Z).decode(),
        )
        for touch in latest.values()
    ]
    return transposed(rows)


async def page(
    connection: Connection, ids: Sequence[str], filters: Mapping[str, Any], after: Sequence[Any] | None, limit: int
) -> list[StoredTouch]:
    """Return the touches of a family that pass the filters, newest first, after a sort key (occurred_at, id).

    Args:
        connection: to read with.
        ids: every record of the family.
        filters: values by name: kind (a list), channel, journey_stage, sentiment, occurred_from, occurred_to.
        after: the last touch that the caller has; None at the beginning.
        limit: touches at most.
    """
    statement = page_statement(tuple(filters), is_first=after is None)
    rows = await connection.fetch(statement, ids, limit, *(after or ()), *filters.values())
    return [StoredTouch(*row) for row in rows]


@lru_cache(maxsize=256)
def page_statement(filters: tuple[str, ...], *, is_first: bool) -> str:
    """Return the statement of a page; its parameters: the family, the limit, the sort key unless it is the first page, the filters."""
    conditions = ["t.customer_id = f.id"] + ([] if is_first else ["(t.occurred_at, t.id) < ($3, $4)"])
    first = 3 if is_first else 5
    conditions += [_FILTERS[name].format(n=number) for number, name in enumerate(filters, start=first)]
    newest = "ORDER BY t.occurred_at DESC, t.id DESC LIMIT $2"
    # The newest of each record first, so that a family of any size reads no more than a page of each.
    of_each = f"SELECT {_SHOWN} FROM touches AS t WHERE {' AND '.join(conditions)} {newest}"
    return f"SELECT t.* FROM unnest($1::text[]) AS f (id) CROSS JOIN LATERAL ({of_each}) AS t {newest}"


async def felt(connection: Connection, before_at: datetime, starts_at: datetime, ends_at: datetime, channel: str | None) -> list[Record]:
    """Return how the touches of each stage felt within a period and within the one before it."""
    return await connection.fetch(_FELT, before_at, starts_at, ends_at, channel)


async def examples(
    connection: Connection, starts_at: datetime, ends_at: datetime, channel: str | None, limit: int, stages: Sequence[str]
) -> list[Record]:
    """Return the latest negative touches of each stage within a period, newest first."""
    return await connection.fetch(_EXAMPLES, starts_at, ends_at, channel, limit, stages)


async def horizon(connection: Connection) -> int:
    """Return the oldest transaction that may still write: those before it are all committed or gone."""
    reached = await connection.fetchval(_HORIZON)
    assert reached is not None
    return reached


async def written_since(connection: Connection, since: int, ids: Sequence[str]) -> tuple[int, list[Record]]:
    """Return the horizon, and the touches of records that were written from a transaction on and before it, in that order."""
    rows = await connection.fetch(_WRITTEN_SINCE, since, ids)
    return rows[0]["horizon"], [row for row in rows if row["id"] is not None]


async def written_between(connection: Connection, ids: Sequence[str], after: tuple[int, str], before: int, limit: int) -> list[Record]:
    """Return touches of records that were written after one of them and before a transaction, in that order."""
    return await connection.fetch(_WRITTEN_BETWEEN, ids, *after, before, limit)


async def forget_heard(connection: Connection, kinds: Sequence[str]) -> None:
    """Delete the touches of some kinds, which other services told of."""
    await connection.execute(_FORGET_HEARD, kinds)


async def erase(connection: Connection, ids: Sequence[str]) -> int:
    """Delete the touches of records; return how many there were."""
    return deleted(await connection.execute(_ERASE, ids))


async def collect(connection: Connection, ids: Sequence[str]) -> list[Record]:
    """Return every touch of records, oldest first."""
    return await connection.fetch(_COLLECT, ids)


def deleted(status: str) -> int:
    """Return the number of rows in the status of a statement, such as `DELETE 3`."""
    return affected(status)

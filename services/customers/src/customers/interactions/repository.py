"""Every query on interactions."""

# ruff: noqa: S608 - statements are put together from the constants of this module only

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from asyncpg import Record

from customers.timeline.repository import deleted
from shared.database.pool import Connection
from shared.database.rows import transposed

_FACTS = "channel, direction, journey_stage, sentiment, subject, text, occurred_at, attributes"
_GIVEN = f"id, external_id, customer_id, customer_external_id, kind, {_FACTS}"


def _facts_of(table: str) -> str:
    return ", ".join(f"{table}.{name}" for name in _FACTS.split(", "))


# One round trip, whatever of it is new: the customer is found, the interaction written or replaced, its touch beside it. In the
# order of the external ids, so that two batches never wait for each other in a circle.
_RECORD = f"""
WITH given AS (
    SELECT t.id, t.external_id, coalesce(c.id, e.id) AS customer_id, t.kind, t.channel, t.direction, t.journey_stage, t.sentiment,
           t.subject, t.text, t.occurred_at, t.attributes::jsonb AS attributes
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
                $10::text[], $11::text[], $12::timestamptz[], $13::text[]) AS t ({_GIVEN})
    LEFT JOIN customers AS c ON c.id = t.customer_id AND c.root_id IS NOT NULL
    LEFT JOIN customers AS e ON e.external_id = t.customer_external_id AND e.root_id IS NOT NULL
), written AS (
    INSERT INTO interactions AS present (id, external_id, customer_id, kind, {_FACTS})
    SELECT given.id, given.external_id, k.id, given.kind, {_facts_of("given")}
    FROM given JOIN customers AS k ON k.id = given.customer_id AND k.root_id IS NOT NULL
    ORDER BY given.external_id FOR KEY SHARE OF k
    ON CONFLICT (external_id) DO UPDATE
    SET version = present.version + 1, updated_at = now(), ({_FACTS}) = ROW ({_facts_of("excluded")})
    WHERE (present.customer_id, present.kind) = (excluded.customer_id, excluded.kind)
      AND ({_facts_of("present")}) IS DISTINCT FROM ({_facts_of("excluded")})
    RETURNING id, version, external_id, customer_id, kind, channel, direction, journey_stage, sentiment, subject, occurred_at, created_at
), touched AS (
    INSERT INTO touches AS present (id, customer_id, kind, channel, journey_stage, sentiment, occurred_at, source_id, summary)
    SELECT 'tch_' || substr(id, 5), customer_id, kind, channel, journey_stage, sentiment, occurred_at, id,
           jsonb_strip_nulls(jsonb_build_object('subject', subject, 'direction', direction))
    FROM written
    ON CONFLICT (kind, source_id) DO UPDATE
    SET channel = excluded.channel, journey_stage = excluded.journey_stage, sentiment = excluded.sentiment,
        occurred_at = excluded.occurred_at, summary = excluded.summary, written_in = excluded.written_in
)
SELECT given.id AS given_id, given.customer_id, written.id, written.version, written.created_at
FROM given LEFT JOIN written
    ON coalesce('e' || written.external_id, 'i' || written.id) = coalesce('e' || given.external_id, 'i' || given.id)
"""
_PRESENT = "SELECT external_id, id, customer_id, kind FROM interactions WHERE external_id = ANY($1::text[])"
_GET = f"""
SELECT i.id, i.version, i.external_id, i.customer_id, c.external_id AS customer_external_id, i.kind, {_facts_of("i")},
       i.created_at, i.updated_at
FROM interactions AS i JOIN customers AS c ON c.id = i.customer_id WHERE i.id = $1
"""
_ERASE = "DELETE FROM interactions WHERE customer_id = ANY($1::text[])"
_COLLECT = "SELECT * FROM interactions WHERE customer_id = ANY($1::text[]) ORDER BY occurred_at, id"


class New(NamedTuple):
    """An interaction to be written, in the order of the statement's parameters."""

    id: str
    external_id: str | None
    customer_id: str | None
    customer_external_id: str | None
    kind: str
    channel: str | None
    direction: str | None
    journey_stage: str | None
    sentiment: str | None
    subject: str | None
    text: str | None
    occurred_at: datetime
    attributes: dict[str, Any]


class StoredInteraction(NamedTuple):
    """An interaction as the table holds it."""

    id: str
    version: int
    external_id: str | None
    customer_id: str
    customer_external_id: str | None
    kind: str
    channel: str | None
    direction: str | None
    journey_stage: str | None
    sentiment: str | None
    subject: str | None
    text: str | None
    occurred_at: datetime
    attributes: dict[str, Any]
    created_at: datetime
    updated_at: datetime


async def record(connection: Connection, interactions: Sequence[New]) -> dict[str, Record]:
    """Write interactions; return by their new ids what became of each.

    A row has `customer_id` (None when there is none), and `id`, `version`, `created_at` of what was written (None where nothing
    was: the customer is unknown, the same is there already, or the external id belongs to another's).
    """
    rows = [(*each[:-1], orjson.dumps(each.attributes).decode()) for each in interactions]
    found = await connection.fetch(_RECORD, *transposed(rows))
    return {row["given_id"]: row for row in found}


async def present(connection: Connection, external_ids: Sequence[str]) -> dict[str, Record]:
    """Return id, customer and kind of the interactions with these external ids."""
    return {row["external_id"]: row for row in await connection.fetch(_PRESENT, external_ids)}


async def get(connection: Connection, interaction_id: str) -> StoredInteraction | None:
    """Return an interaction."""
    row = await connection.fetchrow(_GET, interaction_id)
    return row and StoredInteraction(*row)


async def erase(connection: Connection, ids: Sequence[str]) -> int:
    """Delete the interactions of records; return how many there were."""
    return deleted(await connection.execute(_ERASE, ids))


async def collect(connection: Connection, ids: Sequence[str]) -> list[Record]:
    """Return every interaction of records, oldest first."""
    return await connection.fetch(_COLLECT, ids)

"""Every query on stages."""

# ruff: noqa: S608 - statements are put together from the constants of this module only

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from asyncpg import Record

from customers.stages.rules import LIFECYCLE, Move, Place, State
from shared.database.pool import Connection
from shared.database.rows import affected, transposed

_RANK = "array_position(ARRAY[{}], s.lifecycle)".format(", ".join(f"'{stage}'" for stage in LIFECYCLE))
_PLACES = "lifecycle, lifecycle_entered_at, lifecycle_reason, journey, journey_entered_at, journey_reason"
# In the order of the ids, so that two batches never wait for each other in a circle; not for who is erased.
_KNOW = """
INSERT INTO customer_stages (customer_id)
SELECT id FROM customers WHERE id = ANY($1::text[]) AND root_id IS NOT NULL ORDER BY id
ON CONFLICT DO NOTHING
"""
_LOCK = f"""
SELECT s.customer_id, s.version, {_PLACES} FROM customer_stages AS s JOIN customers AS c ON c.id = s.customer_id
WHERE s.customer_id = ANY($1::text[]) AND c.root_id IS NOT NULL
ORDER BY s.customer_id FOR UPDATE OF s
"""
_STATES = f"SELECT customer_id, version, {_PLACES} FROM customer_stages WHERE customer_id = ANY($1::text[])"
# Of the orders that count: the second day on which he bought, whether he bought of a category for the first time in two years, and what
# he spent in the year before and in that before it.
_PURCHASES = """
SELECT t.place, days.second_at,
    EXISTS (
        SELECT FROM jsonb_array_elements_text(t.categories::jsonb) AS bought (category) WHERE NOT EXISTS (
            SELECT FROM orders AS o JOIN order_lines AS l ON l.order_id = o.id
            WHERE o.customer_id = t.customer_id AND o.placed_at < t.placed_at AND o.placed_at >= t.placed_at - interval '2 years'
                AND o.status <> 'cancelled' AND l.category = bought.category
        )
    ) AS new_category,
    spent.last_minor, spent.before_minor
FROM unnest($1::integer[], $2::text[], $3::timestamptz[], $4::text[], $5::text[]) AS t (place, customer_id, placed_at, currency, categories)
CROSS JOIN LATERAL (
    SELECT min(o.placed_at) AS second_at FROM orders AS o
    WHERE o.customer_id = t.customer_id AND o.status <> 'cancelled' AND o.placed_at >= (
        SELECT date_trunc('day', min(f.placed_at), 'UTC') + interval '1 day' FROM orders AS f
        WHERE f.customer_id = t.customer_id AND f.status <> 'cancelled'
    )
) AS days
CROSS JOIN LATERAL (
    SELECT sum(o.amount_minor - o.returned_total_minor) FILTER (WHERE o.placed_at > t.placed_at - interval '1 year') AS last_minor,
        sum(o.amount_minor - o.returned_total_minor) FILTER (WHERE o.placed_at <= t.placed_at - interval '1 year') AS before_minor
    FROM orders AS o
    WHERE o.customer_id = t.customer_id AND o.status <> 'cancelled' AND o.currency = t.currency
        AND o.placed_at <= t.placed_at AND o.placed_at > t.placed_at - interval '2 years'
) AS spent
"""
_ENTER = """
UPDATE customer_stages AS s
SET version = t.version, lifecycle = t.lifecycle, lifecycle_entered_at = t.lifecycle_entered_at, lifecycle_reason = t.lifecycle_reason,
    journey = t.journey, journey_entered_at = t.journey_entered_at, journey_reason = t.journey_reason,
    shown_lifecycle = t.lifecycle, shown_journey = t.journey
FROM unnest($1::text[], $2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::timestamptz[], $8::text[])
    AS t (customer_id, version, lifecycle, lifecycle_entered_at, lifecycle_reason, journey, journey_entered_at, journey_reason)
WHERE s.customer_id = t.customer_id
"""
# The furthest of a family's records on the lifecycle, the last to move on the journey.
_SHOW = f"""
WITH asked AS (
    SELECT DISTINCT root_id FROM customers WHERE id = ANY($1::text[]) AND root_id IS NOT NULL AND ($2 OR root_id <> id OR family_size > 1)
), members AS (
    SELECT root_id, root_id AS id FROM asked
    UNION ALL
    SELECT m.root_id, m.id FROM asked JOIN customers AS m USING (root_id) WHERE m.merged_into IS NOT NULL
), best AS (
    SELECT members.root_id, (array_agg(s.lifecycle ORDER BY {_RANK} DESC NULLS LAST))[1] AS lifecycle,
        (array_agg(s.journey ORDER BY s.journey_entered_at DESC NULLS LAST))[1] AS journey
    FROM members JOIN customer_stages AS s ON s.customer_id = members.id GROUP BY members.root_id
)
INSERT INTO customer_stages AS present (customer_id, shown_lifecycle, shown_journey)
SELECT id, CASE WHEN id = root_id THEN lifecycle END, CASE WHEN id = root_id THEN journey END FROM members JOIN best USING (root_id)
ORDER BY id
ON CONFLICT (customer_id) DO UPDATE SET shown_lifecycle = excluded.shown_lifecycle, shown_journey = excluded.shown_journey
WHERE (present.shown_lifecycle, present.shown_journey) IS DISTINCT FROM (excluded.shown_lifecycle, excluded.shown_journey)
"""
_LEAVE = """
UPDATE stage_moves AS m SET left_at = t.at, entered_at = least(m.entered_at, t.at)
FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS t (customer_id, track, at)
WHERE m.customer_id = t.customer_id AND m.track = t.track AND m.left_at IS NULL
"""
_MOVES = "customer_id, number, track, stage, previous, entered_at, reason, actor, explanation, left_at"
_MOVE = f"""
INSERT INTO stage_moves ({_MOVES})
SELECT {_MOVES} FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[], $8::text[],
    $9::text[], $10::timestamptz[]) AS t ({_MOVES})
"""
HISTORY = f"""
SELECT m.* FROM unnest($1::text[]) AS record (id) CROSS JOIN LATERAL (
    SELECT {_MOVES} FROM stage_moves WHERE customer_id = record.id {{beyond}} ORDER BY entered_at DESC, number DESC LIMIT $2
) AS m
ORDER BY entered_at DESC, number DESC, customer_id DESC LIMIT $2
"""
_FIRST_HISTORY = HISTORY.format(beyond="")
_NEXT_HISTORY = HISTORY.format(beyond="AND (entered_at, number, customer_id) < ($3, $4, $5)")
_COUNTS = """
SELECT 'lifecycle' AS track, shown_lifecycle AS stage, count(*) AS customers FROM customer_stages
WHERE shown_lifecycle IS NOT NULL GROUP BY shown_lifecycle
UNION ALL
SELECT 'journey', shown_journey, count(*) FROM customer_stages WHERE shown_journey IS NOT NULL GROUP BY shown_journey
"""
_MEDIANS = """
SELECT track, stage, percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM left_at - entered_at)) AS seconds, count(*) AS ended
FROM stage_moves WHERE track = $1 AND left_at >= $2 AND left_at < $3 GROUP BY track, stage
"""
_FLOWS = """
SELECT previous, stage, count(*) AS moves FROM stage_moves WHERE track = $1 AND entered_at >= $2 AND entered_at < $3
GROUP BY previous, stage ORDER BY moves DESC, previous, stage
"""
_RULES = "SELECT version, rules, set_at, set_by FROM stage_rules ORDER BY version DESC LIMIT 1"
_SET_RULES = """
INSERT INTO stage_rules (version, rules, set_by) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING version, rules, set_at, set_by
"""
_HEARD = "SELECT stream, sequence FROM stages_heard WHERE stream = ANY($1::text[])"
_REMEMBER_HEARD = """
INSERT INTO stages_heard AS h (stream, sequence) SELECT stream, sequence FROM aggregate_versions WHERE consumer = $1
ON CONFLICT (stream) DO UPDATE SET sequence = excluded.sequence WHERE excluded.sequence > h.sequence
"""
_ERASE = (
    "DELETE FROM stage_moves WHERE customer_id = ANY($1::text[])",
    "DELETE FROM customer_stages WHERE customer_id = ANY($1::text[])",
)
_COLLECT = f"SELECT {_MOVES} FROM stage_moves WHERE customer_id = ANY($1::text[]) ORDER BY customer_id, number"


async def lock(connection: Connection, ids: Sequence[str]) -> list[State]:
    """Return where records are, which nobody else moves until the transaction ends; unknown and erased ones are left out."""
    await connection.execute(_KNOW, ids)
    return [_state(row) for row in await connection.fetch(_LOCK, ids)]


async def states(connection: Connection, ids: Sequence[str]) -> list[State]:
    """Return where records are."""
    return [_state(row) for row in await connection.fetch(_STATES, ids)]


async def purchases(connection: Connection, rows: Sequence[tuple[int, str, datetime, str, str]]) -> list[Record]:
    """Return what orders mean; each row is place, customer, moment, currency and categories as JSON."""
    return await connection.fetch(_PURCHASES, *transposed(rows))


async def write(connection: Connection, after: Sequence[State], moves: Sequence[Move]) -> None:
    """Write where locked records are now, and how they came there."""
    await connection.execute(_ENTER, *transposed(_row(state) for state in after))
    await connection.execute(_SHOW, [state.customer_id for state in after], False)
    left: dict[tuple[str, str], datetime] = {}
    ends: list[datetime | None] = []
    for move in reversed(moves):
        ends.append(left.get((move.customer_id, move.track)))
        left[move.customer_id, move.track] = move.entered_at
    await connection.execute(_LEAVE, *transposed((*key, at) for key, at in left.items()))
    await connection.execute(_MOVE, *transposed((*move, end) for move, end in zip(moves, reversed(ends), strict=True)))


async def show(connection: Connection, ids: Sequence[str]) -> None:
    """Work out again where the customers are whom records stand for, after these were merged or are their own again."""
    await connection.execute(_SHOW, ids, True)


async def history(connection: Connection, ids: Sequence[str], after: tuple[Any, ...] | None, limit: int) -> list[Record]:
    """Return the moves of records, newest first, after a sort key."""
    return await connection.fetch(_FIRST_HISTORY if after is None else _NEXT_HISTORY, ids, limit, *(after or ()))


async def counts(connection: Connection) -> list[Record]:
    """Return how many customers are in each stage."""
    return await connection.fetch(_COUNTS)


async def medians(connection: Connection, track: str, starts_at: datetime, ends_at: datetime) -> list[Record]:
    """Return how long the stages that ended in a period had lasted."""
    return await connection.fetch(_MEDIANS, track, starts_at, ends_at)


async def flows(connection: Connection, track: str, starts_at: datetime, ends_at: datetime) -> list[Record]:
    """Return how many moved in a period, by where from and where to."""
    return await connection.fetch(_FLOWS, track, starts_at, ends_at)


async def rules(connection: Connection) -> Record | None:
    """Return the rules that were set last, or None when none ever were."""
    return await connection.fetchrow(_RULES)


async def set_rules(connection: Connection, version: int, values: list[Any], actor: str) -> Record | None:
    """Set the rules of a version, or return None when somebody else did."""
    return await connection.fetchrow(_SET_RULES, version, values, actor)


async def heard(connection: Connection, streams: Sequence[str]) -> dict[str, int]:
    """Return how far streams were heard before a rebuild, those of which anything was."""
    return dict(await connection.fetch(_HEARD, streams))


async def remember_heard(connection: Connection, consumer: str) -> None:
    """Remember how far every stream was heard by a consumer."""
    await connection.execute(_REMEMBER_HEARD, consumer)


async def erase(connection: Connection, ids: Sequence[str]) -> tuple[int, int]:
    """Delete the moves and places of records; return how many of each."""
    moves, places = [affected(await connection.execute(statement, ids)) for statement in _ERASE]
    return moves, places


async def collect(connection: Connection, ids: Sequence[str]) -> list[Record]:
    """Return all moves of records."""
    return await connection.fetch(_COLLECT, ids)


def _state(row: Record) -> State:
    _, version, *columns = row
    places = {"lifecycle": columns[:3], "journey": columns[3:]}
    return State(row["customer_id"], version, {track: Place(*place) for track, place in places.items() if place[0] is not None})


def _row(state: State) -> tuple[Any, ...]:
    nowhere = (None, None, None)
    return (state.customer_id, state.version, *state.places.get("lifecycle", nowhere), *state.places.get("journey", nowhere))

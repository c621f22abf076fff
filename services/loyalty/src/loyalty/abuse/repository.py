"""Every query of limits, freezes and reviews."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from asyncpg import Record

from shared.database.pool import Connection
from shared.database.rows import affected
from shared.http.pagination import SortKey
from shared.ids import new_id

_GUARD = "SELECT verdict, limit_id, on_exceed, retry_after_seconds FROM guard_action($1, $2, $3, $4, $5, $6, $7, $8)"
_FORGET_ACTIVITIES = """
DELETE FROM activities WHERE id IN (
    SELECT id FROM activities WHERE occurred_at < clock_timestamp() - interval '31 days' LIMIT $1
)
"""

_LIMIT = "id, version, name, action, subject, measure, window_seconds, maximum, on_exceed, is_active, created_at"
_ADD_LIMIT = f"""
INSERT INTO velocity_limits (id, name, action, subject, measure, window_seconds, maximum, on_exceed)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING {_LIMIT}
"""  # noqa: S608 (names of columns only)
_GET_LIMIT = f"SELECT {_LIMIT} FROM velocity_limits WHERE id = $1"  # noqa: S608
_LOCK_LIMIT = f"{_GET_LIMIT} FOR UPDATE"
_LIMITS = f"SELECT {_LIMIT} FROM velocity_limits WHERE (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $1"  # noqa: S608
_CHANGE_LIMIT = f"""
UPDATE velocity_limits SET version = version + 1, name = $2, maximum = $3, window_seconds = $4, on_exceed = $5, is_active = $6
WHERE id = $1 RETURNING {_LIMIT}
"""  # noqa: S608

_FREEZE = "id, customer_id, earning, reason, frozen_by, frozen_at, unfreeze_reason, unfrozen_by, unfrozen_at"
# Who was erased is not frozen: an erasure waits for this statement, or this one sees the tombstone.
_ADD_FREEZE = f"""
INSERT INTO member_freezes (id, customer_id, earning, reason, frozen_by)
SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS (SELECT FROM erased_customers WHERE customer_id = $2 FOR KEY SHARE)
ON CONFLICT (customer_id) WHERE unfrozen_at IS NULL DO NOTHING RETURNING {_FREEZE}
"""  # noqa: S608
_END_FREEZES = f"""
UPDATE member_freezes SET unfreeze_reason = $2, unfrozen_by = $3, unfrozen_at = clock_timestamp()
WHERE customer_id = ANY (family_of($1)) AND unfrozen_at IS NULL RETURNING {_FREEZE}
"""  # noqa: S608
_FREEZES = f"""
SELECT {_FREEZE} FROM member_freezes WHERE customer_id = ANY (family_of($1)) AND (frozen_at, id) < ($3, $4)
ORDER BY frozen_at DESC, id DESC LIMIT $2
"""  # noqa: S608
_IS_FROZEN = "SELECT EXISTS (SELECT FROM member_freezes WHERE customer_id = ANY (family_of($1)) AND unfrozen_at IS NULL)"

_EARNING_WAITS = """
SELECT EXISTS (
    SELECT FROM member_freezes WHERE customer_id = ANY (family_of($1)) AND unfrozen_at IS NULL AND earning = 'waits'
)
"""

_REVIEW = """
id, version, kind, subject_id, customer_id, partner_id, reasons, score, points, state, opened_at, decided_by, decided_at, decision_reason
"""
_OPEN = f"""
INSERT INTO reviews (id, kind, subject_id, customer_id, partner_id, reasons, score, points)
SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE NOT EXISTS (SELECT FROM erased_customers WHERE customer_id = $4 FOR KEY SHARE)
ON CONFLICT (kind, subject_id) WHERE state = 'open' DO NOTHING RETURNING {_REVIEW}
"""  # noqa: S608
_FIND_OPEN = f"SELECT {_REVIEW} FROM reviews WHERE kind = $1 AND subject_id = $2 AND state = 'open'"  # noqa: S608
_GET_REVIEW = f"SELECT {_REVIEW} FROM reviews WHERE id = $1"  # noqa: S608
_LOCK_REVIEW = f"{_GET_REVIEW} FOR UPDATE"
_DECIDE = f"""
UPDATE reviews SET version = version + 1, state = $2, decided_by = $3, decision_reason = $4, decided_at = clock_timestamp()
WHERE id = $1 RETURNING {_REVIEW}
"""  # noqa: S608
_ADD_POINTS = "UPDATE reviews SET points = coalesce(points, 0) + $2 WHERE id = $1"

_ERASE: Mapping[str, str] = {
    "activities": "DELETE FROM activities WHERE subject = 'member' AND subject_id = ANY ($1)",
    "member_freezes": """
        UPDATE member_freezes SET reason = NULL, unfreeze_reason = NULL,
            unfrozen_by = coalesce(unfrozen_by, 'erasure'), unfrozen_at = coalesce(unfrozen_at, clock_timestamp())
        WHERE customer_id = ANY ($1)
    """,
    "withheld_events": """
        UPDATE withheld_events SET payload = '{}', state = CASE state WHEN 'waiting' THEN 'refused' ELSE state END
        WHERE customer_id = ANY ($1) AND payload <> '{}'
    """,
    "reviews": "UPDATE reviews SET decision_reason = NULL WHERE customer_id = ANY ($1) AND decision_reason IS NOT NULL",
}
_OPEN_OF = "SELECT id FROM reviews WHERE customer_id = ANY ($1) AND state = 'open' ORDER BY id FOR UPDATE"
_COLLECT: Mapping[str, str] = {
    "member_freezes": """
        SELECT id, customer_id, earning, reason, frozen_at, unfreeze_reason, unfrozen_at FROM member_freezes
        WHERE customer_id = ANY ($1) ORDER BY frozen_at
    """,
    "reviews": """
        SELECT id, kind, customer_id, reasons, score, points, state, opened_at, decided_at, decision_reason FROM reviews
        WHERE customer_id = ANY ($1) ORDER BY opened_at
    """,
    "withheld_events": """
        SELECT customer_id, order_id, type, payload, state FROM withheld_events WHERE customer_id = ANY ($1) ORDER BY position
    """,
    "activities": """
        SELECT action, points, occurred_at FROM activities WHERE subject = 'member' AND subject_id = ANY ($1) ORDER BY occurred_at
    """,
}


class Verdict(NamedTuple):
    """Why somebody may not do something now; `frozen`, or `exceeded` with the limit."""

    verdict: str
    limit_id: str | None
    on_exceed: str | None
    retry_after_seconds: float | None


async def guard(
    connection: Connection,
    action: str,
    customer_id: str | None,
    caller: str | None,
    partner_id: str | None,
    points: int,
    *,
    is_wide: bool,
    is_counted: bool,
    spends: bool,
) -> Verdict | None:
    """Return why something may not be done now, or None, and then it counts."""
    row = await connection.fetchrow(_GUARD, action, customer_id, caller, partner_id, points, is_wide, is_counted, spends)
    return Verdict(*row) if row is not None else None


async def forget_activities(connection: Connection, many: int) -> int:
    """Delete up to so many activities that no window reaches any more; return how many."""
    return affected(await connection.execute(_FORGET_ACTIVITIES, many))


async def add_limit(connection: Connection, values: Sequence[Any]) -> Record:
    """Add a limit; values: name, action, subject, measure, window, maximum, what happens beyond it."""
    row = await connection.fetchrow(_ADD_LIMIT, new_id("lim"), *values)
    assert row is not None
    return row


async def limit(connection: Connection, limit_id: str, *, lock: bool = False) -> Record | None:
    """Return a limit, locked if asked."""
    return await connection.fetchrow(_LOCK_LIMIT if lock else _GET_LIMIT, limit_id)


async def limits(connection: Connection, fetch: int, after: SortKey) -> list[Record]:
    """Return limits, oldest first."""
    return await connection.fetch(_LIMITS, fetch, *after)


async def change_limit(connection: Connection, limit_id: str, values: Sequence[Any]) -> Record:
    """Write what may be changed of a limit: name, maximum, window, what happens beyond it, whether it counts."""
    row = await connection.fetchrow(_CHANGE_LIMIT, limit_id, *values)
    assert row is not None
    return row


async def freeze(connection: Connection, customer_id: str, earning: str, reason: str, caller: str) -> Record | None:
    """Freeze a member; None when he is frozen already, or erased."""
    return await connection.fetchrow(_ADD_FREEZE, new_id("frz"), customer_id, earning, reason, caller)


async def unfreeze(connection: Connection, customer_id: str, reason: str, caller: str) -> list[Record]:
    """End the freezes of a member and his family; return them."""
    return await connection.fetch(_END_FREEZES, customer_id, reason, caller)


async def freezes(connection: Connection, customer_id: str, fetch: int, after: SortKey) -> list[Record]:
    """Return when a member was frozen, newest first."""
    return await connection.fetch(_FREEZES, customer_id, fetch, *after)


async def is_frozen(connection: Connection, customer_id: str) -> bool:
    """Return whether a member or one of his family is frozen."""
    return bool(await connection.fetchval(_IS_FROZEN, customer_id))


async def earning_waits(connection: Connection, customer_id: str) -> bool:
    """Return whether what a member earns has to wait, because he or one of his family is frozen."""
    return bool(await connection.fetchval(_EARNING_WAITS, customer_id))


async def open_review(connection: Connection, values: Sequence[Any]) -> tuple[Record | None, bool]:
    """Open a review, unless one of its kind and subject is open; return it, and whether it is new. None of an erased customer's.

    Args:
        connection: inside the caller's transaction.
        values: kind, subject, customer, partner, reasons, score, points.
    """
    row = await connection.fetchrow(_OPEN, new_id("rvw"), *values)
    if row is not None:
        return row, True
    return await connection.fetchrow(_FIND_OPEN, values[0], values[1]), False


async def review(connection: Connection, review_id: str, *, lock: bool = False) -> Record | None:
    """Return a review, locked if asked."""
    return await connection.fetchrow(_LOCK_REVIEW if lock else _GET_REVIEW, review_id)


async def add_points(connection: Connection, review_id: str, points: int) -> None:
    """Let more points wait for a review."""
    await connection.execute(_ADD_POINTS, review_id, points)


async def decide(connection: Connection, review_id: str, state: str, caller: str, reason: str | None) -> Record:
    """Keep what was decided, by whom and why."""
    row = await connection.fetchrow(_DECIDE, review_id, state, caller, reason)
    assert row is not None
    return row


def page_statement(filters: Sequence[str]) -> str:
    """Return the statement of a page of reviews, oldest first; the first two parameters after the limit are the cursor's."""
    wanted = "".join(f" AND {name} = ${number}" for number, name in enumerate(filters, 4))
    return f"SELECT {_REVIEW} FROM reviews WHERE (opened_at, id) > ($2, $3){wanted} ORDER BY opened_at, id LIMIT $1"  # noqa: S608


async def reviews(connection: Connection, fetch: int, after: SortKey, filters: Mapping[str, str]) -> list[Record]:
    """Return reviews, oldest first; filters: columns and the values that they must have."""
    return await connection.fetch(page_statement(tuple(filters)), fetch, *after, *filters.values())


async def open_reviews_of(connection: Connection, customer_ids: Sequence[str]) -> list[str]:
    """Return the ids of the reviews of customers that are open, locked."""
    return [row["id"] for row in await connection.fetch(_OPEN_OF, customer_ids)]


async def erase(connection: Connection, customer_ids: Sequence[str]) -> dict[str, int]:
    """Delete or blank what is kept of customers; return how much, by kind of record."""
    return {name: affected(await connection.execute(statement, customer_ids)) for name, statement in _ERASE.items()}


async def collect(connection: Connection, customer_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what is kept of customers, by kind of record."""
    return {name: [dict(row) for row in await connection.fetch(statement, customer_ids)] for name, statement in _COLLECT.items()}

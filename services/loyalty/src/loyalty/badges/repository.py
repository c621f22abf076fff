"""Every query of badges."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import asyncpg

from loyalty.badges.errors import BadgeExists
from shared.database.pool import Connection
from shared.database.rows import affected, transposed
from shared.http.pagination import SortKey
from shared.ids import new_id

_VIEW = "SELECT code, name, description, image_url, tier, version, created_at FROM badges WHERE programme_id = $1"
_PAGE = f"{_VIEW} AND code > $2 ORDER BY code LIMIT $3"
_FIND = f"{_VIEW} AND code = $2"
_OF_TIERS = "SELECT code, tier FROM badges WHERE programme_id = $1 AND tier = ANY ($2)"
_INSERT = "INSERT INTO badges (programme_id, code, name, description, image_url, tier) VALUES ($1, $2, $3, $4, $5, $6)"
_CHANGE = """
UPDATE badges SET version = version + 1,
    name = CASE WHEN $3 ? 'name' THEN $3 -> 'name' ELSE name END,
    description = CASE WHEN $3 ? 'description' THEN nullif($3 -> 'description', 'null') ELSE description END,
    image_url = CASE WHEN $3 ? 'image_url' THEN $3 ->> 'image_url' ELSE image_url END,
    tier = CASE WHEN $3 ? 'tier' THEN $3 ->> 'tier' ELSE tier END
WHERE programme_id = $1 AND code = $2
"""
# Nobody gets one twice, nor one that another of his family has; a badge that is not there any more is left out.
_AWARD = """
INSERT INTO badge_awards (id, programme_id, badge, customer_id, source, source_id, reason, awarded_at)
SELECT id, $1, badge, customer_id, source, source_id, reason, awarded_at
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[])
    AS told (id, badge, customer_id, source, source_id, reason, awarded_at)
WHERE EXISTS (SELECT FROM badges WHERE programme_id = $1 AND code = badge) AND NOT EXISTS (
    SELECT FROM badge_awards AS own WHERE own.customer_id = ANY (family_of(told.customer_id)) AND own.programme_id = $1
    AND own.badge = told.badge AND revoked_at IS NULL
)
ON CONFLICT DO NOTHING RETURNING id, badge, customer_id, source, awarded_at
"""
_REVOKE = """
UPDATE badge_awards SET revoked_at = clock_timestamp()
WHERE revoked_at IS NULL AND source_id = ANY ($1) AND source = 'challenge' RETURNING id, badge, customer_id, revoked_at
"""
_TAKE = """
UPDATE badge_awards SET revoked_at = clock_timestamp()
WHERE revoked_at IS NULL AND customer_id = ANY (family_of($2)) AND programme_id = $1 AND badge = $3
RETURNING id, badge, customer_id, revoked_at
"""
# Of a badge that several of a family have, the first.
_OF_MEMBER = """
SELECT * FROM (
    SELECT DISTINCT ON (badge) badge_awards.id, badge, name, image_url, source, awarded_at
    FROM badge_awards JOIN badges ON (badges.programme_id, code) = (badge_awards.programme_id, badge)
    WHERE customer_id = ANY (family_of($2)) AND badge_awards.programme_id = $1 AND revoked_at IS NULL
    ORDER BY badge, awarded_at, badge_awards.id
) AS own WHERE (awarded_at, id) < ($4, $5) ORDER BY awarded_at DESC, id DESC LIMIT $3
"""
_ERASE = "DELETE FROM badge_awards WHERE customer_id = ANY ($1)"
_COLLECT = """
SELECT programme_id, badge, customer_id, source, reason, awarded_at, revoked_at FROM badge_awards
WHERE customer_id = ANY ($1) ORDER BY awarded_at
"""
_LAST = datetime(9999, 1, 1, tzinfo=UTC)


class BadgeRow(NamedTuple):
    """A badge."""

    code: str
    name: dict[str, str]
    description: dict[str, str] | None
    image_url: str | None
    tier: str | None
    version: int
    created_at: datetime


class NewAward(NamedTuple):
    """A badge that somebody is to get."""

    badge: str
    customer_id: str
    source: str
    source_id: str | None
    reason: str | None
    awarded_at: datetime


async def page(connection: Connection, programme_id: str, limit: int, after: SortKey | None) -> list[BadgeRow]:
    """Return badges by code, those after this one."""
    return [BadgeRow(*row) for row in await connection.fetch(_PAGE, programme_id, *(after or ("",)), limit)]


async def find(connection: Connection, programme_id: str, code: str) -> BadgeRow | None:
    """Return a badge, or None."""
    row = await connection.fetchrow(_FIND, programme_id, code)
    return BadgeRow(*row) if row is not None else None


async def of_tiers(connection: Connection, programme_id: str, tiers: Sequence[str]) -> list[tuple[str, str]]:
    """Return the badges that tiers give, with the tier."""
    return [tuple(row) for row in await connection.fetch(_OF_TIERS, programme_id, tiers)]


async def insert(connection: Connection, programme_id: str, badge: Mapping[str, Any]) -> None:
    """Keep a new badge.

    Raises:
        BadgeExists: another has its code.
    """
    values = [badge[name] for name in ("code", "name", "description", "image_url", "tier")]
    try:
        await connection.execute(_INSERT, programme_id, *values)
    except asyncpg.UniqueViolationError as error:
        raise BadgeExists from error


async def change(connection: Connection, programme_id: str, code: str, changes: Mapping[str, Any]) -> None:
    """Change the fields named of a badge."""
    await connection.execute(_CHANGE, programme_id, code, dict(changes))


async def award(connection: Connection, programme_id: str, awards: Sequence[NewAward]) -> list[asyncpg.Record]:
    """Give badges to whoever does not have them; return what was given."""
    rows = [(new_id("bdg"), *one) for one in awards]
    return await connection.fetch(_AWARD, programme_id, *transposed(rows)) if rows else []


async def revoke(connection: Connection, source_ids: Sequence[str]) -> list[asyncpg.Record]:
    """Take back what completions gave; return what was taken."""
    return await connection.fetch(_REVOKE, source_ids)


async def take(connection: Connection, programme_id: str, customer_id: str, code: str) -> list[asyncpg.Record]:
    """Take a badge from a member and his family; return what was taken."""
    return await connection.fetch(_TAKE, programme_id, customer_id, code)


async def of_member(connection: Connection, programme_id: str, customer_id: str, limit: int, after: SortKey | None) -> list[asyncpg.Record]:
    """Return the badges of a member and his family, newest first, those after `(awarded_at, id)`."""
    return await connection.fetch(_OF_MEMBER, programme_id, customer_id, limit, *(after or (_LAST, "")))


async def erase(connection: Connection, customer_ids: list[str]) -> dict[str, int]:
    """Delete who had badges; return how many."""
    return {"badge_awards": affected(await connection.execute(_ERASE, customer_ids))}


async def collect(connection: Connection, customer_ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the badges of customers."""
    return {"badge_awards": [dict(row) for row in await connection.fetch(_COLLECT, customer_ids)]}

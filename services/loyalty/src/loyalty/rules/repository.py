"""Every query of rules."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from asyncpg import CheckViolationError, UniqueViolationError

from loyalty.rules.errors import PeriodInvalid, PublishedEarlier
from loyalty.rules.rules import Rule
from loyalty.rules.schemas import TERMS, rule_of
from shared.database.pool import Connection
from shared.http.pagination import SortKey

# A rule has few versions: all of them come at once.
_VIEW = """
SELECT rules.id, programme_id, name, rules.version, created_at, (
    SELECT jsonb_agg(jsonb_build_object(
        'version', told.version, 'terms', terms, 'effective_from', effective_from, 'effective_until', effective_until,
        'published_at', published_at, 'state', CASE WHEN published_at IS NULL THEN 'draft'
            WHEN effective_until <= clock_timestamp() THEN 'ended' ELSE 'published' END
    ) ORDER BY told.version DESC) FROM rule_versions AS told WHERE rule_id = rules.id
) AS versions
FROM rules
"""
_PAGE = f"{_VIEW} WHERE programme_id = $1 AND (created_at, id) > ($3, $4) ORDER BY created_at, id LIMIT $2"
_FIND = f"{_VIEW} WHERE id = $1"
_INSERT = """
WITH made AS (INSERT INTO rules (id, programme_id, name) VALUES ($1, $2, $3))
INSERT INTO rule_versions (rule_id, version, terms) VALUES ($1, 1, $4)
"""
_RENAME = "UPDATE rules SET name = coalesce($2, name), version = version + 1 WHERE id = $1"
_LOCK = "SELECT version FROM rules WHERE id = $1 FOR UPDATE"
_DRAFT = """
INSERT INTO rule_versions (rule_id, version, terms)
SELECT $1, coalesce(max(version) FILTER (WHERE published_at IS NOT NULL), 0) + 1, $2 FROM rule_versions WHERE rule_id = $1
ON CONFLICT (rule_id, version) DO UPDATE SET terms = excluded.terms
"""
_PUBLISH = """
UPDATE rule_versions SET published_at = clock_timestamp(), effective_from = coalesce($2, clock_timestamp()), effective_until = $3
WHERE rule_id = $1 AND published_at IS NULL RETURNING version, effective_from
"""
_LATER = """
SELECT EXISTS (SELECT FROM rule_versions WHERE rule_id = $1 AND version < $2 AND effective_from >= $3)
"""
_END = """
UPDATE rule_versions SET effective_until = $2 WHERE rule_id = $1 AND version = (
    SELECT max(version) FROM rule_versions WHERE rule_id = $1 AND published_at IS NOT NULL
) AND ($2::timestamptz IS NULL OR $2 > effective_from) RETURNING version
"""
_NAMED = """
SELECT rule_id, rule_versions.version, terms::text, effective_from, effective_until, programme_id
FROM rule_versions JOIN rules ON rules.id = rule_id
WHERE (rule_id, rule_versions.version) IN (SELECT * FROM unnest($1::text[], $2::int[]))
"""
_FIRST = datetime.fromisoformat("0001-01-02T00:00:00Z")
_VERSIONS_KEPT = 4_096


async def page(connection: Connection, programme_id: str, limit: int, after: SortKey | None) -> list[dict[str, Any]]:
    """Return rules in the order of their making, those after `(created_at, id)`."""
    return [dict(row) for row in await connection.fetch(_PAGE, programme_id, limit, *(after or (_FIRST, "")))]


async def find(connection: Connection, rule_id: str) -> dict[str, Any] | None:
    """Return a rule with its versions, or None."""
    row = await connection.fetchrow(_FIND, rule_id)
    return dict(row) if row is not None else None


async def lock(connection: Connection, rule_id: str) -> int | None:
    """Return the version of the row of a rule, locked; None when there is no such rule."""
    return await connection.fetchval(_LOCK, rule_id)


async def insert(connection: Connection, rule_id: str, programme_id: str, name: str, terms: Mapping[str, Any]) -> None:
    """Keep a new rule with its first draft."""
    await connection.execute(_INSERT, rule_id, programme_id, name, terms)


async def touch(connection: Connection, rule_id: str, name: str | None) -> None:
    """Count a change of a rule, and name it anew if wanted."""
    await connection.execute(_RENAME, rule_id, name)


async def draft(connection: Connection, rule_id: str, terms: Mapping[str, Any]) -> None:
    """Keep what the next version is to say."""
    await connection.execute(_DRAFT, rule_id, terms)


async def publish(connection: Connection, rule_id: str, effective_from: datetime | None, effective_until: datetime | None) -> bool:
    """Publish the draft of a rule; return whether there was one.

    Raises:
        PublishedEarlier: a version begins then or later already.
        PeriodInvalid: it would end before it begins.
    """
    try:
        row = await connection.fetchrow(_PUBLISH, rule_id, effective_from, effective_until)
    except UniqueViolationError as error:
        raise PublishedEarlier from error
    except CheckViolationError as error:
        raise PeriodInvalid(pointer="/effective_until") from error
    if row is not None and await connection.fetchval(_LATER, rule_id, row["version"], row["effective_from"]):
        raise PublishedEarlier
    return row is not None


async def end(connection: Connection, rule_id: str, effective_until: datetime | None) -> bool:
    """Let the published version of a rule end; return whether it can end then."""
    return await connection.fetchval(_END, rule_id, effective_until) is not None


async def named(connection: Connection, names: Sequence[str]) -> list[Rule]:
    """Return versions by their names, such as `rul_1@3`."""
    parts = [name.rsplit("@", 1) for name in names]
    rows = await connection.fetch(_NAMED, [rule_id for rule_id, _ in parts], [int(version) for _, version in parts])
    return [rule(*row) for row in rows]


@lru_cache(maxsize=_VERSIONS_KEPT)
def rule(rule_id: str, version: int, terms: str, effective_from: datetime, effective_until: datetime | None, programme_id: str) -> Rule:
    """Return the version of a rule that a row tells, read once a process."""
    return rule_of(rule_id, version, TERMS.validate_python(orjson.loads(terms)), effective_from, effective_until, programme_id)

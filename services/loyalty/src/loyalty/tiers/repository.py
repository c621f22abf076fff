"""Every query of tiers, of what counts for them, and of what is booked of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import asyncpg
import orjson

from loyalty.tiers.errors import TierExists
from loyalty.tiers.facts import Row
from loyalty.tiers.rules import EVER, Change, Scheme, Tier
from loyalty.tiers.steps import Kept, Sum, Window
from shared.database.pool import Connection
from shared.database.rows import transposed
from shared.http.pagination import SortKey
from shared.ids import new_id

_TIERS = """
SELECT code, name, rank, threshold, benefits, version, created_at
FROM tiers WHERE programme_id = $1 AND rank > $2::bigint ORDER BY rank LIMIT $3
"""
_TIER = "SELECT code, name, rank, threshold, benefits, version, created_at FROM tiers WHERE programme_id = $1 AND code = $2"
_INSERT = "INSERT INTO tiers (programme_id, code, name, rank, threshold, benefits) VALUES ($1, $2, $3, $4, $5, $6)"
_CHANGE = """
UPDATE tiers SET version = version + 1, name = coalesce($3, name), rank = coalesce($4, rank), threshold = coalesce($5, threshold),
    benefits = coalesce($6, benefits) WHERE programme_id = $1 AND code = $2
"""
_DELETE = "DELETE FROM tiers WHERE programme_id = $1 AND code = $2"
_LATEST = """
SELECT version, effective_from, zone, qualification FROM tier_schemes WHERE programme_id = $1 ORDER BY version DESC LIMIT 1
"""
# What an older version brought and is not booked yet comes with the new one.
_ADD_SCHEME = """
WITH overtaken AS (
    UPDATE tier_schemes SET is_booked = true WHERE programme_id = $1 AND NOT is_booked
)
INSERT INTO tier_schemes (programme_id, version, effective_from, zone, qualification, tiers)
SELECT id, $2, coalesce($3, clock_timestamp()), zone, $4, coalesce((
    SELECT jsonb_agg(jsonb_build_object('code', code, 'name', name, 'threshold', threshold, 'benefits', benefits) ORDER BY rank)
    FROM tiers WHERE programme_id = $1
), '[]') FROM programmes WHERE id = $1
"""
_SCHEMES = """
SELECT programme_id, version, effective_from, zone, qualification::text, tiers::text FROM tier_schemes
WHERE ($1::text IS NULL OR programme_id = $1) AND recorded_at <= $2
"""
_HISTORIES = "SELECT * FROM tier_histories($1, $2, $3, $4, $5, $6, $7)"
_LOCK = "SELECT * FROM lock_tier_standings($1, $2)"
_SUMS = "SELECT total, earned_at, moved_at, looked FROM tier_sums($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ORDER BY place"
_COUNT = """
UPDATE tier_standings SET counted = told.counted, counted_after = told.after, counted_upto = told.upto, moved_at = told.moved_at
FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[], $5::bigint[], $6::timestamptz[])
    AS told (customer_id, after, upto, counted, moved_at)
WHERE programme_id = $1 AND tier_standings.customer_id = told.customer_id
"""
_FALLS = """
SELECT tier_falls($1, $2, $3, customer, after, upto, $7) FROM unnest($4::text[], $5::timestamptz[], $6::timestamptz[])
    WITH ORDINALITY AS asked (customer, after, upto, place) ORDER BY place
"""
# Who has no row was never looked at. News that lie ahead change nothing before they come.
_KEPT = """
SELECT asked.id, family[1] AS root, clock_timestamp(), tier, since, steady_since, until, falls_to, coalesce(scheme_version, 0), told_tier,
    coalesce(sequence, 0), news_from, is_less, NOT is_less, EXISTS (
        SELECT FROM tier_overrides AS given WHERE given.customer_id = ANY (family) AND given.programme_id = $1
          AND coalesce(given.until, 'infinity') > least(news_from, clock_timestamp())
    ), CASE WHEN news_from IS NULL THEN counted WHEN NOT is_unknown THEN (counted + delta)::bigint END,
    counted_after, counted_upto, moved_at
FROM unnest($2::text[]) AS asked (id) CROSS JOIN LATERAL (SELECT family_of(asked.id) AS family OFFSET 0) AS own
LEFT JOIN tier_standings AS standing ON standing.programme_id = $1 AND standing.customer_id = family[1]
CROSS JOIN LATERAL (
    SELECT min(moment) AS news_from, bool_or(is_less) AS is_less, bool_or(delta IS NULL) AS is_unknown, coalesce(
        sum(delta) FILTER (WHERE moment <= clock_timestamp() AND counts_at > counted_after AND counts_at <= counted_upto), 0) AS delta
    FROM tier_news WHERE programme_id = $1 AND customer_id = ANY (family)
) AS news
"""
_BOOKED_OF = """
SELECT customer_id, changed_at, tier, previous, reason, scheme_version FROM tier_changes
WHERE programme_id = $1 AND customer_id = ANY ($2) AND superseded_at IS NULL ORDER BY changed_at, recorded_at
"""
_SUPERSEDE = """
UPDATE tier_changes SET superseded_at = clock_timestamp()
FROM unnest($2::text[], $3::timestamptz[]) AS gone (customer_id, changed_at)
WHERE tier_changes.programme_id = $1 AND (tier_changes.customer_id, tier_changes.changed_at) = (gone.customer_id, gone.changed_at)
  AND superseded_at IS NULL
"""
_BOOK = """
INSERT INTO tier_changes (id, programme_id, customer_id, tier, previous, changed_at, reason, scheme_version)
SELECT id, $1, customer_id, tier, previous, changed_at, reason, version
FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::int[])
    AS told (id, customer_id, changed_at, tier, previous, reason, version)
"""
_STAND = """
UPDATE tier_standings SET tier = told.tier, since = told.since, steady_since = told.steady_since, until = told.until,
    falls_to = told.falls_to, scheme_version = told.version, told_tier = told.tier, sequence = told.sequence,
    counted = CASE WHEN scheme_version = told.version THEN counted END
FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::text[], $8::int[], $9::bigint[])
    AS told (customer_id, tier, since, steady_since, until, falls_to, version, sequence)
WHERE tier_standings.programme_id = $1 AND tier_standings.customer_id = told.customer_id
"""
# Those who belong to somebody else now are looked at through him; of all of them nothing is known any more.
_FORGET = """
UPDATE tier_standings SET scheme_version = 0, counted = NULL, tier = CASE WHEN is_own THEN tier END,
    since = CASE WHEN is_own THEN since END, until = CASE WHEN is_own THEN until END, falls_to = CASE WHEN is_own THEN falls_to END
FROM (
    SELECT DISTINCT one AS id, one = (family_of(one))[1] AS is_own FROM unnest($1::text[]) AS asked, unnest(family_of(asked)) AS one
) AS own
WHERE customer_id = own.id
"""
_STANDING = """
SELECT tier, since, until, falls_to FROM tier_standings
WHERE programme_id = $1 AND customer_id = (family_of($2))[1] AND (until IS NULL OR until > clock_timestamp())
  AND scheme_version = (SELECT max(version) FROM tier_schemes WHERE programme_id = $1)
  AND NOT EXISTS (
      SELECT FROM tier_news AS news WHERE news.programme_id = $1 AND news.customer_id = ANY (family_of($2)) AND moment <= clock_timestamp()
  )
"""
_BOOKED = """
SELECT changed_at, tier, previous, reason, scheme_version, recorded_at FROM tier_changes
WHERE programme_id = $1 AND customer_id = (family_of($2))[1] AND superseded_at IS NULL ORDER BY changed_at, recorded_at
"""
_LOSSES = """
SELECT customer_id, tier, until, falls_to FROM tier_standings
WHERE programme_id = $1 AND until > clock_timestamp() AND until <= clock_timestamp() + make_interval(days => $2)
  AND (until, customer_id) > ($4, $5) ORDER BY until, customer_id LIMIT $3
"""
_OVERRIDE = """
INSERT INTO tier_overrides (id, programme_id, customer_id, tier, until, reason, actor, set_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp())
RETURNING set_at
"""
_ADD_NEWS = "INSERT INTO tier_news (programme_id, customer_id, moment, is_less, delta) VALUES ($1, $2, $3, true, 0)"
_LAPSED = """
SELECT programme_id, customer_id FROM tier_standings WHERE until <= $1 ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED
"""
# What nobody looked at who told it, and what has come since it was told. Not locked: who looks at a family holds its standing first.
_UNHEARD = "SELECT programme_id, customer_id FROM tier_news WHERE moment <= clock_timestamp() ORDER BY id LIMIT $1"
_UNBOOKED = """
SELECT programme_id, version, booked_to FROM tier_schemes WHERE NOT is_booked
ORDER BY programme_id, version LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_NEXT_MEMBERS = "SELECT customer_id FROM members WHERE customer_id > $1 AND closed_at IS NULL ORDER BY customer_id LIMIT $2"
_BOOKED_TO = "UPDATE tier_schemes SET booked_to = $3, is_booked = $4 WHERE (programme_id, version) = ($1, $2)"
_SCHEMES_KEPT = 1_024
# As asyncpg writes Postgres' own infinity.
LATEST = datetime.max.replace(tzinfo=UTC)


class TierRow(NamedTuple):
    """A tier as it is now."""

    code: str
    name: dict[str, str]
    rank: int
    threshold: int
    benefits: dict[str, Any]
    version: int
    created_at: datetime


class SchemeRow(NamedTuple):
    """The latest version of how tiers are reached."""

    version: int
    effective_from: datetime
    zone: str
    qualification: dict[str, Any]


class LossRow(NamedTuple):
    """A tier that ends soon."""

    customer_id: str
    tier: str | None
    until: datetime
    falls_to: str | None


class Stand(NamedTuple):
    """Where a family stands, as it is kept; `sequence` numbers the last event told of it."""

    customer_id: str
    tier: str | None
    since: datetime | None
    steady_since: datetime | None
    until: datetime | None
    falls_to: str | None
    version: int
    sequence: int


class Booked(NamedTuple):
    """A change as it was booked."""

    change: Change
    recorded_at: datetime


async def page(connection: Connection, programme_id: str, limit: int, after: SortKey | None) -> list[TierRow]:
    """Return tiers by rank, those after the one of this rank."""
    return [TierRow(*row) for row in await connection.fetch(_TIERS, programme_id, *(after or (0,)), limit)]


async def find(connection: Connection, programme_id: str, code: str) -> TierRow | None:
    """Return a tier, or None."""
    row = await connection.fetchrow(_TIER, programme_id, code)
    return TierRow(*row) if row is not None else None


async def insert(connection: Connection, programme_id: str, tier: Mapping[str, Any]) -> None:
    """Keep a new tier.

    Raises:
        TierExists: another has its code or rank.
    """
    values = [tier[name] for name in ("code", "name", "rank", "threshold", "benefits")]
    try:
        await connection.execute(_INSERT, programme_id, *values)
    except asyncpg.UniqueViolationError as error:
        raise TierExists from error


async def change(connection: Connection, programme_id: str, code: str, changes: Mapping[str, Any]) -> None:
    """Change the fields named of a tier.

    Raises:
        TierExists: another has its rank.
    """
    values = [changes.get(name) for name in ("name", "rank", "threshold", "benefits")]
    try:
        await connection.execute(_CHANGE, programme_id, code, *values)
    except asyncpg.UniqueViolationError as error:
        raise TierExists from error


async def delete(connection: Connection, programme_id: str, code: str) -> None:
    """Delete a tier; the schemes of before keep it."""
    await connection.execute(_DELETE, programme_id, code)


async def latest(connection: Connection, programme_id: str) -> SchemeRow | None:
    """Return the latest version of a programme's scheme, or None."""
    row = await connection.fetchrow(_LATEST, programme_id)
    return SchemeRow(*row) if row is not None else None


async def add_scheme(
    connection: Connection, programme_id: str, version: int, qualification: Mapping[str, Any], effective_from: datetime | None
) -> None:
    """Keep the tiers as they are now and how they are reached as a new version; at once when no moment is given."""
    await connection.execute(_ADD_SCHEME, programme_id, version, effective_from, dict(qualification))


async def schemes(connection: Connection, programme_id: str | None = None, known_at: datetime | None = None) -> dict[str, list[Scheme]]:
    """Return the versions of a programme's scheme, or of every programme's, that were known at a moment."""
    found: dict[str, list[Scheme]] = defaultdict(list)
    for row in await connection.fetch(_SCHEMES, programme_id, known_at or LATEST):
        found[row["programme_id"]].append(_scheme(*row[1:]))
    return found


async def histories(
    connection: Connection,
    programme_id: str,
    some: Sequence[Scheme],
    customer_ids: Sequence[str],
    valid_at: datetime | None = None,
    known_at: datetime | None = None,
    since: datetime = EVER,
) -> dict[str, list[Row]]:
    """Return what counts from a moment on by some schemes for the families of customers, by family."""
    with_orders, wallets = any(s.measure != "points" for s in some), sorted({s.wallet for s in some if s.measure == "points"})
    rows = await connection.fetch(_HISTORIES, programme_id, with_orders, wallets, customer_ids, since, valid_at, known_at or LATEST)
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["root"]].append(Row(*row))
    return found


async def lock(connection: Connection, programme_id: str, customer_ids: Sequence[str]) -> list[Kept]:
    """Return where the families of customers stand, locked, with the news of them, which are taken."""
    return [Kept(*row) for row in await connection.fetch(_LOCK, programme_id, customer_ids)]


async def kept_of(connection: Connection, programme_id: str, customer_ids: Sequence[str]) -> dict[str, Kept]:
    """Return where customers stand, with the news of them; nothing is locked or taken."""
    return {row["id"]: Kept(*list(row)[1:]) for row in await connection.fetch(_KEPT, programme_id, customer_ids)}


async def sums(connection: Connection, programme_id: str, scheme: Scheme, windows: Sequence[Window], of: Sequence[Kept]) -> list[Sum]:
    """Return what counts in windows of families of which this is kept."""
    if not windows:
        return []
    counted = transposed([(kept.counted, kept.counted_after, kept.counted_upto, kept.present) for kept in of])
    rows = await connection.fetch(_SUMS, programme_id, scheme.measure, scheme.wallet, *transposed(windows), *counted)
    return [
        Sum(row["total"], row["earned_at"], max(filter(None, (row["moved_at"], kept.moved_at)), default=None), row["looked"])
        for row, kept in zip(rows, of, strict=True)
    ]


async def count(connection: Connection, programme_id: str, counted: Sequence[tuple[Window, Sum]]) -> None:
    """Keep what counts in windows for the next time."""
    if counted:
        rows = [(*window, found.total, found.moved_at) for window, found in counted]
        await connection.execute(_COUNT, programme_id, *transposed(rows))


async def falls(connection: Connection, programme_id: str, scheme: Scheme, windows: Sequence[Window]) -> list[list[datetime]]:
    """Return for each threshold that a window meets the moment whose leaving of it loses it."""
    if not windows:
        return []
    rows = await connection.fetch(_FALLS, programme_id, scheme.measure, scheme.wallet, *transposed(windows), scheme.thresholds)
    return [row[0] for row in rows]


async def booked_of(connection: Connection, programme_id: str, roots: Sequence[str]) -> dict[str, list[Change]]:
    """Return the changes of families that still are some, the first first."""
    found: dict[str, list[Change]] = defaultdict(list)
    for row in await connection.fetch(_BOOKED_OF, programme_id, roots):
        found[row["customer_id"]].append(Change(*list(row)[1:]))
    return found


async def book(
    connection: Connection,
    programme_id: str,
    gone: Sequence[tuple[str, datetime]],
    new: Sequence[tuple[str, Change]],
    standings: Sequence[Stand],
) -> None:
    """Keep where families stand and the changes that led there; what is known otherwise by now is superseded."""
    if gone:
        await connection.execute(_SUPERSEDE, programme_id, *transposed(gone))
    if new:
        rows = [(new_id("tch"), root, c.at, c.tier, c.previous, c.reason, c.version) for root, c in new]
        await connection.execute(_BOOK, programme_id, *transposed(rows))
    if standings:
        await connection.execute(_STAND, programme_id, *transposed(standings))


async def forget(connection: Connection, customer_ids: Sequence[str]) -> None:
    """Forget where customers and their families stood."""
    await connection.execute(_FORGET, customer_ids)


async def kept(connection: Connection, programme_id: str, customer_id: str) -> asyncpg.Record | None:
    """Return where a member stands, when what is kept of it is true at present."""
    return await connection.fetchrow(_STANDING, programme_id, customer_id)


async def booked(connection: Connection, programme_id: str, customer_id: str) -> list[Booked]:
    """Return the changes of a member that still are some, the first first."""
    rows = await connection.fetch(_BOOKED, programme_id, customer_id)
    return [Booked(Change(*list(row)[:5]), row["recorded_at"]) for row in rows]


async def losses(connection: Connection, programme_id: str, within_days: int, limit: int, after: SortKey | None) -> list[LossRow]:
    """Return who loses his tier in so many days, those after `(until, customer_id)`."""
    rows = await connection.fetch(_LOSSES, programme_id, within_days, limit, *(after or (EVER, "")))
    return [LossRow(*row) for row in rows]


async def override(connection: Connection, programme_id: str, customer_id: str, given: Mapping[str, Any], actor: str) -> None:
    """Keep that somebody gave a member a tier."""
    values = (given["tier"], given["until"], given["reason"], actor)
    set_at = await connection.fetchval(_OVERRIDE, new_id("tov"), programme_id, customer_id, *values)
    await connection.execute(_ADD_NEWS, programme_id, customer_id, set_at)


async def lapsed(connection: Connection, now: datetime, many: int) -> list[tuple[str, str]]:
    """Return programme and customer of up to so many standings that have ended, locked."""
    return [tuple(row) for row in await connection.fetch(_LAPSED, now, many)]


async def unheard(connection: Connection, many: int) -> list[tuple[str, str]]:
    """Return programme and customer of news that were not looked at."""
    return [tuple(row) for row in await connection.fetch(_UNHEARD, many)]


async def unbooked(connection: Connection) -> asyncpg.Record | None:
    """Return the programme, version and last customer of a scheme whose changes are not all booked, locked."""
    return await connection.fetchrow(_UNBOOKED)


async def next_members(connection: Connection, after: str, many: int) -> list[str]:
    """Return the members after one."""
    return [row["customer_id"] for row in await connection.fetch(_NEXT_MEMBERS, after, many)]


async def booked_to(connection: Connection, programme_id: str, version: int, customer_id: str, *, is_all: bool) -> None:
    """Keep how far the changes that a scheme makes are booked."""
    await connection.execute(_BOOKED_TO, programme_id, version, customer_id, is_all)


@lru_cache(maxsize=_SCHEMES_KEPT)
def _scheme(version: int, effective_from: datetime, zone: str, qualification: str, tiers: str) -> Scheme:
    how = orjson.loads(qualification)
    period = how["period"]
    return Scheme(
        version,
        effective_from,
        ZoneInfo(zone),
        [Tier(t["code"], t["threshold"], t["name"], t["benefits"]) for t in orjson.loads(tiers)],
        measure=how["measure"],
        wallet=how["wallet"],
        unit=period["unit"],
        window=period.get("length", 0),
        carry_periods=period.get("carry_periods", 0),
        hold_months=period.get("hold_months", 0),
        grace_days=how["grace_days"],
        downgrade=how["downgrade"],
    )

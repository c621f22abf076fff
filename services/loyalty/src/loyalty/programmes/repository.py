"""Every query of programmes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import asyncpg

from loyalty.programmes.errors import RateExists
from loyalty.programmes.rules import Programme, rate_rule
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.rules import repository as rules
from loyalty.rules.rules import Rule
from shared.database.pool import Connection
from shared.database.rows import transposed
from shared.http.pagination import SortKey

# A programme has few rates and few wallets: all of them come at once.
_VIEW = """
SELECT programmes.id, name, title, zone, refund_policy, version, discount_scale, starts_at, ends_at, published_at,
       (SELECT json_agg(json_build_object('version', version, 'numerator', numerator, 'denominator', denominator,
                                          'currencies', currencies, 'effective_from', effective_from) ORDER BY effective_from DESC)::jsonb
        FROM programme_rates WHERE programme_id = programmes.id) AS rates,
       (SELECT jsonb_agg(jsonb_build_object('code', code, 'kind', kind, 'currency', currency) ORDER BY code)
        FROM wallets WHERE programme_id = programmes.id) AS wallets
FROM programmes
"""
_PAGE = f"{_VIEW} WHERE programmes.id > $1 ORDER BY programmes.id LIMIT $2"
_FIND = f"{_VIEW} WHERE programmes.id = $1"
_LOCK = "SELECT version, published_at, starts_at, ends_at FROM programmes WHERE id = $1 FOR UPDATE"
_INSERT = "INSERT INTO programmes (id, name) VALUES ($1, $2)"
_CHANGE = """
UPDATE programmes SET version = version + 1,
    name = CASE WHEN $2 ? 'name' THEN $2 ->> 'name' ELSE name END,
    title = CASE WHEN $2 ? 'title' THEN nullif($2 -> 'title', 'null') ELSE title END,
    zone = CASE WHEN $2 ? 'zone' THEN $2 ->> 'zone' ELSE zone END,
    refund_policy = CASE WHEN $2 ? 'refund_policy' THEN $2 ->> 'refund_policy' ELSE refund_policy END,
    discount_scale = CASE WHEN $2 ? 'discount' THEN nullif($2 -> 'discount', 'null') ELSE discount_scale END,
    starts_at = CASE WHEN $2 ? 'starts_at' THEN ($2 ->> 'starts_at')::timestamptz ELSE starts_at END,
    ends_at = CASE WHEN $2 ? 'ends_at' THEN ($2 ->> 'ends_at')::timestamptz ELSE ends_at END,
    published_at = CASE WHEN $2 ? 'published_at' THEN ($2 ->> 'published_at')::timestamptz ELSE published_at END
WHERE id = $1
"""
_NOTE = """
INSERT INTO programme_versions (programme_id, version, terms, changed_by)
SELECT id, version, jsonb_build_object(
    'name', name, 'title', title, 'zone', zone, 'refund_policy', refund_policy, 'discount', discount_scale, 'starts_at', starts_at,
    'ends_at', ends_at, 'published_at', published_at
), $2 FROM programmes WHERE id = $1
"""
_VERSIONS = """
SELECT version, terms, changed_by, changed_at FROM programme_versions
WHERE programme_id = $1 AND version < $2::bigint ORDER BY version DESC LIMIT $3
"""
_ADD_WALLETS = """
INSERT INTO wallets (programme_id, code, kind, currency) SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[])
"""
_ADD_RATE = """
INSERT INTO programme_rates (programme_id, version, numerator, denominator, currencies, effective_from)
SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4, $5 FROM programme_rates WHERE programme_id = $1
"""

_EXISTS = "SELECT EXISTS (SELECT FROM programmes WHERE id = $1)"
_IS_RUNNING = """
SELECT published_at IS NOT NULL AND (starts_at IS NULL OR starts_at <= $2) AND (ends_at IS NULL OR ends_at > $2)
FROM programmes WHERE id = $1
"""
_HAS_WALLET = "SELECT EXISTS (SELECT FROM wallets WHERE programme_id = $1 AND code = $2)"

# One round trip for all that earning asks: a row is a version of a rule or of a rate, or a programme without any.
_EARNING = f"""
SELECT programmes.id, zone, starts_at, ends_at, is_tiered, multiplied_since,
       EXISTS (SELECT FROM challenges WHERE programme_id = programmes.id) AS is_challenging,
       EXISTS (SELECT FROM referral_schemes WHERE version > 1) AS is_referring, told.* FROM programmes LEFT JOIN LATERAL (
    SELECT true AS is_tiered, min(effective_from) FILTER (WHERE tiers @? '$[*].benefits.multiplier ? (@ <> "1")') AS multiplied_since
    FROM tier_schemes WHERE programme_id = programmes.id AND tiers <> '[]' HAVING count(*) > 0
) AS tiered ON true LEFT JOIN LATERAL (
    SELECT rule_id, rule_versions.version, {{version}}
    FROM rules JOIN rule_versions ON rule_id = rules.id WHERE programme_id = programmes.id AND {{which}}
    UNION ALL
    SELECT NULL, version, NULL, effective_from, NULL, numerator, denominator, currencies
    FROM programme_rates
    WHERE programme_id = programmes.id AND (programmes.id <> '{PROGRAMME_ID}' OR multiplied_since IS NOT NULL)
) AS told ON true
"""  # noqa: S608 (all parts are constants of this module)
# Columns before those of versions.
_OF_PROGRAMME = 8
_PUBLISHED_VERSION = "terms::text, effective_from, effective_until, NULL::bigint, NULL::bigint, NULL::text[]"
_NEWEST_VERSION = "terms::text, '-infinity'::timestamptz, NULL::timestamptz, NULL::bigint, NULL::bigint, NULL::text[]"
_IS_NEWEST = "rule_versions.version = (SELECT max(version) FROM rule_versions AS other WHERE other.rule_id = rules.id)"
_RUNNING = f"""
{_EARNING.format(version=_PUBLISHED_VERSION, which="rule_versions.published_at IS NOT NULL")}
WHERE programmes.published_at IS NOT NULL AND (starts_at IS NULL OR starts_at <= $2) AND (ends_at IS NULL OR ends_at > $1)
ORDER BY programmes.id
"""
_ONE = f"""
{_EARNING.format(version=_PUBLISHED_VERSION, which="rule_versions.published_at IS NOT NULL")} WHERE programmes.id = $1
"""
# What it will be once it and all of its rules are published, as if it had been so since ever.
_DRAFTED = f"{_EARNING.format(version=_NEWEST_VERSION, which=_IS_NEWEST)} WHERE programmes.id = $1"
_RATES_NAMED = """
SELECT programme_id, version, numerator, denominator, currencies, effective_from FROM programme_rates
WHERE (programme_id, version) IN (SELECT * FROM unnest($1::text[], $2::int[]))
"""


class RateRow(NamedTuple):
    """`numerator` points for `denominator` minor units, for orders placed from a moment on."""

    version: int
    numerator: int
    denominator: int
    currencies: list[str] | None
    effective_from: datetime


class ProgrammeRow(NamedTuple):
    """A programme and its rates, newest first."""

    id: str
    name: str
    title: dict[str, str] | None
    zone: str
    refund_policy: str
    version: int
    discount: dict[str, Any] | None
    starts_at: datetime | None
    ends_at: datetime | None
    published_at: datetime | None
    rates: list[RateRow]
    wallets: list[dict[str, Any]]

    @property
    def state(self) -> str:
        """Whether it is published; when it runs is told by its period."""
        return "draft" if self.published_at is None else "published"


class Standing(NamedTuple):
    """Where a programme stands, while its row is locked."""

    version: int
    published_at: datetime | None
    starts_at: datetime | None
    ends_at: datetime | None


class VersionRow(NamedTuple):
    """What a programme was, and who made it so."""

    version: int
    terms: dict[str, Any]
    changed_by: str | None
    changed_at: datetime


async def exists(connection: Connection, programme_id: str) -> bool:
    """Return whether there is such a programme."""
    return bool(await connection.fetchval(_EXISTS, programme_id))


async def is_running(connection: Connection, programme_id: str, moment: datetime) -> bool:
    """Return whether a programme runs at a moment."""
    return bool(await connection.fetchval(_IS_RUNNING, programme_id, moment))


async def has_wallet(connection: Connection, programme_id: str, code: str) -> bool:
    """Return whether a programme has a wallet of this code."""
    return bool(await connection.fetchval(_HAS_WALLET, programme_id, code))


async def page(connection: Connection, limit: int, after: SortKey | None) -> list[ProgrammeRow]:
    """Return programmes by id, those after the one with this key."""
    rows = await connection.fetch(_PAGE, *(after or ("",)), limit)
    return [_programme(row) for row in rows]


async def find(connection: Connection, programme_id: str) -> ProgrammeRow | None:
    """Return a programme, or None."""
    row = await connection.fetchrow(_FIND, programme_id)
    return _programme(row) if row is not None else None


async def lock(connection: Connection, programme_id: str) -> Standing | None:
    """Return where a programme stands, locked; None when there is none."""
    row = await connection.fetchrow(_LOCK, programme_id)
    return Standing(*row) if row is not None else None


async def insert(connection: Connection, programme_id: str, name: str) -> None:
    """Keep a new programme, of which everything else is to be set."""
    await connection.execute(_INSERT, programme_id, name)


async def change(connection: Connection, programme_id: str, changes: dict[str, Any]) -> None:
    """Change the fields named; count one more version."""
    await connection.execute(_CHANGE, programme_id, changes)


async def note_version(connection: Connection, programme_id: str, actor: str) -> None:
    """Keep what a programme is now as the version that it is now."""
    await connection.execute(_NOTE, programme_id, actor)


async def versions(connection: Connection, programme_id: str, limit: int, before: int) -> list[VersionRow]:
    """Return what a programme was, newest first, those before a version."""
    return [VersionRow(*row) for row in await connection.fetch(_VERSIONS, programme_id, before, limit)]


async def add_wallets(connection: Connection, programme_id: str, wallets: Sequence[tuple[str, str, str | None]]) -> None:
    """Make wallets, each `(code, kind, currency)`."""
    await connection.execute(_ADD_WALLETS, programme_id, *transposed(wallets))


async def add_rate(
    connection: Connection, programme_id: str, points: int, amount_minor: int, currencies: list[str] | None, effective_from: datetime
) -> None:
    """Keep a new version of the rate.

    Raises:
        RateExists: one begins at that moment already.
    """
    try:
        await connection.execute(_ADD_RATE, programme_id, points, amount_minor, currencies, effective_from)
    except asyncpg.UniqueViolationError as error:
        raise RateExists from error


async def running(connection: Connection, first: datetime, last: datetime) -> list[Programme]:
    """Return the published programmes that run at some time between two moments, with all that was ever published of them."""
    return _programmes(await connection.fetch(_RUNNING, first, last))


async def one(connection: Connection, programme_id: str, *, drafted: bool = False) -> Programme:
    """Return a programme with what is published of it, or with its drafts as if all of them were."""
    [programme] = _programmes(await connection.fetch(_DRAFTED if drafted else _ONE, programme_id))
    return replace(programme, starts_at=None, ends_at=None) if drafted else programme


async def named(connection: Connection, names: Sequence[str]) -> list[Rule]:
    """Return versions of rules, and of rates as rules, by their names, such as `rul_1@3`."""
    of_rules = await rules.named(connection, names)
    missing = [name.rsplit("@", 1) for name in set(names) - {rule.name for rule in of_rules}]
    if not missing:
        return of_rules
    rows = await connection.fetch(_RATES_NAMED, [rate for rate, _ in missing], [int(version) for _, version in missing])
    return [*of_rules, *(rate_rule(*row) for row in rows)]


def _programmes(rows: Sequence[asyncpg.Record]) -> list[Programme]:
    return [_earning(list(told)) for _, told in groupby(rows, key=lambda row: row["id"])]


def _earning(rows: Sequence[asyncpg.Record]) -> Programme:
    programme_id, zone, starts_at, ends_at, is_tiered, multiplied_since, *uses = rows[0][:_OF_PROGRAMME]
    own: list[Rule] = []
    rates: list[Rule] = []
    for row in rows:
        rule_id, version, terms, since, until, numerator, denominator, currencies = row[_OF_PROGRAMME:]
        if rule_id is not None:
            own.append(rules.rule(rule_id, version, terms, since, until, programme_id))
        elif version is not None:
            rates.append(rate_rule(programme_id, version, numerator, denominator, currencies, since))
    return Programme(programme_id, ZoneInfo(zone), starts_at, ends_at, own, rates, bool(is_tiered), multiplied_since, *uses)


def _programme(row: Any) -> ProgrammeRow:
    facts = dict(row)
    rates = [RateRow(**rate | {"effective_from": datetime.fromisoformat(rate["effective_from"])}) for rate in facts.pop("rates") or ()]
    return ProgrammeRow(discount=facts.pop("discount_scale"), rates=rates, **facts)

"""Every query on change sets and survivorship rules."""

# ruff: noqa: S608 - statements are put together from the constants of this module only

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from asyncpg import Record

from customers.provenance.rules import NO_RULES, Change, Link, Provenance, RuleSet, standing
from shared.database.pool import Connection
from shared.ids import new_id

_CHANGE = "c.number, c.id, c.customer_id, c.recorded_at, c.source, c.actor, c.cause, c.observed_at, c.rules_version, c.fields, c.withdraws"
_MEMBERS = """WITH members AS (
    SELECT id, root_id FROM customers WHERE root_id = ANY($1::text[]) AND merged_into IS NOT NULL
    UNION ALL SELECT r, r FROM unnest($1::text[]) AS r
)"""
_CHANGES = f"""{_MEMBERS}
SELECT m.root_id, {_CHANGE} FROM members AS m JOIN profile_changes AS c ON c.customer_id = m.id ORDER BY c.number
"""
_LINKS = f"""{_MEMBERS}
SELECT m.root_id, l.number, l.survivor_id, l.merged_id, l.rules_version
FROM members AS m JOIN merges AS l ON l.merged_id = m.id AND l.undone_at IS NULL ORDER BY l.number
"""
_HELD = "l.merged_at <= $2 AND (l.undone_at IS NULL OR l.undone_at > $2)"
_FAMILY_AT = f"""
WITH RECURSIVE linked (id) AS (
    SELECT $1::text
    UNION
    SELECT CASE WHEN l.merged_id = k.id THEN l.survivor_id ELSE l.merged_id END
    FROM linked AS k JOIN merges AS l ON (l.merged_id = k.id OR l.survivor_id = k.id) AND {_HELD}
)
SELECT k.id, c.created_at, c.version, l.number, l.survivor_id, l.merged_id, l.rules_version, l.merged_at
FROM linked AS k JOIN customers AS c ON c.id = k.id AND c.root_id IS NOT NULL AND c.created_at <= $2
LEFT JOIN merges AS l ON l.merged_id = k.id AND {_HELD}
"""
_CHANGES_AT = f"""
SELECT {_CHANGE} FROM profile_changes AS c WHERE c.customer_id = ANY($1::text[]) AND c.recorded_at <= $2 ORDER BY c.number
"""
# Each record gives no more than a page: its changes are read from the end of its index.
_HISTORY = """
SELECT c.number, c.id, c.customer_id, c.recorded_at, c.source, c.actor, c.cause, c.observed_at, c.withdraws, f.key AS field, f.value
FROM unnest($1::text[]) AS r (id)
CROSS JOIN LATERAL (
    SELECT * FROM profile_changes AS p
    WHERE p.customer_id = r.id AND p.number <= $3 AND ($2::text IS NULL OR p.fields ? $2)
    ORDER BY p.number DESC LIMIT $5 + 1
) AS c
CROSS JOIN LATERAL jsonb_each(c.fields) AS f
WHERE ($2 IS NULL OR f.key = $2) AND (c.number, f.key) < ($3, $4)
ORDER BY c.number DESC, f.key DESC LIMIT $5
"""
# The time is taken under the locks of the families, so that what is recorded later is also dated later.
_WITHDRAW = """
INSERT INTO profile_changes (customer_id, id, source, actor, cause, recorded_at, fields, withdraws)
SELECT t.customer_id, t.id, $4, $5, $6, moment.at, t.fields::jsonb, $7
FROM unnest($1::text[], $2::text[], $3::text[]) AS t (customer_id, id, fields), (SELECT clock_timestamp() AS at) AS moment
"""
_RULE_SETS = "SELECT version, rules FROM survivorship_rules WHERE version = ANY($1::bigint[])"
_CURRENT_RULES = "SELECT version, rules, set_at, set_by FROM survivorship_rules ORDER BY version DESC LIMIT 1"
_SET_RULES = "INSERT INTO survivorship_rules (version, rules, set_by) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING set_at"


@dataclass(slots=True)
class Facts:
    """All that a family's profile is folded from, by number; nothing that was withdrawn."""

    changes: list[Change] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)


class RecordAt(NamedTuple):
    """A record of a family at a moment, and when it was linked to another, if it was."""

    id: str
    created_at: datetime
    link: Link | None
    linked_at: datetime | None


class SetRules(NamedTuple):
    """Survivorship rules as the table holds them."""

    version: int
    rules: RuleSet
    set_at: datetime | None
    set_by: str | None


async def facts(connection: Connection, root_ids: Sequence[str]) -> dict[str, Facts]:
    """Return what the profiles of families are folded from, by their roots."""
    found = {root_id: Facts() for root_id in root_ids}
    for row in await connection.fetch(_CHANGES, root_ids):
        found[row["root_id"]].changes.append(change_of(row))
    for each in found.values():
        each.changes = standing(each.changes)
    for row in await connection.fetch(_LINKS, root_ids):
        found[row["root_id"]].links.append(_link(row))
    return found


async def withdraw(connection: Connection, fields: Mapping[str, Mapping[str, Any]], told: Provenance, withdrawn: str) -> None:
    """Take back what an import told of records whose families are locked.

    Args:
        connection: of the transaction.
        fields: what was told last without it, by record, then by field.
        told: who takes it back.
        withdrawn: the import.
    """
    texts = [orjson.dumps(each).decode() for each in fields.values()]
    ids = [new_id("chg") for _ in fields]
    await connection.execute(_WITHDRAW, list(fields), ids, texts, told.source, told.actor, told.cause, withdrawn)


async def rule_sets(connection: Connection, versions: set[int]) -> dict[int, RuleSet]:
    """Return survivorship rules by their versions."""
    wanted = sorted(versions - {NO_RULES})
    return dict(await connection.fetch(_RULE_SETS, wanted)) if wanted else {}


async def family_at(connection: Connection, customer_id: str, at: datetime) -> list[RecordAt]:
    """Return the records that stood for a customer at a moment; none when there was no such customer."""
    rows = await connection.fetch(_FAMILY_AT, customer_id, at)
    return [RecordAt(row["id"], row["created_at"], _link(row) if row["number"] else None, row["merged_at"]) for row in rows]


async def changes_at(connection: Connection, ids: Sequence[str], at: datetime) -> list[Change]:
    """Return what was told of records up to a moment, and what was withdrawn."""
    return [change_of(row) for row in await connection.fetch(_CHANGES_AT, ids, at)]


async def history(connection: Connection, ids: Sequence[str], name: str | None, after: tuple[int, str], limit: int) -> list[Record]:
    """Return what was told of the fields of records, newest first, after a sort key.

    Args:
        connection: to read with.
        ids: the records.
        name: this field only, or None for all.
        after: number of a change and name of a field.
        limit: rows at most.
    """
    return await connection.fetch(_HISTORY, ids, name, *after, limit)


async def current_rules(connection: Connection) -> SetRules:
    """Return the survivorship rules in force; version 0 before any were set."""
    row = await connection.fetchrow(_CURRENT_RULES)
    return SetRules(*row) if row is not None else SetRules(NO_RULES, {}, None, None)


async def set_rules(connection: Connection, version: int, rules: RuleSet, set_by: str) -> datetime | None:
    """Put rules in force under the next version; return when, or None when another was faster."""
    return await connection.fetchval(_SET_RULES, version, rules, set_by)


def change_of(row: Record) -> Change:
    """Return the change set of a row."""
    told = Provenance(row["source"], row["actor"], row["cause"], row["observed_at"])
    kept = (row["rules_version"], row["fields"], row["withdraws"])
    return Change(row["number"], row["id"], row["customer_id"], row["recorded_at"], told, *kept)


def _link(row: Record) -> Link:
    return Link(row["number"], row["survivor_id"], row["merged_id"], row["rules_version"])

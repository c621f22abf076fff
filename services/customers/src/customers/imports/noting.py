"""Notes with customers the further identities that an import tells of them, and takes back what only undone imports told."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from customers.duplicates import marks
from customers.identities.rules import Identity, IdentityRules
from customers.provenance.rules import Provenance
from shared.database.pool import Connection
from shared.database.rows import transposed
from shared.ids import new_id

# What families have, each with the record that was asked for.
_KEPT = """
SELECT asked.id AS record_id, i.customer_id, i.kind, i.value, i.source, i.first_seen_at
FROM customers AS asked
CROSS JOIN LATERAL (
    SELECT asked.root_id AS id
    UNION ALL SELECT m.id FROM customers AS m WHERE m.root_id = asked.root_id AND m.merged_into IS NOT NULL
) AS member
JOIN customer_identities AS i ON i.customer_id = member.id
WHERE asked.id = ANY($1::text[])
"""
# What others have told stays theirs; what imports told knows which.
_NOTE = """
INSERT INTO customer_identities AS i (id, customer_id, kind, value, source, first_seen_at, last_seen_at, told_by)
SELECT t.id, t.customer_id, t.kind, t.value, t.source, coalesce(t.seen_at, now()), coalesce(t.seen_at, now()), ARRAY[$7::text]
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
    AS t (id, customer_id, kind, value, source, seen_at)
ORDER BY t.customer_id, t.kind, t.value, t.source
ON CONFLICT (customer_id, kind, value, source) DO UPDATE SET told_by = i.told_by || excluded.told_by
WHERE i.told_by IS NOT NULL AND NOT i.told_by @> excluded.told_by
RETURNING customer_id
"""
# Of whom it told nothing but identities, the import still knows by a change set that changes nothing.
_TRACE = """
INSERT INTO profile_changes (customer_id, id, source, actor, cause, fields)
SELECT t.customer_id, t.id, $3, $4, $5, '{}' FROM unnest($1::text[], $2::text[]) AS t (customer_id, id)
"""
_FORGET = "DELETE FROM customer_identities WHERE customer_id = ANY($1::text[]) AND told_by = ARRAY[$2::text]"
_TAKE_BACK = "UPDATE customer_identities SET told_by = array_remove(told_by, $2) WHERE customer_id = ANY($1::text[]) AND $2 = ANY(told_by)"

# Identities that rows tell of somebody: what led to each, and when it was seen, where they tell.
Seen = Mapping[Identity, tuple[str, datetime | None]]


class News(NamedTuple):
    """What it would be to a record that rows tell identities of it.

    Attributes:
        targets: what leads to those that it has not yet.
        exceeding: one of these that it may not have, for it was given too many of the kind.
    """

    targets: list[str]
    exceeding: str | None


async def news(connection: Connection, rules: IdentityRules, told: Mapping[str, Seen], now: datetime) -> dict[str, News]:
    """Return what is new of the identities that rows tell of records, by record; those of whom none is told are left out.

    Args:
        connection: of the transaction.
        rules: how many of a kind a customer may be given.
        told: identities by record.
        now: the present moment.
    """
    wanted = {record_id: seen for record_id, seen in told.items() if seen}
    kept: dict[str, list[tuple[Identity, datetime, bool]]] = {record_id: [] for record_id in wanted}
    for row in await connection.fetch(_KEPT, list(wanted)) if wanted else ():
        identity = Identity(row["kind"], row["value"], row["source"])
        kept[row["record_id"]].append((identity, row["first_seen_at"], row["customer_id"] == row["record_id"]))
    return {record_id: _news(rules, seen, kept[record_id], now) for record_id, seen in wanted.items()}


def first_news(rules: IdentityRules, told: Seen, now: datetime) -> News:
    """Return what is new of the identities that rows tell of somebody new."""
    return _news(rules, told, (), now)


def _news(rules: IdentityRules, told: Seen, kept: Collection[tuple[Identity, datetime, bool]], now: datetime) -> News:
    own = {identity for identity, _, is_own in kept if is_own}
    new = [identity for identity in told if identity not in own]
    targets = list(dict.fromkeys(told[identity][0] for identity in new))
    for kind in dict.fromkeys(identity.kind for identity in new):
        limit = rules.limit(kind)
        if limit.max_values is None:
            continue
        since = None if limit.period_days is None else now - timedelta(days=limit.period_days)
        values = {identity.value for identity, seen_at, _ in kept if identity.kind == kind and (since is None or seen_at > since)}
        if len(values.union(identity.value for identity in new if identity.kind == kind)) > limit.max_values:
            return News(targets, next(told[identity][0] for identity in new if identity.kind == kind))
    return News(targets, None)


async def note(connection: Connection, told: Mapping[str, Seen], provenance: Provenance, heard: Collection[str] | None = None) -> None:
    """Note with locked records what an import tells of them.

    Args:
        connection: of the transaction.
        told: identities by record.
        provenance: who tells it; the cause is the import.
        heard: those of the records of whom this piece has a change set; None of new ones, who all have.
    """
    rows = [
        (new_id("idn"), record_id, identity.kind, identity.value, identity.source, seen_at)
        for record_id, seen in told.items()
        for identity, (_, seen_at) in seen.items()
    ]
    if not rows:
        return
    noted = {row["customer_id"] for row in await connection.fetch(_NOTE, *transposed(rows), provenance.cause)}
    if not noted or heard is None:
        return
    traced = sorted(noted.difference(heard))
    await connection.execute(_TRACE, traced, [new_id("chg") for _ in traced], provenance.source, provenance.actor, provenance.cause)
    await marks.mark(connection, noted)


async def take_back(connection: Connection, ids: Sequence[str], import_id: str) -> None:
    """Take from records the identities that only this import told, and remember of the others that it tells them no more."""
    await connection.execute(_FORGET, ids, import_id)
    await connection.execute(_TAKE_BACK, ids, import_id)

"""Every query that shows what the ledger holds."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from loyalty.ledger.errors import EntryNotFound
from shared.database.pool import Connection
from shared.http.pagination import SortKey

# Each member of the family is read in the order of the index, so a page costs the same however many entries there are.
_ENTRIES = """
SELECT page.*, wallet, programme_id FROM unnest(family_of($1)) AS member (id)
CROSS JOIN LATERAL (
    SELECT id, customer_id, kind, points, order_id, source_id, account_id, occurred_at, recorded_at FROM entries
    WHERE customer_id = member.id AND (occurred_at, id) < ($3, $4) ORDER BY occurred_at DESC, id DESC LIMIT $2
) AS page JOIN accounts ON accounts.id = page.account_id
ORDER BY occurred_at DESC, page.id DESC LIMIT $2
"""
# A cursor cannot hold an infinite moment; its number can stand for it. What activity puts off counts until `counts_until`, in the order of
# its own expiry; `least` lets the index find where to go on.
_LOTS = """
SELECT page.id, programme_id, wallet, page.customer_id, granted, remaining, held_of(page.id, now) AS held, earned_at,
       nullif(available_from, '-infinity') AS available_from, nullif(counts_until, 'infinity') AS expires_at, entry_id,
       CASE WHEN counts_until = 'infinity' THEN $7::bigint ELSE (extract(epoch FROM counts_until) * 1000000)::bigint END AS expires_key,
       CASE WHEN page.expires_at = 'infinity' THEN $7::bigint ELSE (extract(epoch FROM page.expires_at) * 1000000)::bigint END AS own_key
FROM clock_timestamp() AS now, (
    SELECT max(until) FILTER (WHERE place = 1) AS expires, max(until) FILTER (WHERE place = 2) AS own
    FROM unnest(ARRAY[$3, $4]::bigint[]) WITH ORDINALITY AS asked (key, place), LATERAL (
        SELECT CASE WHEN key = $7 THEN 'infinity' WHEN key < 0 THEN '-infinity'
               ELSE 'epoch'::timestamptz + key * interval '1 microsecond' END
    ) AS told (until)
) AS cursor, accounts
CROSS JOIN LATERAL standing_of(ARRAY[accounts.id], now) AS standing
CROSS JOIN LATERAL (
    SELECT CASE WHEN frontier < expires THEN expires WHEN frontier = expires THEN own ELSE '-infinity' END AS least
) AS onwards
CROSS JOIN LATERAL (
    SELECT lots.*, accounts.customer_id, greatest(expires_at, frontier) AS counts_until FROM lots
    WHERE account_id = accounts.id AND expiry_version = standing.expiry_version AND remaining > 0 AND expires_at > since
      AND expires_at >= least AND (greatest(expires_at, frontier), expires_at, earned_at, id) > (expires, own, $5, $6)
    ORDER BY expires_at, earned_at, id LIMIT $2
) AS page
WHERE accounts.customer_id = ANY (family_of($1))
ORDER BY counts_until, page.expires_at, page.earned_at, page.id LIMIT $2
"""
_ENTRY = """
SELECT entries.id, entries.customer_id, programme_id, wallet, entries.kind, points, order_id, source_id, occurred_at, recorded_at, sequence,
       rule_version, encode(hash, 'hex') AS hash, reason, reference, actor,
       (SELECT jsonb_agg(jsonb_build_object('account', concat_ws(':', account.kind, account.partner_id), 'customer_id', account.customer_id,
               'points', postings.points) ORDER BY account.customer_id NULLS LAST)
        FROM postings JOIN accounts AS account ON account.id = account_id WHERE entry_id = entries.id) AS postings,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('lot_id', lot_id, 'points', lot_draws.points,
               'expires_at', nullif(expires_at, 'infinity')) ORDER BY expires_at, earned_at, lot_id), '[]')
        FROM lot_draws JOIN lots ON lots.id = lot_id WHERE lot_draws.entry_id = entries.id) AS draws,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('lot_id', id, 'points', granted, 'expires_at', nullif(expires_at, 'infinity'))
               ORDER BY expires_at, earned_at, id), '[]')
        FROM lots WHERE lots.entry_id = entries.id) AS lots
FROM entries JOIN accounts ON accounts.id = account_id LEFT JOIN entry_notes ON entry_notes.entry_id = entries.id WHERE entries.id = $1
"""
# An order's accrual is explained by what the order was worth and the rate of its day.
_EXPLANATION = """
SELECT entries.id AS entry_id, entries.kind, points, rule_version, explanation, amount_minor, numerator, denominator, entries.rate_version
FROM entries LEFT JOIN orders ON orders.order_id = entries.order_id AND entries.rate_version = orders.rate_version
LEFT JOIN programme_rates AS rate ON rate.programme_id = orders.programme_id AND rate.version = orders.rate_version
WHERE entries.id = $1
"""
_LAST_MOMENT = datetime(9999, 12, 31, tzinfo=UTC)
_BEFORE_ALL = -1
_LATEST_KEY = int(_LAST_MOMENT.timestamp()) * 1_000_000
_NEVER_KEY = 2**62


class EntryRow(NamedTuple):
    """A line of a member's account."""

    id: str
    customer_id: str
    kind: str
    points: int
    order_id: str | None
    source_id: str
    account_id: int
    occurred_at: datetime
    recorded_at: datetime
    wallet: str
    programme_id: str


class LotRow(NamedTuple):
    """What is left of what a member was given; the keys are its expiry, and its own without activity, in microseconds, for cursors."""

    id: str
    programme_id: str
    wallet: str
    customer_id: str
    granted: int
    remaining: int
    held: int
    earned_at: datetime
    available_from: datetime | None
    expires_at: datetime | None
    entry_id: str
    expires_key: int
    own_key: int


async def page_of_entries(connection: Connection, customer_id: str, limit: int, after: SortKey | None) -> list[EntryRow]:
    """Return the entries of a member and his family, newest first, those after the entry with this `(occurred_at, id)`."""
    bound = after or (_LAST_MOMENT, "")
    return [EntryRow(*row) for row in await connection.fetch(_ENTRIES, customer_id, limit, *bound)]


async def page_of_lots(connection: Connection, customer_id: str, limit: int, after: SortKey | None) -> list[LotRow]:
    """Return the open lots of a member and his family, first what is drawn first, those after `(expires_key, own_key, earned_at, id)`."""
    bound = after or (_BEFORE_ALL, _BEFORE_ALL, _LAST_MOMENT, "")
    if any(not _BEFORE_ALL <= key <= _NEVER_KEY or _LATEST_KEY < key < _NEVER_KEY for key in bound[:2]):
        return []
    return [LotRow(*row) for row in await connection.fetch(_LOTS, customer_id, limit, *bound, _NEVER_KEY)]


async def entry(connection: Connection, entry_id: str) -> Mapping[str, Any]:
    """Return an entry with its postings, draws and lots.

    Raises:
        EntryNotFound: there is none.
    """
    row = await connection.fetchrow(_ENTRY, entry_id)
    if row is None:
        raise EntryNotFound
    return dict(row)


async def explanation(connection: Connection, entry_id: str) -> Mapping[str, Any]:
    """Return why an entry has its points.

    Raises:
        EntryNotFound: there is none.
    """
    row = await connection.fetchrow(_EXPLANATION, entry_id)
    if row is None:
        raise EntryNotFound
    facts = {"entry_id": row["entry_id"], "kind": row["kind"], "points": row["points"], "rule_version": row["rule_version"]}
    if row["explanation"] is not None or row["numerator"] is None:
        return facts | {"explanation": row["explanation"] or {}}
    inputs = {name: row[name] for name in ("amount_minor", "numerator", "denominator", "rate_version")}
    arithmetic = f"{row['amount_minor']} * {row['numerator']} / {row['denominator']}, rounded down"
    return facts | {"explanation": {"inputs": inputs, "arithmetic": arithmetic, "points": row["points"]}}

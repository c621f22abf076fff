"""Every query of partners, their keys and their postings."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from asyncpg import Record

from loyalty.partners.rules import Allowance, Line
from shared.database.pool import Connection
from shared.database.rows import affected
from shared.http.pagination import SortKey
from shared.ids import new_id

_TERMS = (
    *("name", "is_active", "may_accrue", "may_redeem", "currency", "accrual_price_minor", "accrual_price_points"),
    *("redemption_price_minor", "redemption_price_points", "earn_points", "earn_minor", "accrual_limits", "redemption_limits"),
)
_PARTNER = f"id, version, programme_id, {', '.join(_TERMS)}, created_at"
_ADD = f"""
INSERT INTO partners (id, programme_id, {", ".join(_TERMS)})
VALUES ($1, $2, {", ".join(f"${number}" for number in range(3, len(_TERMS) + 3))}) RETURNING {_PARTNER}
"""  # noqa: S608 (names of columns only)
_CHANGE = f"""
UPDATE partners SET version = version + 1, {", ".join(f"{name} = ${number}" for number, name in enumerate(_TERMS, 2))}
WHERE id = $1 RETURNING {_PARTNER}
"""  # noqa: S608
_GET = f"SELECT {_PARTNER} FROM partners WHERE id = $1"  # noqa: S608
_LOCK = f"{_GET} FOR UPDATE"
_HOLD = f"{_GET} FOR SHARE"
_PAGE = f"SELECT {_PARTNER} FROM partners WHERE (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $1"  # noqa: S608

# A partner's key does this and nothing else.
_IS_USABLE = """
SELECT EXISTS (
    SELECT FROM access_keys WHERE key_id = $1 AND scopes = ARRAY['partners:post'] AND revoked_at IS NULL AND secret_sha256 <> ''
)
"""
_BIND = """
INSERT INTO partner_keys AS own (key_id, partner_id, bound_by) VALUES ($1, $2, $3)
ON CONFLICT (key_id) DO UPDATE SET partner_id = own.partner_id RETURNING key_id, partner_id, bound_by, bound_at
"""
_UNBIND = "DELETE FROM partner_keys WHERE key_id = $1 AND partner_id = $2 RETURNING key_id"
_KEYS = "SELECT key_id, bound_by, bound_at FROM partner_keys WHERE partner_id = $1 AND key_id > $3 ORDER BY key_id LIMIT $2"
_OF_KEY = f"""
SELECT {", ".join(f"partners.{name}" for name in _PARTNER.split(", "))}
FROM partner_keys JOIN partners ON partners.id = partner_id WHERE key_id = $1
"""  # noqa: S608
# Who posts holds the partner together with others; who closes a period waits for all of them, and they for him.
_HOLD_OF_KEY = f"{_OF_KEY} FOR SHARE OF partners"

_TRANSACTION = """
id, partner_id, direction, reference, customer_id, points, amount_minor, price_minor, price_points, occurred_at, state, posted_at, reverses,
reversed_points, periods
"""
_ADD_TRANSACTION = f"""
INSERT INTO partner_transactions (id, partner_id, direction, reference, customer_id, points, amount_minor, price_minor, price_points,
                                  occurred_at, state, posted_at, reverses)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, coalesce($10, moment), 'posted', moment, $11 FROM clock_timestamp() AS moment
WHERE NOT EXISTS (SELECT FROM erased_customers WHERE customer_id = $5 FOR KEY SHARE)
ON CONFLICT (partner_id, reference) DO NOTHING RETURNING {_TRANSACTION}
"""  # noqa: S608
_BY_REFERENCE = f"SELECT {_TRANSACTION} FROM partner_transactions WHERE partner_id = $1 AND reference = $2"  # noqa: S608
_GET_TRANSACTION = f"SELECT {_TRANSACTION} FROM partner_transactions WHERE id = $1"  # noqa: S608
_LOCK_TRANSACTION = f"{_GET_TRANSACTION} FOR UPDATE"
_SET_STATE = f"""
UPDATE partner_transactions SET state = $2, posted_at = CASE $2 WHEN 'posted' THEN clock_timestamp() ELSE posted_at END
WHERE id = $1 RETURNING {_TRANSACTION}
"""  # noqa: S608
_SET_PERIODS = "UPDATE partner_transactions SET periods = $2 WHERE id = $1"
_COUNT_REVERSED = "UPDATE partner_transactions SET reversed_points = reversed_points + $2 WHERE id = $1"
_TRANSACTIONS = f"""
SELECT {_TRANSACTION} FROM partner_transactions WHERE partner_id = $1 AND (posted_at, id) < ($3, $4)
ORDER BY posted_at DESC, id DESC LIMIT $2
"""  # noqa: S608
_USE = "SELECT use_allowance($1, $2, $3, $4, $5, $6)"
_GIVE_BACK = """
UPDATE partner_usage SET points = greatest(points - $5, 0)
FROM unnest($3::text[], $4::text[]) AS told (customer_id, period)
WHERE partner_id = $1 AND direction = $2 AND (partner_usage.customer_id, partner_usage.period) = (told.customer_id, told.period)
"""

_LINES = """
SELECT direction, price_minor, price_points, sum(points)::bigint AS points, count(*)::int AS count FROM partner_transactions
WHERE partner_id = $1 AND posted_at >= $2 AND posted_at < $3 AND state = 'posted'
GROUP BY direction, price_minor, price_points ORDER BY direction, price_minor, price_points
"""
# The same by the ledger: what its entries against the partner's account moved for postings of the period.
_LEDGER = """
SELECT coalesce(sum(entries.points), 0)::bigint FROM partner_transactions JOIN entries ON source_id = partner_transactions.id
WHERE partner_id = $1 AND posted_at >= $2 AND posted_at < $3 AND counter = 'partner:' || $1
"""
_SETTLEMENT = "id, partner_id, from_at, until_at, report, closed_by, closed_at"
_LAST_UNTIL = "SELECT max(until_at) FROM partner_settlements WHERE partner_id = $1"
_CLOSE = f"""
INSERT INTO partner_settlements (id, partner_id, from_at, until_at, report, closed_by)
VALUES ($1, $2, $3, $4, $5, $6) RETURNING {_SETTLEMENT}
"""  # noqa: S608
_CLOSED = f"SELECT {_SETTLEMENT} FROM partner_settlements WHERE partner_id = $1 AND from_at = $2 AND until_at = $3"  # noqa: S608
_SETTLEMENTS = f"""
SELECT {_SETTLEMENT} FROM partner_settlements WHERE partner_id = $1 AND from_at < $3 ORDER BY from_at DESC LIMIT $2
"""  # noqa: S608
_ZONE = "SELECT zone FROM programmes WHERE id = $1"

_BLANK = "UPDATE partner_transactions SET reference = id WHERE customer_id = ANY ($1) AND reference <> id"
_FORGET_USAGE = "DELETE FROM partner_usage WHERE customer_id = ANY ($1)"
_COLLECT = """
SELECT id, direction, reference, customer_id, points, amount_minor, occurred_at, state, posted_at FROM partner_transactions
WHERE customer_id = ANY ($1) ORDER BY posted_at, id
"""


async def add(connection: Connection, programme_id: str, terms: Mapping[str, Any]) -> Record:
    """Add a partner."""
    return _one(await connection.fetchrow(_ADD, new_id("prt"), programme_id, *(terms[name] for name in _TERMS)))


async def change(connection: Connection, partner_id: str, terms: Mapping[str, Any]) -> Record:
    """Write the terms of a partner."""
    return _one(await connection.fetchrow(_CHANGE, partner_id, *(terms[name] for name in _TERMS)))


async def get(connection: Connection, partner_id: str, *, lock: bool = False) -> Record | None:
    """Return a partner, locked if asked: then nobody posts for him meanwhile."""
    return await connection.fetchrow(_LOCK if lock else _GET, partner_id)


async def hold(connection: Connection, partner_id: str) -> Record:
    """Return a partner, held so that no period is closed before the transaction ends."""
    return _one(await connection.fetchrow(_HOLD, partner_id))


async def page(connection: Connection, fetch: int, after: SortKey) -> list[Record]:
    """Return partners, oldest first."""
    return await connection.fetch(_PAGE, fetch, *after)


async def is_usable(connection: Connection, key_id: str) -> bool:
    """Return whether a key is one that may be given to a partner."""
    return bool(await connection.fetchval(_IS_USABLE, key_id))


async def bind(connection: Connection, key_id: str, partner_id: str, caller: str) -> Record:
    """Bind a key to a partner, unless it is bound; return the binding that there is."""
    return _one(await connection.fetchrow(_BIND, key_id, partner_id, caller))


async def unbind(connection: Connection, key_id: str, partner_id: str) -> bool:
    """Take a key from a partner; False when it is not his."""
    return await connection.fetchval(_UNBIND, key_id, partner_id) is not None


async def keys(connection: Connection, partner_id: str, fetch: int, after: SortKey | None) -> list[Record]:
    """Return the keys of a partner by their ids."""
    return await connection.fetch(_KEYS, partner_id, fetch, after[0] if after else "")


async def of_key(connection: Connection, key_id: str, *, hold: bool = False) -> Record | None:
    """Return the partner of a key; held, if asked, so that no period is closed before the transaction ends."""
    return await connection.fetchrow(_HOLD_OF_KEY if hold else _OF_KEY, key_id)


async def add_transaction(connection: Connection, values: Sequence[Any]) -> Record | None:
    """Keep a posting; None when its reference is known, or its member was erased.

    Args:
        connection: inside the caller's transaction.
        values: partner, direction, reference, customer, points, amount, price in minor units for so many points, moment (the present
            when None), what it reverses.
    """
    return await connection.fetchrow(_ADD_TRANSACTION, new_id("ptx"), *values)


async def by_reference(connection: Connection, partner_id: str, reference: str) -> Record | None:
    """Return the posting of a reference."""
    return await connection.fetchrow(_BY_REFERENCE, partner_id, reference)


async def transaction(connection: Connection, transaction_id: str, *, lock: bool = False) -> Record | None:
    """Return a posting, locked if asked."""
    return await connection.fetchrow(_LOCK_TRANSACTION if lock else _GET_TRANSACTION, transaction_id)


async def set_state(connection: Connection, transaction_id: str, state: str) -> Record:
    """Note where a posting stands; one that is posted is so from this moment on."""
    return _one(await connection.fetchrow(_SET_STATE, transaction_id, state))


async def count_reversed(connection: Connection, transaction_id: str, points: int) -> None:
    """Note how much of a posting is reversed."""
    await connection.execute(_COUNT_REVERSED, transaction_id, points)


async def transactions(connection: Connection, partner_id: str, fetch: int, after: SortKey) -> list[Record]:
    """Return what a partner posted, newest first."""
    return await connection.fetch(_TRANSACTIONS, partner_id, fetch, *after)


async def use(connection: Connection, posting: Record, of: Sequence[Allowance]) -> Allowance | None:
    """Use up what the limits allow; return the first that does not."""
    columns = [a.customer_id for a in of], [a.period for a in of], [a.maximum for a in of]
    place = await connection.fetchval(_USE, posting["partner_id"], posting["direction"], *columns, posting["points"])
    if place is None:
        await connection.execute(_SET_PERIODS, posting["id"], [[a.customer_id, a.period] for a in of])
    return of[place - 1] if place is not None else None


async def give_back(connection: Connection, posting: Record, points: int) -> None:
    """Free what a posting used of limits."""
    pairs = posting["periods"]
    if pairs:
        columns = [customer for customer, _ in pairs], [period for _, period in pairs]
        await connection.execute(_GIVE_BACK, posting["partner_id"], posting["direction"], *columns, points)


async def lines(connection: Connection, partner_id: str, from_at: datetime, until: datetime) -> list[Line]:
    """Return what was posted in a period, by direction and price."""
    return [Line(*row) for row in await connection.fetch(_LINES, partner_id, from_at, until)]


async def ledger_points(connection: Connection, partner_id: str, from_at: datetime, until: datetime) -> int:
    """Return by how many points the ledger says that members have more after a period."""
    return await connection.fetchval(_LEDGER, partner_id, from_at, until) or 0


async def settled_until(connection: Connection, partner_id: str) -> datetime | None:
    """Return until when periods are closed."""
    return await connection.fetchval(_LAST_UNTIL, partner_id)


async def close(connection: Connection, values: Sequence[Any]) -> Record:
    """Keep a settlement for ever; values: partner, from, until, report, who closed it."""
    return _one(await connection.fetchrow(_CLOSE, new_id("stl"), *values))


async def closed(connection: Connection, partner_id: str, from_at: datetime, until: datetime) -> Record | None:
    """Return the settlement of exactly this period."""
    return await connection.fetchrow(_CLOSED, partner_id, from_at, until)


async def settlements(connection: Connection, partner_id: str, fetch: int, before: datetime) -> list[Record]:
    """Return settlements, newest first."""
    return await connection.fetch(_SETTLEMENTS, partner_id, fetch, before)


async def zone(connection: Connection, programme_id: str) -> str:
    """Return the zone of a programme."""
    return str(await connection.fetchval(_ZONE, programme_id))


async def erase(connection: Connection, customer_ids: Sequence[str]) -> dict[str, int]:
    """Blank the references of what was posted for customers; return how many there were."""
    await connection.execute(_FORGET_USAGE, customer_ids)
    return {"partner_transactions": affected(await connection.execute(_BLANK, customer_ids))}


async def collect(connection: Connection, customer_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what was posted for customers."""
    return {"partner_transactions": [dict(row) for row in await connection.fetch(_COLLECT, customer_ids)]}


def _one(row: Record | None) -> Record:
    assert row is not None
    return row

"""Every query of redemptions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from asyncpg import Record

from shared.database.pool import Connection
from shared.database.rows import affected
from shared.http.pagination import SortKey

_OWN = (
    *("id", "reward_id", "customer_id", "quantity", "option", "points", "wallet", "amount_minor", "currency", "hold_id", "voucher_codes"),
    *("version", "status", "created_at", "expires_at", "fulfilled_at"),
)
_ADD = f"""
INSERT INTO redemptions ({", ".join(_OWN)}) VALUES ({", ".join(f"${number}" for number in range(1, len(_OWN) + 1))})
"""  # noqa: S608 - names of columns only
# What has timed out is so from its instant on, whether it was noted or not.
_SHOWN = """
SELECT id, version, reward_id, (SELECT programme_id FROM rewards WHERE rewards.id = reward_id) AS programme_id, customer_id, quantity,
       option, points, wallet, amount_minor, currency, hold_id, voucher_codes, cancel_reason, created_at, expires_at, fulfilled_at,
       voucher_codes[1] AS voucher_code,
       CASE WHEN status = 'pending' AND expires_at <= coalesce($1, clock_timestamp()) THEN 'timed_out' ELSE status END AS status,
       CASE WHEN status = 'pending' AND expires_at <= coalesce($1, clock_timestamp()) THEN expires_at ELSE closed_at END AS closed_at
FROM redemptions
"""
_FIND = f"{_SHOWN} WHERE id = $2"
_LOCK = f"{_FIND} FOR UPDATE"
_AFTER = "(created_at, id) < ($3, $4) ORDER BY created_at DESC, id DESC LIMIT $2"
_ALL = f"{_SHOWN} WHERE {_AFTER}"
# Each of the family is read in the order of the index, so a page costs the same however many there are.
_OF_FAMILY = f"""
SELECT page.* FROM unnest($5::text[]) AS member (id) CROSS JOIN LATERAL ({_SHOWN} WHERE customer_id = member.id AND {_AFTER}) AS page
ORDER BY created_at DESC, id DESC LIMIT $2
"""  # noqa: S608 - all parts are constants of this module
# Those that have timed out and are not noted yet stand among the pending.
_OF_STATUS = f"""
SELECT page.* FROM unnest(CASE $5::text WHEN 'timed_out' THEN ARRAY['timed_out', 'pending'] ELSE ARRAY[$5] END) AS wanted (status)
CROSS JOIN LATERAL (
    {_SHOWN} WHERE redemptions.status = wanted.status
      AND (redemptions.status <> 'pending' OR (expires_at <= coalesce($1, clock_timestamp())) = ($5 = 'timed_out')) AND {_AFTER}
) AS page ORDER BY created_at DESC, id DESC LIMIT $2
"""  # noqa: S608
_OF_BOTH = f"""
SELECT * FROM (
    SELECT page.* FROM unnest($5::text[]) AS member (id) CROSS JOIN LATERAL ({_SHOWN} WHERE customer_id = member.id) AS page
) AS shown WHERE status = $6 AND {_AFTER}
"""  # noqa: S608
_FULFIL = "UPDATE redemptions SET status = 'fulfilled', fulfilled_at = $2, version = version + 1 WHERE id = $1 RETURNING version"
_CLOSE = """
UPDATE redemptions SET status = 'cancelled', closed_at = $2, cancel_reason = $3, version = version + 1 WHERE id = $1 RETURNING version
"""
_DUE = """
SELECT id FROM redemptions WHERE status = 'pending' AND expires_at <= coalesce($1, clock_timestamp())
ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""
_DUE_OF_REWARD = """
SELECT id FROM redemptions WHERE status = 'pending' AND reward_id = $3 AND expires_at <= coalesce($1, clock_timestamp())
ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""
_TIME_OUT = """
UPDATE redemptions SET status = 'timed_out', closed_at = expires_at, version = version + 1 WHERE id = ANY ($1::text[])
RETURNING id, version, reward_id, customer_id, quantity, points, closed_at
"""
_USED_CODES = "SELECT code, redeemed FROM vouchers WHERE code = ANY ($1::text[]) ORDER BY code FOR NO KEY UPDATE"
_VOID_CODES = "UPDATE vouchers SET voided_at = clock_timestamp() WHERE code = ANY ($1::text[]) AND voided_at IS NULL"
_END = """
UPDATE redemptions SET status = 'cancelled', closed_at = clock_timestamp(), cancel_reason = 'membership_ended', version = version + 1
WHERE customer_id = ANY ($1::text[]) AND status = 'pending'
RETURNING id, version, reward_id, customer_id, quantity, points, closed_at
"""
_BLANK = """
UPDATE redemptions SET voucher_codes = '{}', cancel_reason = CASE WHEN cancel_reason = 'membership_ended' THEN cancel_reason END
WHERE customer_id = ANY ($1::text[]) AND (voucher_codes <> '{}' OR cancel_reason <> 'membership_ended')
"""
_EVERYTHING = f"{_SHOWN} WHERE customer_id = ANY ($2::text[]) ORDER BY created_at, id"


async def add(connection: Connection, values: Mapping[str, Any]) -> None:
    """Keep a redemption."""
    await connection.execute(_ADD, *(values[name] for name in _OWN))


async def find(connection: Connection, redemption_id: str, at: datetime | None = None, *, lock: bool = False) -> Record | None:
    """Return a redemption as it stands at a moment, locked if asked, or None."""
    return await connection.fetchrow(_LOCK if lock else _FIND, at, redemption_id)


async def page(
    connection: Connection, limit: int, after: SortKey, *, family: Sequence[str] | None, status: str | None, at: datetime | None = None
) -> list[Record]:
    """Return redemptions, newest first, those after the one with this `(created_at, id)`: all, of a person, of a status, or both."""
    if family is not None and status is not None:
        return await connection.fetch(_OF_BOTH, at, limit, *after, family, status)
    if family is not None:
        return await connection.fetch(_OF_FAMILY, at, limit, *after, family)
    if status is not None:
        return await connection.fetch(_OF_STATUS, at, limit, *after, status)
    return await connection.fetch(_ALL, at, limit, *after)


async def fulfil(connection: Connection, redemption_id: str, moment: datetime) -> int:
    """Write that a redemption was handed over and return its version."""
    return await connection.fetchval(_FULFIL, redemption_id, moment) or 0


async def close(connection: Connection, redemption_id: str, moment: datetime, reason: str | None) -> int:
    """Write that a redemption was cancelled and return its version."""
    return await connection.fetchval(_CLOSE, redemption_id, moment, reason) or 0


async def time_out(connection: Connection, many: int, reward_id: str | None, at: datetime | None = None) -> list[Record]:
    """Note up to so many redemptions whose time is over, of one reward or of all, and return them."""
    if reward_id is None:
        rows = await connection.fetch(_DUE, at, many)
    else:
        rows = await connection.fetch(_DUE_OF_REWARD, at, many, reward_id)
    return await connection.fetch(_TIME_OUT, [row["id"] for row in rows]) if rows else []


async def lock_codes(connection: Connection, codes: Sequence[str]) -> list[Record]:
    """Return codes and how often each was used, and hold off who would use them."""
    return await connection.fetch(_USED_CODES, codes)


async def void_codes(connection: Connection, codes: Sequence[str]) -> None:
    """Make codes worth nothing."""
    await connection.execute(_VOID_CODES, codes)


async def end(connection: Connection, customer_ids: Sequence[str]) -> list[Record]:
    """Cancel what waits for customers whose membership has ended, and return it."""
    return await connection.fetch(_END, customer_ids)


async def blank(connection: Connection, customer_ids: Sequence[str]) -> int:
    """Delete codes and what was written; return of how many redemptions."""
    return affected(await connection.execute(_BLANK, customer_ids))


async def everything_of(connection: Connection, customer_ids: Sequence[str]) -> list[Record]:
    """Return all redemptions of customers."""
    return await connection.fetch(_EVERYTHING, None, customer_ids)

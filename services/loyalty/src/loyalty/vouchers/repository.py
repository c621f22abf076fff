"""Every query on vouchers."""

from collections.abc import Mapping, Sequence
from typing import Any

from asyncpg import Record

from loyalty.programmes.the_programme import PROGRAMME_ID
from shared.database.moments import LAST_MOMENT
from shared.database.pool import Connection
from shared.database.rows import affected
from shared.http.pagination import SortKey
from shared.ids import new_id

_TERMS = (
    "campaign, kind, percent_bp, amount_minor, currency, sku, skus, categories, excluded_skus, max_discount_minor, min_order_minor, "
    "weekdays, daily_from, daily_until, combinable"
)
_LIMITS = "limit_per_code, limit_per_customer, limit_total, valid_from, valid_to, prefix, count"
_BATCH = f"id, programme_id, version, {_TERMS}, {_LIMITS}, active, generated, created_at"
_FIELDS = tuple(f"{_TERMS}, {_LIMITS}".split(", "))
_ADD_BATCH = f"""
INSERT INTO voucher_batches (id, programme_id, {", ".join(_FIELDS)})
VALUES ($1, $2, {", ".join(f"${number}" for number in range(3, len(_FIELDS) + 3))}) RETURNING {_BATCH}
"""  # noqa: S608 - names of columns only
_GET_BATCH = f"SELECT {_BATCH} FROM voucher_batches WHERE id = $1"  # noqa: S608
_LOCK_BATCH = f"{_GET_BATCH} FOR NO KEY UPDATE"
# Everybody takes part in the default programme, and may have its codes.
_BATCH_FOR = f"{_GET_BATCH} AND programme_id IN ($2, '{PROGRAMME_ID}')"
_BATCHES = f"""
SELECT {_BATCH} FROM voucher_batches WHERE programme_id = $1 AND (created_at, id) < ($3, $4)
ORDER BY created_at DESC, id DESC LIMIT $2
"""  # noqa: S608
_AMEND_BATCH = f"""
UPDATE voucher_batches SET version = version + 1, active = $2, valid_to = $3 WHERE id = $1 RETURNING {_BATCH}
"""  # noqa: S608
# A code that exists already, of whatever batch, is simply not made; the count tells how many are still to be made.
_ADD_CODES = """
WITH made AS (
    INSERT INTO vouchers (code, batch_id) SELECT code, $1 FROM unnest($2::text[]) AS t (code) ON CONFLICT DO NOTHING RETURNING 1
)
UPDATE voucher_batches SET generated = generated + (SELECT count(*) FROM made) WHERE id = $1 RETURNING generated
"""
_CODES = """
SELECT code, batch_id, customer_id, redeemed FROM vouchers WHERE batch_id = $1 AND code > $3 ORDER BY code LIMIT $2
"""
_OF_BATCH = ", ".join(f"b.{name}" for name in _FIELDS)
_VOUCHERS = f"""
SELECT v.code, v.batch_id, b.programme_id, v.customer_id, v.redeemed, b.active AND v.voided_at IS NULL AS active,
       b.redeemed AS redeemed_in_all, (SELECT zone FROM programmes WHERE id = b.programme_id) AS zone, statement_timestamp() AS now,
       {_OF_BATCH}
FROM vouchers AS v JOIN voucher_batches AS b ON b.id = v.batch_id WHERE v.code = ANY ($1::text[]) ORDER BY v.code
"""  # noqa: S608
# Whoever uses a code holds it until his transaction ends: the count decides who comes first.
_LOCK_VOUCHERS = f"{_VOUCHERS} FOR NO KEY UPDATE OF v"
_REDEMPTION = "id, code, batch_id, customer_id, reference, order_minor, discount_minor, currency, redeemed_at, rolled_back_at"
_LIVE_OF_CODES = f"""
SELECT {_REDEMPTION} FROM voucher_redemptions WHERE code = ANY ($1::text[]) AND reference = $2 AND rolled_back_at IS NULL ORDER BY code
"""  # noqa: S608
_USES_FOR = f"""
SELECT {_REDEMPTION} FROM voucher_redemptions WHERE customer_id = ANY ($1::text[]) AND reference = $2 ORDER BY redeemed_at, id
"""  # noqa: S608
_COUNT_CODE = "UPDATE vouchers SET redeemed = redeemed + $2 WHERE code = $1"
# The family's row is that of its root: it is the lock that two uses by one person meet at. Each of his ids keeps its own count.
_COUNT_CUSTOMER = """
INSERT INTO voucher_customers AS c (batch_id, customer_id, redeemed) VALUES ($1, $2, $3)
ON CONFLICT (batch_id, customer_id) DO UPDATE SET redeemed = c.redeemed + excluded.redeemed
"""
_USED_BY_FAMILY = """
SELECT batch_id, sum(redeemed)::int8 FROM voucher_customers WHERE batch_id = ANY($1::text[]) AND customer_id = ANY($2::text[])
GROUP BY batch_id
"""
_COUNT_BATCH = """
UPDATE voucher_batches SET redeemed = redeemed + 1 WHERE id = $1 AND redeemed < limit_total RETURNING redeemed
"""
_UNCOUNT_CUSTOMER = """
UPDATE voucher_customers SET redeemed = redeemed - 1 WHERE batch_id = $1 AND customer_id = $2 AND redeemed > 0
"""
_UNCOUNT_BATCH = "UPDATE voucher_batches SET redeemed = redeemed - 1 WHERE id = $1 AND limit_total IS NOT NULL AND redeemed > 0"
_ADD_REDEMPTION = f"""
INSERT INTO voucher_redemptions (id, code, batch_id, customer_id, reference, order_minor, discount_minor, currency)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING {_REDEMPTION}
"""  # noqa: S608
_GET_REDEMPTION = f"SELECT {_REDEMPTION} FROM voucher_redemptions WHERE id = $1"  # noqa: S608
_ROLL_BACK = f"""
UPDATE voucher_redemptions SET rolled_back_at = now() WHERE id = ANY ($1::text[]) AND rolled_back_at IS NULL RETURNING {_REDEMPTION}
"""  # noqa: S608
_REDEMPTIONS = f"""
SELECT {_REDEMPTION} FROM voucher_redemptions
WHERE customer_id = ANY($1::text[]) AND ($3::timestamptz IS NULL OR (redeemed_at, id) < ($3, $4))
ORDER BY redeemed_at DESC, id DESC LIMIT $2
"""  # noqa: S608
_OF_CUSTOMERS = "SELECT code, batch_id FROM vouchers WHERE customer_id = ANY($1::text[])"
# Whoever knew the code may still know it: nobody else gets it.
_UNASSIGN = "UPDATE vouchers SET customer_id = NULL, voided_at = coalesce(voided_at, now()) WHERE customer_id = ANY($1::text[])"
_BLANK = "UPDATE voucher_redemptions SET reference = id WHERE customer_id = ANY($1::text[]) AND reference <> id"
_ALL_OF_CUSTOMERS = f"SELECT {_REDEMPTION} FROM voucher_redemptions WHERE customer_id = ANY($1::text[]) ORDER BY redeemed_at"  # noqa: S608


async def add_batch(connection: Connection, programme_id: str, values: Mapping[str, Any]) -> Record:
    """Add a batch without codes."""
    row = await connection.fetchrow(_ADD_BATCH, new_id("vbt"), programme_id, *(values[name] for name in _FIELDS))
    assert row is not None
    return row


async def get_batch(connection: Connection, batch_id: str, *, lock: bool = False) -> Record | None:
    """Return a batch, locked if asked."""
    return await connection.fetchrow(_LOCK_BATCH if lock else _GET_BATCH, batch_id)


async def batch_for(connection: Connection, batch_id: str, programme_id: str) -> Record | None:
    """Return a batch of which members of a programme can be given codes: one of it, or of the default one; None when it is none."""
    return await connection.fetchrow(_BATCH_FOR, batch_id, programme_id)


async def batches(connection: Connection, programme_id: str, limit: int, after: SortKey | None) -> list[Record]:
    """Return the batches of a programme, newest first."""
    return await connection.fetch(_BATCHES, programme_id, limit, *(after or (LAST_MOMENT, "")))


async def amend_batch(connection: Connection, batch_id: str, *, active: bool, valid_to: Any) -> Record:
    """Write what may be changed of a batch."""
    row = await connection.fetchrow(_AMEND_BATCH, batch_id, active, valid_to)
    assert row is not None
    return row


async def add_codes(connection: Connection, batch_id: str, codes: Sequence[str]) -> int:
    """Add codes to a batch, but those that exist already; return how many it has."""
    return await connection.fetchval(_ADD_CODES, batch_id, codes) or 0


async def codes(connection: Connection, batch_id: str, limit: int, after: SortKey | None) -> list[Record]:
    """Return the codes of a batch in their order."""
    return await connection.fetch(_CODES, batch_id, limit, after[0] if after else "")


async def voucher(connection: Connection, code: str, *, lock: bool = False) -> Record | None:
    """Return a code with the terms of its batch and the database's clock, locked if asked."""
    return next(iter(await vouchers(connection, [code], lock=lock)), None)


async def vouchers(connection: Connection, codes: Sequence[str], *, lock: bool = False) -> list[Record]:
    """Return codes with the terms of their batches and the database's clock, locked in their order if asked."""
    return await connection.fetch(_LOCK_VOUCHERS if lock else _VOUCHERS, codes)


async def live_redemptions(connection: Connection, codes: Sequence[str], reference: str) -> list[Record]:
    """Return the uses of codes for a purchase that were not taken back."""
    return await connection.fetch(_LIVE_OF_CODES, codes, reference)


async def uses_for(connection: Connection, customer_ids: Sequence[str], reference: str) -> list[Record]:
    """Return all that a person used for a purchase, taken back or not, first what was used first."""
    return await connection.fetch(_USES_FOR, customer_ids, reference)


async def used_by_family(connection: Connection, batch_ids: Sequence[str], customer_ids: Sequence[str]) -> dict[str, int]:
    """Return how often a person has used codes of each of these batches; those that limit it count it."""
    return dict(await connection.fetch(_USED_BY_FAMILY, batch_ids, customer_ids) if batch_ids else ())


async def count_customer(connection: Connection, batch_id: str, customer_id: str, by: int) -> None:
    """Count uses by a customer; by 0 only to hold others off."""
    await connection.execute(_COUNT_CUSTOMER, batch_id, customer_id, by)


async def count_batch(connection: Connection, batch_id: str) -> bool:
    """Count a use of a limited batch; False when none is left."""
    return await connection.fetchval(_COUNT_BATCH, batch_id) is not None


async def add_redemption(connection: Connection, values: Sequence[Any]) -> Record:
    """Note a use and count it at its code; values: code, batch, customer, reference, order, discount, currency."""
    await connection.execute(_COUNT_CODE, values[0], 1)
    row = await connection.fetchrow(_ADD_REDEMPTION, new_id("vrd"), *values)
    assert row is not None
    return row


async def get_redemption(connection: Connection, redemption_id: str) -> Record | None:
    """Return a use."""
    return await connection.fetchrow(_GET_REDEMPTION, redemption_id)


async def roll_back(connection: Connection, uses: Sequence[Record]) -> list[Record]:
    """Take uses back with all their counts; return those that were not taken back before. Rows are locked in the order of uses."""
    await vouchers(connection, [use["code"] for use in uses], lock=True)
    rows = await connection.fetch(_ROLL_BACK, [use["id"] for use in uses])
    by_batch = sorted(rows, key=lambda row: row["batch_id"])
    for row in by_batch:
        await connection.execute(_UNCOUNT_CUSTOMER, row["batch_id"], row["customer_id"])
    for row in by_batch:
        await connection.execute(_UNCOUNT_BATCH, row["batch_id"])
        await connection.execute(_COUNT_CODE, row["code"], -1)
    return rows


async def redemptions(connection: Connection, customer_ids: Sequence[str], limit: int, after: SortKey | None) -> list[Record]:
    """Return the uses by a person, newest first."""
    return await connection.fetch(_REDEMPTIONS, customer_ids, limit, *(after or (None, None)))


async def everything_of(connection: Connection, customer_ids: Sequence[str]) -> tuple[list[Record], list[Record]]:
    """Return the vouchers and the uses of customers."""
    return await connection.fetch(_OF_CUSTOMERS, customer_ids), await connection.fetch(_ALL_OF_CUSTOMERS, customer_ids)


async def forget(connection: Connection, customer_ids: Sequence[str]) -> tuple[int, int]:
    """Free the vouchers of customers and blank the references of their uses; return how many of each."""
    return _count(await connection.execute(_UNASSIGN, customer_ids)), _count(await connection.execute(_BLANK, customer_ids))


def _count(status: str) -> int:
    return affected(status)

"""Every query of payments with points."""

from collections.abc import Sequence
from typing import Any

from asyncpg import Record

from shared.database.pool import Connection
from shared.database.rows import affected

_PAYMENT = "id, programme_id, customer_id, reference, points, amount_minor, currency, paid_at, rolled_back_at"
_ADD = f"""
INSERT INTO point_payments (id, programme_id, customer_id, reference, points, amount_minor, currency) VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING {_PAYMENT}
"""  # noqa: S608 - names of columns only
_LIVE = f"""
SELECT {_PAYMENT} FROM point_payments WHERE customer_id = ANY ($1::text[]) AND reference = $2 AND rolled_back_at IS NULL
"""  # noqa: S608
_LATEST = f"""
SELECT {_PAYMENT} FROM point_payments WHERE customer_id = ANY ($1::text[]) AND reference = $2
ORDER BY rolled_back_at IS NULL DESC, paid_at DESC, id DESC LIMIT 1
"""  # noqa: S608
_ROLL_BACK = f"UPDATE point_payments SET rolled_back_at = now() WHERE id = $1 AND rolled_back_at IS NULL RETURNING {_PAYMENT}"  # noqa: S608
_BLANK = "UPDATE point_payments SET reference = id WHERE customer_id = ANY ($1::text[]) AND reference <> id"
_ALL_OF = f"SELECT {_PAYMENT} FROM point_payments WHERE customer_id = ANY ($1::text[]) ORDER BY paid_at, id"  # noqa: S608


async def add(connection: Connection, values: Sequence[Any]) -> Record:
    """Keep a payment; values: id, programme, customer, reference, points, amount, currency."""
    row = await connection.fetchrow(_ADD, *values)
    assert row is not None
    return row


async def live(connection: Connection, customer_ids: Sequence[str], reference: str) -> Record | None:
    """Return what a person paid for a purchase and was not taken back."""
    return await connection.fetchrow(_LIVE, customer_ids, reference)


async def latest(connection: Connection, customer_ids: Sequence[str], reference: str) -> Record | None:
    """Return what a person paid for a purchase, taken back or not."""
    return await connection.fetchrow(_LATEST, customer_ids, reference)


async def roll_back(connection: Connection, payment_id: str) -> Record | None:
    """Note that a payment was taken back; None when it was before."""
    return await connection.fetchrow(_ROLL_BACK, payment_id)


async def blank(connection: Connection, customer_ids: Sequence[str]) -> int:
    """Delete the references of customers' payments; return of how many."""
    return affected(await connection.execute(_BLANK, customer_ids))


async def everything_of(connection: Connection, customer_ids: Sequence[str]) -> list[Record]:
    """Return all payments of customers."""
    return await connection.fetch(_ALL_OF, customer_ids)

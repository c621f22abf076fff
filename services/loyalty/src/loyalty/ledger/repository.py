"""Every statement that posts orders and their returns: one round trip a batch, done by functions in the database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Literal, NamedTuple

import asyncpg

from loyalty.ledger.errors import ContradictingEvent
from loyalty.ledger.rules import Purchase, Return
from shared.database.pool import Connection
from shared.ids import new_id

# What the functions that post or remember raise when an order or a return is told in two ways.
_CONTRADICTION = "23000"

_POST_ORDERS = "SELECT * FROM post_orders($1, $2, $3, $4, $5, $6, $7)"
_POST_RETURNS = "SELECT * FROM post_returns($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"


class Posted(NamedTuple):
    """An entry that was made; `points` count up from 1, `sequence` numbers the event that tells of it."""

    kind: Literal["accrual", "reversal", "reinstatement", "expiry"]
    entry_id: str
    customer_id: str
    order_id: str | None
    points: int
    occurred_at: datetime
    sequence: int


async def post_orders(connection: Connection, programme_id: str, purchases: Sequence[Purchase], at: datetime | None = None) -> list[Posted]:
    """Post what purchases earned.

    Args:
        connection: inside the caller's transaction.
        programme_id: the programme whose rate counts.
        purchases: each once; those known already change nothing.
        at: the moment of posting; the database's clock when None.

    Raises:
        ContradictingEvent: a purchase is known with another customer, date or amount.
    """
    return await _post(connection, _POST_ORDERS, programme_id, *_columns(purchases), at)


async def post_returns(
    connection: Connection, programme_id: str, purchases: Sequence[Purchase], returns: Sequence[Return], at: datetime | None = None
) -> list[Posted]:
    """Post what returns and cancellations take back, and first what their purchases earned where those are not known yet.

    Args:
        connection: inside the caller's transaction.
        programme_id: the programme whose rate counts.
        purchases: the purchases of the returns, each once.
        returns: each once; those known already change nothing.
        at: the moment of posting; the database's clock when None.

    Raises:
        ContradictingEvent: a purchase or a return is known with other facts.
    """
    return await _post(
        connection,
        _POST_RETURNS,
        programme_id,
        *_columns(purchases),
        [r.return_id for r in returns],
        [r.purchase.order_id for r in returns],
        [r.returned_at for r in returns],
        [r.amount_minor for r in returns],
        at,
    )


def _columns(purchases: Sequence[Purchase]) -> tuple[list[str], list[str], list[datetime], list[int], list[str]]:
    return (
        [p.order_id for p in purchases],
        [p.customer_id for p in purchases],
        [p.placed_at for p in purchases],
        [p.amount_minor for p in purchases],
        [new_id("ent") for _ in purchases],
    )


async def _post(connection: Connection, statement: str, *arguments: object) -> list[Posted]:
    with telling_contradictions():
        return [Posted(*row) for row in await connection.fetch(statement, *arguments)]


@contextmanager
def telling_contradictions() -> Iterator[None]:
    """Tell apart what the ledger's functions refuse because an order or a return is known with other facts.

    Raises:
        ContradictingEvent: it is.
    """
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as error:
        if error.sqlstate == _CONTRADICTION:
            raise ContradictingEvent from error
        raise

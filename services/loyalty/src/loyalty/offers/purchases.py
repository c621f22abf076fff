"""What members buy, remembered article by article as orders and returns are told; what is told twice counts once."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from loyalty.ledger.rules import MAX_AMOUNT_MINOR, check_id, check_moment
from shared.contracts.customers import Line, OrderPlaced, OrderReturned
from shared.database.pool import Connection
from shared.database.rows import transposed

_MAX_NAME = 200
_MAX_QUANTITY = 10**9
# In one order, so that two who are told the same wait for each other in a line and not in a ring. Most shops have no campaign: then
# nobody looks for offers.
_REMEMBER = """
WITH told AS (
    INSERT INTO purchase_lines (customer_id, order_id, sku, source_id, category, quantity, amount_minor, placed_at)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::timestamptz[])
    ON CONFLICT DO NOTHING
)
SELECT EXISTS (SELECT FROM offer_campaigns)
"""
_HAS_CAMPAIGNS = "SELECT EXISTS (SELECT FROM offer_campaigns)"
_CONCERNED = "SELECT * FROM concerned_offers($1, $2, $3) AS id"


class _Bought(NamedTuple):
    customer_id: str
    order_id: str
    sku: str
    source_id: str
    category: str | None
    quantity: int
    amount_minor: int
    placed_at: object


async def remember(connection: Connection, orders: Sequence[OrderPlaced]) -> bool:
    """Keep what was bought; return whether there are campaigns, whose offers it might redeem.

    Raises:
        UnusableEvent: an order holds a value that no order can have.
    """
    rows: list[_Bought] = []
    for order in orders:
        _check(order)
        rows += [
            _Bought(order.customer_id, order.order_id, sku, order.order_id, category, quantity, amount, order.placed_at)
            for sku, category, quantity, amount in _by_article(order.lines)
        ]
    return await _keep(connection, rows)


async def take_back(connection: Connection, returns: Sequence[OrderReturned]) -> bool:
    """Keep what came back; return whether there are campaigns.

    Raises:
        UnusableEvent: a return holds a value that no return can have.
    """
    rows: list[_Bought] = []
    for back in returns:
        _check(back)
        check_id("return_id", back.return_id)
        rows += [
            _Bought(back.customer_id, back.order_id, sku, back.return_id, None, -quantity, -amount, back.placed_at)
            for sku, _, quantity, amount in _by_article(back.lines)
        ]
    return await _keep(connection, rows)


async def has_campaigns(connection: Connection) -> bool:
    """Return whether there are campaigns."""
    return bool(await connection.fetchval(_HAS_CAMPAIGNS))


async def concerned(connection: Connection, customer_ids: Iterable[str], earliest: datetime, *, are_placed: bool) -> list[str]:
    """Lock customers with all whose points they share, and return the offers that orders of theirs can have to do with.

    Args:
        connection: of the caller.
        customer_ids: who bought something.
        earliest: when the first of the orders was placed.
        are_placed: nothing else is told of the orders, so those that an earlier one has redeemed are not meant.
    """
    return [row["id"] for row in await connection.fetch(_CONCERNED, sorted(set(customer_ids)), earliest, are_placed)]


async def _keep(connection: Connection, rows: Iterable[_Bought]) -> bool:
    ordered = sorted(rows, key=lambda row: (row.customer_id, row.order_id, row.sku, row.source_id))
    return bool(await connection.fetchval(_REMEMBER, *transposed(ordered, len(_Bought._fields))))


def _check(event: OrderPlaced | OrderReturned) -> None:
    check_id("order_id", event.order_id)
    check_id("customer_id", event.customer_id)
    check_moment("placed_at", event.placed_at)


def _by_article(lines: Iterable[Line]) -> list[tuple[str, str | None, int, int]]:
    """Return the lines of an order, one an article; what no article can be is left out, for the order itself is good."""
    sums: dict[str, tuple[str | None, int, int]] = {}
    for line in lines:
        category, quantity, amount = sums.get(line.sku, (None, 0, 0))
        sums[line.sku] = (category or line.category, quantity + line.quantity, amount + line.amount_minor)
    return [
        (sku, category if category is not None and _is_name(category) else None, quantity, amount)
        for sku, (category, quantity, amount) in sums.items()
        if _is_name(sku) and 0 < quantity <= _MAX_QUANTITY and abs(amount) <= MAX_AMOUNT_MINOR
    ]


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _MAX_NAME and "\0" not in text

"""The purchase history that personal offers need, over all records of a customer."""

from typing import Any

from asyncpg import Record

from customers.links import repository as links
from customers.purchases import repository
from customers.purchases.repository import Sort
from customers.purchases.rules import next_expected_at, shown_interval
from shared.database.pool import Connection


async def summary(connection: Connection, customer_id: str) -> dict[str, Any]:
    """Return when and how much a customer buys.

    Raises:
        CustomerNotFound: nobody has the id.
    """
    family = await links.family(connection, customer_id)
    currencies = await repository.by_currency(connection, family.ids)
    rhythm = dict(await repository.rhythm(connection, family.ids))
    days = rhythm["usual_interval_days"]
    return {
        **rhythm,
        "orders": sum(row["orders"] for row in currencies),
        "usual_interval_days": shown_interval(days),
        "next_expected_at": rhythm["last_at"] and next_expected_at(rhythm["last_at"], days),
        "currencies": [dict(row) for row in currencies],
    }


async def categories(connection: Connection, customer_id: str, sort: Sort, limit: int) -> list[dict[str, Any]]:
    """Return what a customer buys, by category.

    Raises:
        CustomerNotFound: nobody has the id.
    """
    family = await links.family(connection, customer_id)
    return [_shown(row, "category") for row in await repository.by_category(connection, family.ids, sort, limit)]


async def articles(connection: Connection, customer_id: str, category: str | None, sort: Sort, limit: int) -> list[dict[str, Any]]:
    """Return what a customer buys, by article, of one category or of all.

    Raises:
        CustomerNotFound: nobody has the id.
    """
    family = await links.family(connection, customer_id)
    return [_shown(row, "sku") for row in await repository.by_article(connection, family.ids, category, sort, limit)]


def _shown(row: Record, name: str) -> dict[str, Any]:
    days = row["usual_interval_days"]
    return {
        **dict(row),
        name: row["name"],
        "usual_interval_days": shown_interval(days),
        "next_expected_at": next_expected_at(row["last_at"], days),
    }

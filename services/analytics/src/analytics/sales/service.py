"""Answers how many orders there were, from how many customers and for how much."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from analytics.history.repository import HistoryRepository
from analytics.metrics.rules import ZONE, Window, horizon
from analytics.sales.repository import MonthRow, SalesRepository
from analytics.sales.rules import DEFINITION, average_minor
from analytics.sales.schemas import MoneyOut, MonthOut, OrdersAnswer, TotalsOut
from shared.database.pool import Connection
from shared.figures.schemas import definition_out, window_out


async def read(connection: Connection, window: Window, now: datetime) -> OrdersAnswer:
    """Return orders, customers and revenue by month and in all.

    Args:
        connection: to read from.
        window: of months; open ends reach as far as the history.
        now: the present moment.
    """
    as_of = horizon((await HistoryRepository(connection).state()).latest_order_at, now)
    sales = SalesRepository(connection)
    rows = await sales.months(window.since, window.until)
    customers = await sales.customers(window.since, window.until)
    months = [(month, list(of_month)) for month, of_month in groupby(rows, key=attrgetter("month"))]
    return OrdersAnswer(
        definition=definition_out(DEFINITION),
        window=window_out(window),
        zone=ZONE,
        as_of=as_of,
        computed_at=now,
        totals=_totals(rows, await sales.everybody() if window == Window() else None),
        months=[
            MonthOut(month=month, orders=sum(row.orders for row in of_month), customers=customers.get(month, 0), money=_money(of_month))
            for month, of_month in months
        ],
    )


def _totals(rows: list[MonthRow], customers: int | None) -> TotalsOut:
    money = _money(rows)
    revenue_minor = None if len(money) > 1 else sum(one.revenue_minor for one in money)
    return TotalsOut(orders=sum(one.orders for one in money), customers=customers, revenue_minor=revenue_minor, money=money)


def _money(rows: Iterable[MonthRow]) -> list[MoneyOut]:
    by_currency = groupby(sorted(rows, key=attrgetter("currency")), key=attrgetter("currency"))
    return [_of_currency(currency, list(mine)) for currency, mine in by_currency]


def _of_currency(currency: str, rows: list[MonthRow]) -> MoneyOut:
    orders = sum(row.orders for row in rows)
    gross_minor, returned_minor = sum(row.gross_minor for row in rows), sum(row.returned_minor for row in rows)
    return MoneyOut(
        currency=currency,
        orders=orders,
        gross_minor=gross_minor,
        returned_minor=returned_minor,
        revenue_minor=gross_minor - returned_minor,
        average_order_minor=average_minor(gross_minor - returned_minor, orders),
    )

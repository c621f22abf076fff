"""What the metric of orders answers."""

from datetime import date

from pydantic import Field

from shared.figures.schemas import MetricAnswer
from shared.http.schemas import OutputModel


class MoneyOut(OutputModel):
    """Orders in one currency."""

    currency: str = Field(examples=["USD"])
    orders: int
    gross_minor: int = Field(description="What was ordered.")
    returned_minor: int = Field(description="What came back of it, whenever it did.")
    revenue_minor: int = Field(description="The difference.")
    average_order_minor: float | None = Field(description="Revenue by orders to two decimals; null without orders.")


class MonthOut(OutputModel):
    """The orders of one month."""

    month: date = Field(description="First day of the month.", examples=["1997-01-01"])
    orders: int
    customers: int = Field(description="Customers that ordered in it.")
    money: list[MoneyOut]


class TotalsOut(OutputModel):
    """The orders of the window."""

    orders: int
    customers: int | None = Field(description="Different customers; null unless the window is without limit, for months cannot be added.")
    revenue_minor: int | None = Field(description="Revenue when there is one currency only; null with several, 0 with none.")
    money: list[MoneyOut]


class OrdersAnswer(MetricAnswer):
    """Orders, customers and revenue by month."""

    totals: TotalsOut
    months: list[MonthOut]

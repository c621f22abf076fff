"""Orders, customers and revenue by month."""

from fractions import Fraction

from shared.figures.definitions import Definition
from shared.statistics import round_half_away

DEFINITION = Definition(
    name="orders",
    title="Orders, customers and revenue by month",
    text="Orders by the month in UTC in which they were placed, the customers that placed them, and per currency what was ordered, what "
    "came back later of these same orders, and the difference as revenue. An order that came back whole remains an order. The average "
    "order is revenue by orders.",
    formula="revenue = sum(amount of orders placed in the month) - sum(amount of all their returns); average = revenue / orders",
    version=1,
    source="Net sales by month of order.",
)


def average_minor(revenue_minor: int, orders: int) -> float | None:
    """Return revenue by orders in minor units, rounded once to two decimals; None without orders."""
    return round_half_away(Fraction(revenue_minor, orders)) if orders else None

"""What recency, frequency and money answer."""

from datetime import date

from pydantic import Field

from analytics.rfm.rules import Segment
from shared.figures.schemas import MetricAnswer
from shared.http.schemas import OutputModel

_CUSTOMERS_BY_SCORE = "Customers with score 1, 2, 3, 4 and 5."


class Recency(OutputModel):
    """By the day of the last order."""

    cut_points: list[date] = Field(description="A later last day than n of them gives score n + 1; empty without customers.")
    cut_points_days: list[int] = Field(description="The same as whole days before as_of_day.")
    customers: list[int] = Field(description=_CUSTOMERS_BY_SCORE)


class Frequency(OutputModel):
    """By the number of orders."""

    cut_points: list[int] = Field(description="More orders than n of them give score n + 1; empty without customers.")
    customers: list[int] = Field(description=_CUSTOMERS_BY_SCORE)


class Money(OutputModel):
    """By the money less returns, in minor units."""

    cut_points_minor: list[int] = Field(description="More than n of them gives score n + 1; empty without customers.")
    customers: list[int] = Field(description=_CUSTOMERS_BY_SCORE)


class GroupOut(OutputModel):
    """The customers with the same three scores."""

    recency: int = Field(ge=1, le=5)
    frequency: int = Field(ge=1, le=5)
    money: int = Field(ge=1, le=5)
    customers: int
    orders: int
    revenue_minor: int


class SegmentOut(OutputModel):
    """The customers of one name."""

    segment: Segment
    customers: int
    orders: int
    revenue_minor: int


class RfmAnswer(MetricAnswer):
    """Cut points, the table of scores, and the named segments."""

    as_of_day: date | None = Field(description="The day by whose end customers are scored, and from which recency is counted.")
    currency: str | None = Field(description="Currency of all money; null without orders.")
    customers: int = Field(description="Customers that are scored.")
    recency: Recency
    frequency: Frequency
    money: Money
    groups: list[GroupOut] = Field(description="Groups that are not empty, best first.")
    segments: list[SegmentOut]

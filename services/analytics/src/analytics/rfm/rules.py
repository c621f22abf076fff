"""Recency, frequency and money: scores by value, and the names of their combinations."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.figures.definitions import Definition

SCORES = 5

DEFINITION = Definition(
    name="rfm",
    title="Recency, frequency, money",
    text="Each customer with an order in the currency by the end of as_of gets three scores from 1 to 5: by the day of his last order "
    "(later is better), by his number of orders, and by what he paid less what he returned. The four cut points of each dimension are "
    "the smallest values that at least 20, 40, 60 and 80 percent of the customers do not exceed; the score is one more than the number "
    "of cut points below the value. So equal values always share a score, groups can differ in size, and a score can be empty. Orders "
    "count by when they were placed, in UTC; a returned order remains an order and costs its money.",
    formula="score(v) = 1 + |{q in (.2, .4, .6, .8): v > min{x: F(x) >= q}}|; segment = (score(last day), score(orders))",
    parameters={"quantiles": SCORES, "currency": None},
    version=1,
    source="Hughes 1994, Strategic Database Marketing; quintiles by value (inverse distribution function), not by rank, so that "
    "ties are never split.",
)


class Segment(StrEnum):
    """The usual names of groups by recency and frequency."""

    CHAMPIONS = "champions"
    LOYAL = "loyal"
    POTENTIAL_LOYALISTS = "potential_loyalists"
    NEW = "new"
    PROMISING = "promising"
    NEEDING_ATTENTION = "needing_attention"
    ABOUT_TO_SLEEP = "about_to_sleep"
    CANNOT_LOSE = "cannot_lose"
    AT_RISK = "at_risk"
    HIBERNATING = "hibernating"


# A row for each score of recency, a column for each score of frequency, 1 to 5.
_SEGMENTS: Mapping[int, Sequence[Segment]] = {
    5: (Segment.NEW, Segment.POTENTIAL_LOYALISTS, Segment.POTENTIAL_LOYALISTS, Segment.CHAMPIONS, Segment.CHAMPIONS),
    4: (Segment.PROMISING, Segment.POTENTIAL_LOYALISTS, Segment.POTENTIAL_LOYALISTS, Segment.LOYAL, Segment.LOYAL),
    3: (Segment.ABOUT_TO_SLEEP, Segment.ABOUT_TO_SLEEP, Segment.NEEDING_ATTENTION, Segment.LOYAL, Segment.LOYAL),
    2: (Segment.HIBERNATING, Segment.HIBERNATING, Segment.AT_RISK, Segment.AT_RISK, Segment.CANNOT_LOSE),
    1: (Segment.HIBERNATING, Segment.HIBERNATING, Segment.AT_RISK, Segment.AT_RISK, Segment.CANNOT_LOSE),
}


@dataclass(frozen=True, slots=True)
class Group:
    """The customers with the same three scores.

    Attributes:
        recency: score of the last day, 1 to 5.
        frequency: score of the number of orders, 1 to 5.
        money: score of the money, 1 to 5.
        customers: how many.
        orders: their orders.
        revenue_minor: their money less returns, in minor units.
    """

    recency: int
    frequency: int
    money: int
    customers: int
    orders: int
    revenue_minor: int


@dataclass(frozen=True, slots=True)
class NamedSegment:
    """The customers of one name.

    Attributes:
        segment: its name.
        customers: how many.
        orders: their orders.
        revenue_minor: their money less returns, in minor units.
    """

    segment: Segment
    customers: int
    orders: int
    revenue_minor: int


def score(value: int, cut_points: Sequence[int]) -> int:
    """Return the score of a value: one more than the number of cut points below it.

    Args:
        value: any number.
        cut_points: ascending.
    """
    return 1 + bisect_left(cut_points, value)


def segment_of(recency: int, frequency: int) -> Segment:
    """Return the name for two scores, each 1 to 5."""
    return _SEGMENTS[recency][frequency - 1]


def named_segments(groups: Sequence[Group]) -> list[NamedSegment]:
    """Return each name with its customers, empty ones too."""
    found = {segment: [0, 0, 0] for segment in Segment}
    for group in groups:
        sums = found[segment_of(group.recency, group.frequency)]
        sums[0] += group.customers
        sums[1] += group.orders
        sums[2] += group.revenue_minor
    return [NamedSegment(segment, *sums) for segment, sums in found.items()]


def by_score(groups: Sequence[Group], dimension: str) -> list[int]:
    """Return the number of customers with each score, 1 to 5, of `recency`, `frequency` or `money`."""
    customers = [0] * SCORES
    for group in groups:
        customers[getattr(group, dimension) - 1] += group.customers
    return customers

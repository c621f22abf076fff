"""How many customers buy more than once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from analytics.metrics.rules import Share
from analytics.purchases.rules import LAST_BIN, Measure
from analytics.retention.rules import CohortCounts
from shared.figures.definitions import Definition


class Occasion(StrEnum):
    """What counts as one purchase."""

    DAY = "day"
    ORDER = "order"


MEASURE = {Occasion.DAY: Measure.DAYS, Occasion.ORDER: Measure.ORDERS}

DEFINITION = Definition(
    name="repeat_rate",
    title="Repeat purchase rate",
    text="Share of the customers whose first order lies in the window that have two purchase occasions or more, at any time up to as_of. "
    "An occasion is a day in UTC with an order (same-day orders are one), or with occasion=order each order. Orders count by when they "
    "were placed; a return does not undo an occasion.",
    formula="|{i: occasions_i >= 2}| / |{i: occasions_i >= 1}|",
    parameters={"occasion": Occasion.DAY.value},
    version=1,
    source="Repeat purchase rate, with its occasion stated.",
)


@dataclass(frozen=True, slots=True)
class Bin:
    """How many customers have so many occasions.

    Attributes:
        occasions: how many.
        or_more: whether the bin holds all above as well.
        customers: how many have them.
    """

    occasions: int
    or_more: bool
    customers: int


def repeat_rate(counts: CohortCounts, occasion: Occasion) -> Share:
    """Return the share of customers with two occasions or more."""
    bins = counts.get(MEASURE[occasion], {})
    return Share(sum(customers for occasions, customers in bins.items() if occasions > 1), sum(bins.values()))


def distribution(cohorts: Sequence[CohortCounts], occasion: Occasion) -> list[Bin]:
    """Return the number of customers by their number of occasions, over all cohorts."""
    added: dict[int, int] = {}
    for counts in cohorts:
        bins: Mapping[int, int] = counts.get(MEASURE[occasion], {})
        for occasions, customers in bins.items():
            added[occasions] = added.get(occasions, 0) + customers
    return [Bin(occasions, occasions == LAST_BIN, customers) for occasions, customers in sorted(added.items())]

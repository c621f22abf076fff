"""The net promoter score of a window, from exact counts. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from shared.statistics import NPS_SCORES, NetPromoterScore

NPS_DEFINITION = (
    "Net promoter score: 100 x (promoters - detractors) / n, where promoters answered 9 or 10, passives 7 or 8, detractors 0 to 6, "
    "and n counts answers only. Rounded once, halves away from zero. The interval is the adjusted Wald at 95 %, clipped to -100..100."
)


@dataclass(frozen=True, slots=True)
class Month:
    """The answers of one month.

    Attributes:
        first_day: first day of the month, UTC.
        distribution: number of answers by score, 0 to 10.
    """

    first_day: date
    distribution: tuple[int, ...]

    @property
    def nps(self) -> NetPromoterScore:
        """The month's score."""
        return NetPromoterScore.of(self.distribution)


def total(months: Sequence[Month]) -> tuple[int, ...]:
    """Return the distribution of all months together: eleven counts."""
    return tuple(sum(month.distribution[score] for month in months) for score in range(NPS_SCORES))

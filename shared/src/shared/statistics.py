"""Figures that more than one service reports: computed once, exactly, and rounded once at the end.

Counts are integers and ratios exact fractions; a float appears only where a square root makes it unavoidable or where a
figure is rounded for display. Subtracting rounded percentages gives another whole number in a quarter of all cases.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

# The 97.5 % quantile of the standard normal distribution: two-sided intervals at 95 %.
Z_95 = 1.959963984540054
NPS_SCORES = 11
_DETRACTORS_TO = 6
_PASSIVES_TO = 8


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval, both ends included.

    Attributes:
        low: lower end, in the unit of the figure it belongs to.
        high: upper end.
    """

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class NetPromoterScore:
    """The net promoter score of a group of answers; skipped questions are not answers and are not counted.

    Source: Reichheld 2003, "The One Number You Need to Grow", Harvard Business Review 81(12): 9-10 promoters, 7-8 passives,
    0-6 detractors.

    Attributes:
        promoters: answers of 9 or 10.
        passives: answers of 7 or 8.
        detractors: answers of 0 to 6.
    """

    promoters: int
    passives: int
    detractors: int

    def __post_init__(self) -> None:
        if min(self.promoters, self.passives, self.detractors) < 0:
            raise ValueError("counts are not negative")

    @classmethod
    def of(cls, distribution: Sequence[int]) -> Self:
        """Return the score of a distribution.

        Args:
            distribution: number of answers by score, 0 to 10: eleven counts.
        """
        if len(distribution) != NPS_SCORES:
            raise ValueError("a distribution has eleven counts, for 0 to 10")
        return cls(
            promoters=sum(distribution[_PASSIVES_TO + 1 :]),
            passives=sum(distribution[_DETRACTORS_TO + 1 : _PASSIVES_TO + 1]),
            detractors=sum(distribution[: _DETRACTORS_TO + 1]),
        )

    @property
    def n(self) -> int:
        """The number of answers."""
        return self.promoters + self.passives + self.detractors

    @property
    def fraction(self) -> Fraction | None:
        """The exact score in hundredths, -1 to 1; None without answers."""
        return Fraction(self.promoters - self.detractors, self.n) if self.n else None

    @property
    def score(self) -> float | None:
        """The score, -100 to 100, rounded once to two decimals; None without answers."""
        return None if self.fraction is None else round_half_away(100 * self.fraction)

    @property
    def interval(self) -> Interval | None:
        """The adjusted-Wald interval at 95 %, clipped to -100..100 and rounded to two decimals; None without answers.

        Three answers are added, a quarter of each of promoters and detractors and half of passives (N = n + 3, p = (P + 3/4) / N,
        d = (D + 3/4) / N), which keeps the coverage near 95 % for small groups, where the plain interval falls
        to 40 %: over all populations 95 % on average at 10 answers (90 % at worst), at least 92 % everywhere from 20.

        Source: Rocks 2016, "Interval estimation for the net promoter score", The American Statistician 70(4), adjusted Wald.
        """
        if not self.n:
            return None
        # Everything times four is whole, so that only the root is not exact.
        promoters, detractors, total = 4 * self.promoters + 3, 4 * self.detractors + 3, 4 * (self.n + 3)
        difference = promoters - detractors
        variance = ((promoters + detractors) * total - difference**2) / total**2
        mean, margin = difference / total, Z_95 * math.sqrt(variance / (self.n + 3))
        return _clipped(100 * (mean - margin), 100 * (mean + margin), lowest=-100.0, highest=100.0)


def wilson_interval(successes: int, n: int, *, z: float = Z_95) -> Interval | None:
    """Return the Wilson score interval of a proportion, None when n is 0; ends between 0 and 1, not rounded.

    Args:
        successes: how many of n, 0 to n.
        n: how many in all.
        z: quantile of the standard normal distribution; 1.96 for 95 %.

    Source: Wilson 1927, JASA 22(158); recommended by Brown, Cai, DasGupta 2001, Statistical Science 16(2).
    """
    if not 0 <= successes <= n:
        raise ValueError("successes lie between 0 and n")
    if n == 0:
        return None
    share = successes / n
    denominator = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / denominator
    margin = z / denominator * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the formula is exact on paper; the float would miss 0 and 1 by an ulp.
    return Interval(0.0 if successes == 0 else max(0.0, centre - margin), 1.0 if successes == n else min(1.0, centre + margin))


def round_half_away(value: Fraction | float, places: int = 2) -> float:
    """Return a number rounded to `places` decimals, halves away from zero, as people round: 0.125 is 0.13 and -0.125 is -0.13.

    The rounding is decided on the exact value (a float is the fraction that it stores), so it is right for every fraction.
    """
    numerator, denominator = value.as_integer_ratio()
    whole = (2 * abs(numerator) * 10**places + denominator) // (2 * denominator)
    return math.copysign(whole, numerator) / 10**places if whole else 0.0


def _clipped(low: float, high: float, *, lowest: float, highest: float) -> Interval:
    return Interval(round_half_away(max(low, lowest)), round_half_away(min(high, highest)))

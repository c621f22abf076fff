"""The shared figures: published vectors, properties, and how often an interval holds the truth."""

import math
import random
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.statistics import Interval, NetPromoterScore, round_half_away, wilson_interval

counts = st.integers(0, 10**6)


@pytest.mark.parametrize(
    ("promoters", "passives", "detractors", "score", "low", "high"),
    [
        (32, 13, 6, 50.98, 29.29, 67.00),
        (70, 20, 10, 60.0, 45.27, 71.24),
        (291, 476, 395, -8.95, -13.31, -4.55),
        (1, 0, 0, 100.0, -48.50, 98.50),
        (0, 0, 5, -100.0, -100.0, -17.49),
        (60, 20, 20, 40.0, 23.38, 54.29),
    ],
)
def test_nps_vectors(promoters: int, passives: int, detractors: int, score: float, low: float, high: float) -> None:
    nps = NetPromoterScore(promoters, passives, detractors)
    assert nps.score == score
    assert nps.interval == Interval(low, high)


def test_nps_without_answers_is_nothing() -> None:
    nps = NetPromoterScore(0, 0, 0)
    assert (nps.n, nps.fraction, nps.score, nps.interval) == (0, None, None, None)


def test_nps_refuses_negative_counts_and_short_distributions() -> None:
    with pytest.raises(ValueError, match="not negative"):
        NetPromoterScore(1, -1, 0)
    with pytest.raises(ValueError, match="eleven"):
        NetPromoterScore.of([1] * 10)


@given(st.lists(st.integers(0, 1000), min_size=11, max_size=11))
def test_nps_of_a_distribution_counts_each_score_once(distribution: list[int]) -> None:
    nps = NetPromoterScore.of(distribution)
    assert nps.n == sum(distribution)
    assert (nps.promoters, nps.passives) == (distribution[9] + distribution[10], distribution[7] + distribution[8])


@given(counts, counts, counts)
def test_nps_is_antisymmetric_and_within_its_interval(promoters: int, passives: int, detractors: int) -> None:
    nps, mirrored = NetPromoterScore(promoters, passives, detractors), NetPromoterScore(detractors, passives, promoters)
    if nps.score is None or nps.interval is None or mirrored.score is None or mirrored.interval is None:
        assert nps.n == 0
        return
    assert nps.score == -mirrored.score
    assert nps.interval == Interval(-mirrored.interval.high, -mirrored.interval.low)
    assert -100 <= nps.interval.low <= nps.interval.high <= 100


@given(st.fractions(-1000, 1000), st.integers(0, 4))
def test_rounding_agrees_with_decimals_half_up(value: Fraction, places: int) -> None:
    scaled = abs(value) * 10**places
    # Halves need no more digits than these, so Decimal decides them exactly; everything else is far from a half.
    tie = scaled - int(scaled) == Fraction(1, 2)
    expected = int(scaled) + (1 if tie or scaled - int(scaled) > Fraction(1, 2) else 0)
    assert abs(round_half_away(value, places)) == expected / 10**places
    assert (round_half_away(value, places) < 0) == (value < 0 and expected > 0)


@pytest.mark.parametrize("text", ["0.125", "-0.125", "2.675", "1.005", "-8.945", "0.004", "-0.004", "99.995"])
def test_rounding_of_ties_is_away_from_zero(text: str) -> None:
    expected = float(Decimal(text).quantize(Decimal("0.01"), ROUND_HALF_UP))
    assert round_half_away(Fraction(text)) == expected


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # R: PropCIs::scoreci, and Newcombe 1998, Statistics in Medicine 17, table I.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718), (29, 29, 0.8830, 1.0)],
)
def test_wilson_vectors(successes: int, n: int, low: float, high: float) -> None:
    interval = wilson_interval(successes, n)
    assert interval is not None
    assert (interval.low, interval.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_wilson_edges() -> None:
    assert wilson_interval(0, 0) is None
    with pytest.raises(ValueError, match="between"):
        wilson_interval(3, 2)


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_stays_within_bounds(case: tuple[int, int]) -> None:
    successes, n = case
    interval = wilson_interval(successes, n)
    assert interval is not None
    assert 0 <= interval.low <= successes / n <= interval.high <= 1


def coverage(n: int, promoters: float, detractors: float) -> float:
    """The probability that the interval of n answers holds the truth: summed over every outcome, not simulated."""
    truth, passives = 100 * (promoters - detractors), max(0.0, 1 - promoters - detractors)
    return sum(
        ways * promoters**p * passives ** (n - p - d) * detractors**d
        for p, d, ways, interval in outcomes(n)
        if interval.low <= truth <= interval.high
    )


@cache
def outcomes(n: int) -> list[tuple[int, int, int, Interval]]:
    """Every split of n answers: promoters, detractors, in how many ways it comes about, and its interval."""
    found = []
    for p in range(n + 1):
        for d in range(n + 1 - p):
            interval = NetPromoterScore(p, n - p - d, d).interval
            assert interval is not None
            found.append((p, d, math.comb(n, p) * math.comb(n - p, d), interval))
    return found


# Shares of promoters and detractors in the population: all over the triangle, a step of a twentieth.
POPULATIONS = [(p / 20, d / 20) for p in range(1, 20) for d in range(1, 20 - p)]


@pytest.mark.parametrize(("promoters", "detractors"), [(0.8, 0.05), (0.5, 0.2), (0.33, 0.33), (0.1, 0.6)])
def test_nps_interval_holds_the_truth_at_least_92_times_in_100_from_ten_answers(promoters: float, detractors: float) -> None:
    assert coverage(10, promoters, detractors) >= 0.92


def test_nps_interval_of_ten_answers_is_near_95_on_average_and_never_far_below() -> None:
    # Whole numbers make the coverage jump: a few populations lie a little under 92 for so few answers.
    coverages = [coverage(10, p, d) for p, d in [*POPULATIONS, (0.95, 0.01)]]
    assert sum(coverages) / len(coverages) >= 0.95
    assert min(coverages) >= 0.90


def test_nps_interval_holds_the_truth_everywhere_from_twenty_answers() -> None:
    assert min(coverage(20, p, d) for p, d in [*POPULATIONS, (0.95, 0.01)]) >= 0.92


def test_nps_interval_holds_the_truth_in_a_simulation() -> None:
    draws = random.Random(20160401)
    held = 0
    for _ in range(5_000):
        answers = Counter(draws.choices("pad", weights=(50, 30, 20), k=30))
        interval = NetPromoterScore(answers["p"], answers["a"], answers["d"]).interval
        assert interval is not None
        held += interval.low <= 30 <= interval.high
    assert 0.92 <= held / 5_000 <= 0.98

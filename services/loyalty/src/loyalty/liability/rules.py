"""How many of the points that members hold will be spent: a chain ladder over cohorts of points, with the error that it made in the past.

Points that were earned in the same month are a cohort. Of what a cohort holds at an age, in months, a share is spent in that month and
a share is lost to expiry or returns. Over all cohorts these shares are known for every age that any cohort has reached; what members
hold now is taken through the shares of the ages before it. Nothing is assumed of ages that no cohort has reached.

Source: Mack, T. (1993). Distribution-free calculation of the standard error of chain ladder reserve estimates. ASTIN Bulletin 23(2),
for the method; the interval is not his formula but the empirical quantiles of the errors of the same forecast at past cut-offs, as in
Shafer, G., Vovk, V. (2008). A tutorial on conformal prediction. JMLR 9.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

# Complete months before a forecast is tried at all, and before one is told.
FIRST_CUT_OFF = 12
MIN_MONTHS = 24
# Months ahead over which past forecasts are compared with what came, and how many of them an interval needs.
TESTED_AHEAD = 6
MIN_CUT_OFFS = 8
# The last ones, so that a long history costs no more.
MAX_CUT_OFFS = 60
LEVEL = 0.9

Reason = Literal["history_short", "nothing_redeemed"]


class Flow(NamedTuple):
    """What happened in a month to the points of a cohort; months count from year 0."""

    cohort: int
    month: int
    earned: int
    redeemed: int
    gone: int


class Share(NamedTuple):
    """Of what is held at an age, the share that is spent and the share that is lost within the month."""

    redeemed: float
    gone: float


class Check(NamedTuple):
    """A forecast made at the beginning of a past month, and what came in the months after it."""

    month: int
    expected: int
    actual: int

    @property
    def error(self) -> float:
        """How far what came was off, as a share of the forecast."""
        return self.actual / self.expected - 1


@dataclass(frozen=True, slots=True)
class Cohort:
    """The points of a month: where they went, and where those that are left are expected to go."""

    month: int
    earned: int
    redeemed: int
    gone: int
    outstanding: int
    expected: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What of the outstanding points is expected to be spent.

    Attributes:
        reason: why there is no forecast; None when there is one.
        months: complete months of history.
        expected: points.
        low: at least so many, at the level.
        high: at most so many, at the level.
        level: the share of the past errors that the interval holds, by their ranks.
        coverage: of the past forecasts, those that fell into the interval made of the errors known before them; None when there were none.
        evaluations: how many those are.
        checks: the back-test.
        cohorts: oldest first.
    """

    reason: Reason | None
    months: int
    cohorts: Sequence[Cohort]
    checks: Sequence[Check] = ()
    expected: int = 0
    low: int = 0
    high: int = 0
    level: float = 0.0
    coverage: float | None = None
    evaluations: int = 0


def forecast(flows: Sequence[Flow], now: int, started: int | None = None) -> Forecast:
    """Return how much of what is held at the beginning of a month will be spent.

    Args:
        flows: of all cohorts, in any order.
        now: the month that is not over yet; what happened in it counts for what is held, not for the shares.
        started: the first month of the programme; the first of the flows when None.
    """
    first = min((flow.month for flow in flows), default=now) if started is None else started
    months = max(now - first, 0)
    shares = shares_of(flows, now)
    held = _held(flows, now + 1)
    cohorts = _cohorts(flows, held, shares, now)
    checks = back_test(flows, first, now)
    if not any(flow.redeemed > 0 for flow in flows):
        return Forecast("nothing_redeemed", months, cohorts)
    if months < MIN_MONTHS or len(checks) < MIN_CUT_OFFS:
        return Forecast("history_short", months, cohorts, checks)
    expected = sum(cohort.expected for cohort in cohorts)
    lowest, highest, level = interval([check.error for check in checks])
    coverage, evaluations = coverage_of(checks)
    outstanding = sum(held.values())
    return Forecast(
        None,
        months,
        cohorts,
        checks,
        expected,
        low=_within(expected * (1 + lowest), outstanding),
        high=_within(expected * (1 + highest), outstanding),
        level=level,
        coverage=coverage,
        evaluations=evaluations,
    )


def shares_of(flows: Sequence[Flow], before: int) -> Mapping[int, Share]:
    """Return the shares spent and lost at each age, over all cohorts, by what happened before a month."""
    at_risk: dict[int, int] = defaultdict(int)
    redeemed: dict[int, int] = defaultdict(int)
    gone: dict[int, int] = defaultdict(int)
    for cohort, by_month in _by_cohort(flows, before).items():
        left = 0
        for month in range(min(by_month), before):
            earned, spent, lost = by_month.get(month, (0, 0, 0))
            age = max(month - cohort, 0)
            at_risk[age] += left + earned
            redeemed[age] += spent
            gone[age] += lost
            left += earned - spent - lost
    return {age: Share(_share(redeemed[age], risk), _share(gone[age], risk)) for age, risk in at_risk.items() if risk > 0}


def to_be_redeemed(held: Mapping[int, int], shares: Mapping[int, Share], month: int, ahead: int | None = None) -> dict[int, float]:
    """Return how much of what cohorts hold at the beginning of a month is spent from then on, or in so many months."""
    oldest = max(shares, default=-1)
    expected = {}
    for cohort, points in held.items():
        left, spent, age = float(max(points, 0)), 0.0, max(month - cohort, 0)
        last = oldest if ahead is None else min(oldest, age + ahead - 1)
        for one in range(age, last + 1):
            share = shares.get(one, Share(0.0, 0.0))
            spent += left * share.redeemed
            left *= max(1 - share.redeemed - share.gone, 0.0)
        expected[cohort] = spent
    return expected


def back_test(flows: Sequence[Flow], first: int, now: int) -> list[Check]:
    """Return the forecasts that would have been made in the past, with nothing known of what came later."""
    checks = []
    last = now - TESTED_AHEAD
    for month in range(max(first + FIRST_CUT_OFF, last - MAX_CUT_OFFS + 1), last + 1):
        held = _held(flows, month)
        expected = round(sum(to_be_redeemed(held, shares_of(flows, month), month, TESTED_AHEAD).values()))
        actual = sum(flow.redeemed for flow in flows if flow.cohort < month and month <= flow.month < month + TESTED_AHEAD)
        if expected > 0:
            checks.append(Check(month, expected, actual))
    return checks


def interval(errors: Sequence[float]) -> tuple[float, float, float]:
    """Return the lowest and highest error to reckon with, and at which level: by ranks, as wide as few errors make necessary."""
    ranked = sorted(errors)
    # Without the guard a tenth of 20 is less than two for a float.
    cut = max(1, int((len(ranked) + 1) * (1 - LEVEL) / 2 + 1e-9))
    return ranked[cut - 1], ranked[-cut], (len(ranked) + 1 - 2 * cut) / (len(ranked) + 1)


def coverage_of(checks: Sequence[Check]) -> tuple[float | None, int]:
    """Return how many of the past forecasts fell into the interval that was known by then, and how many there were to look at."""
    hits = []
    for check in checks:
        known = [other.error for other in checks if other.month + TESTED_AHEAD <= check.month]
        if len(known) >= MIN_CUT_OFFS:
            lowest, highest, _ = interval(known)
            hits.append(lowest <= check.error <= highest)
    return (sum(hits) / len(hits) if hits else None), len(hits)


def _by_cohort(flows: Sequence[Flow], before: int) -> dict[int, dict[int, tuple[int, int, int]]]:
    cohorts: dict[int, dict[int, tuple[int, int, int]]] = defaultdict(dict)
    for cohort, month, earned, redeemed, gone in flows:
        if month < before:
            known = cohorts[cohort].get(month, (0, 0, 0))
            cohorts[cohort][month] = (known[0] + earned, known[1] + redeemed, known[2] + gone)
    return cohorts


def _held(flows: Sequence[Flow], before: int) -> dict[int, int]:
    held: dict[int, int] = defaultdict(int)
    for cohort, month, earned, redeemed, gone in flows:
        if month < before:
            held[cohort] += earned - redeemed - gone
    return held


def _cohorts(flows: Sequence[Flow], held: Mapping[int, int], shares: Mapping[int, Share], now: int) -> list[Cohort]:
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for flow in flows:
        for place, points in enumerate(flow[2:]):
            sums[flow.cohort][place] += points
    expected = to_be_redeemed(held, shares, now)
    return [Cohort(month, *sums[month], held.get(month, 0), round(expected.get(month, 0))) for month in sorted(sums)]


def _share(part: int, whole: int) -> float:
    return min(max(part / whole, 0.0), 1.0)


def _within(points: float, outstanding: int) -> int:
    return round(min(max(points, 0.0), outstanding))

"""How many of the points that members hold will be spent: a chain ladder over cohorts of points, with the error that it made in the past.

Points that were earned in the same month are a cohort. Of what a cohort holds at an age, in months, a share is spent in that month and
a share is lost to expiry or returns. Over all cohorts these shares are known for every age that any cohort has reached; what members
hold now is taken through the shares of the ages before it. Nothing is assumed of ages that no cohort has reached.

Source: Mack, T. (1993). Distribution-free calculation of the standard error of chain ladder reserve estimates. ASTIN Bulletin 23(2),
for the method; the intervals are not his formula but the empirical quantiles of the errors of the same forecast at past cut-offs, as in
Shafer, G., Vovk, V. (2008). A tutorial on conformal prediction. JMLR 9. Errors of many months ahead share most of their months, so few of
them say less than their number; those of fewer months ahead, which are more often and more freely off, widen the interval of more.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

# Complete months before a forecast is tried at all, and before one is told.
FIRST_CUT_OFF = 12
MIN_MONTHS = 24
# Months ahead over which past forecasts are compared with what came, and how many of them an interval needs.
HORIZONS = (1, 3, 6, 12)
# Of which there must be enough that anything is told.
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
class Horizon:
    """What of the outstanding points is expected to be spent in so many months, and how such forecasts did.

    Attributes:
        ahead: months.
        expected: points.
        low: at least so many, at the level.
        high: at most so many, at the level.
        level: the share of such forecasts that the interval is promised to hold, by the ranks of the past errors less one.
        coverage: of the past forecasts, those that fell into the interval made of the errors known before them; None when there were none.
        evaluations: how many those are.
        checks: the back-test, oldest first.
    """

    ahead: int
    expected: int
    low: int
    high: int
    level: float
    coverage: float | None
    evaluations: int
    checks: Sequence[Check]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What of the outstanding points is expected to be spent.

    Attributes:
        reason: why there is no forecast; None when there is one.
        months: complete months of history.
        expected: points.
        low: at least so many, at the level.
        high: at most so many, at the level.
        level: the least that is promised of a horizon.
        coverage: of the past forecasts of `TESTED_AHEAD` months, those that fell into the interval known before them; None without any.
        evaluations: how many those are.
        horizons: the forecasts of so many months that have been tested, nearest first; the interval is the widest of theirs.
        checks: the back-test of `TESTED_AHEAD` months.
        cohorts: oldest first.
    """

    reason: Reason | None
    months: int
    cohorts: Sequence[Cohort]
    horizons: Sequence[Horizon] = ()
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
    tested = checks[TESTED_AHEAD]
    if not any(flow.redeemed > 0 for flow in flows):
        return Forecast("nothing_redeemed", months, cohorts)
    if months < MIN_MONTHS or len(tested) < MIN_CUT_OFFS:
        return Forecast("history_short", months, cohorts, checks=tested)
    errors = widened({ahead: [check.error for check in of_it] for ahead, of_it in checks.items()})
    horizons = [_horizon(ahead, held, shares, now, errors[ahead], checks) for ahead in errors]
    expected = sum(cohort.expected for cohort in cohorts)
    outstanding = sum(held.values())
    lowest, highest, _ = errors[max(errors)]
    [own] = [horizon for horizon in horizons if horizon.ahead == TESTED_AHEAD]
    return Forecast(
        None,
        months,
        cohorts,
        horizons,
        tested,
        expected,
        low=_within(expected * (1 + lowest), outstanding),
        high=_within(expected * (1 + highest), outstanding),
        level=min(horizon.level for horizon in horizons),
        coverage=own.coverage,
        evaluations=own.evaluations,
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


def back_test(flows: Sequence[Flow], first: int, now: int) -> Mapping[int, Sequence[Check]]:
    """Return the forecasts that would have been made in the past, with nothing known of what came later, by how far they look ahead."""
    checks: dict[int, list[Check]] = {ahead: [] for ahead in HORIZONS}
    for month in range(max(first + FIRST_CUT_OFF, now - min(HORIZONS) - MAX_CUT_OFFS + 1), now):
        held, shares = _held(flows, month), shares_of(flows, month)
        spent = _spent_after(flows, month)
        for ahead in HORIZONS:
            expected = round(sum(to_be_redeemed(held, shares, month, ahead).values()))
            if month + ahead <= now and expected > 0:
                checks[ahead].append(Check(month, expected, sum(spent.get(month + later, 0) for later in range(ahead))))
    return checks


def interval(errors: Sequence[float]) -> tuple[float, float, float]:
    """Return the lowest and highest error to reckon with, and at which level: by ranks, as wide as few errors make necessary."""
    ranked = sorted(errors)
    # Without the guard a tenth of 20 is less than two for a float.
    cut = max(1, int((len(ranked) + 1) * (1 - LEVEL) / 2 + 1e-9))
    return ranked[cut - 1], ranked[-cut], (len(ranked) + 1 - 2 * cut) / (len(ranked) + 1)


def widened(errors: Mapping[int, Sequence[float]]) -> dict[int, tuple[float, float, float]]:
    """Return the interval of errors for each number of months ahead, each as wide at least as those of fewer months, and its level.

    Where there are too few errors there is none.
    """
    found: dict[int, tuple[float, float, float]] = {}
    lowest, highest = 0.0, 0.0
    for ahead in (ahead for ahead in sorted(errors) if len(errors[ahead]) >= MIN_CUT_OFFS):
        low, high, level = interval(errors[ahead])
        lowest, highest = (min(low, lowest), max(high, highest)) if found else (low, high)
        found[ahead] = (lowest, highest, level)
    return found


def coverage_of(checks: Mapping[int, Sequence[Check]], ahead: int) -> tuple[float | None, int]:
    """Return how many of the past forecasts fell into the interval that was known by then, and how many there were to look at."""
    hits = []
    for check in checks[ahead]:
        known = widened(
            {other: [one.error for one in of_it if one.month + other <= check.month] for other, of_it in checks.items() if other <= ahead}
        )
        if ahead in known:
            lowest, highest, _ = known[ahead]
            hits.append(lowest <= check.error <= highest)
    return (sum(hits) / len(hits) if hits else None), len(hits)


def _horizon(
    ahead: int,
    held: Mapping[int, int],
    shares: Mapping[int, Share],
    now: int,
    errors: tuple[float, float, float],
    checks: Mapping[int, Sequence[Check]],
) -> Horizon:
    expected = sum(to_be_redeemed(held, shares, now, ahead).values())
    outstanding = sum(held.values())
    lowest, highest, level = errors
    low, high = (_within(expected * (1 + error), outstanding) for error in (lowest, highest))
    # One error less than the ranks say: past forecasts knew shorter histories, so their errors are not quite those of this one.
    promised = min(level - 1 / (len(checks[ahead]) + 1), LEVEL)
    coverage, evaluations = coverage_of(checks, ahead)
    return Horizon(ahead, round(expected), low, high, promised, coverage, evaluations, checks[ahead])


def _spent_after(flows: Sequence[Flow], month: int) -> dict[int, int]:
    """Return what was spent in each month from one on, of what was earned before it."""
    spent: dict[int, int] = defaultdict(int)
    for flow in flows:
        if flow.cohort < month <= flow.month:
            spent[flow.month] += flow.redeemed
    return spent


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

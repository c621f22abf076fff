"""Where a member stands: a function of what was earned when, of the schemes that were in force, and of the instant. Pure.

The rules, which neither the order of telling nor any pass changes:

1. What an order earned counts from the moment when it was placed, less all that had come back by the instant that is looked at: from a
   return on, what came back was never bought, and a tier that rested on it is gone at once. Before the return it was there.
2. In a calendar period everything since its beginning counts; in a rolling window everything that is not older than the window.
3. A tier is reached as soon as the threshold is met. Reached in a calendar period it is kept until the period's end, or that of so many
   periods later; in a rolling window as long as the progress stays at the threshold and at least `hold_months` after each earning that
   met it. Then come the days of grace.
4. Where the right to a tier ends, the member falls to what he has a right to (`hard`), one tier down, which he keeps for one more period
   or window (`soft`), or not at all (`none`).
5. A tier that a person gave is a floor as long as it lasts.
6. At each instant the scheme counts whose version is the highest of those that had begun, and judges the whole history.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from heapq import heapify, heappop, heappush
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from loyalty.tiers.periods import end_of_period, period_of, shift

Measure = Literal["points", "spend", "visits"]
Downgrade = Literal["hard", "soft", "none"]
Reason = Literal["earned", "lapsed", "returned", "scheme", "given"]
_DAY = timedelta(days=1)
# At most, with an hour for a change of the clocks in `reach`.
_LONGEST = {"days": _DAY, "months": 31 * _DAY, "month": 31 * _DAY, "quarter": 92 * _DAY, "year": 366 * _DAY}
# The beginning of what has none, and the end.
EVER = datetime(1, 1, 2, tzinfo=UTC)
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


class Tier(NamedTuple):
    """A step of a scheme: from which progress on it is reached, and what it gives."""

    code: str
    threshold: int
    name: Mapping[str, str] = {}
    benefits: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Scheme:
    """All tiers of a programme and how they are reached, from a moment on.

    Attributes:
        version: the higher counts.
        effective_from: it counts from then on.
        zone: by whose clocks periods begin and end.
        tiers: the lowest first; thresholds rise.
        measure: points of a wallet, money spent, or orders.
        wallet: whose points count.
        unit: year, quarter or month of a calendar; or days or months of a rolling window ...
        window: ... of so many; 0 for a calendar.
        carry_periods: for how many further calendar periods a tier is kept.
        hold_months: how long it is kept at least, in a rolling window.
        grace_days: how much longer.
        downgrade: what happens then.
    """

    version: int
    effective_from: datetime
    zone: ZoneInfo
    tiers: Sequence[Tier]
    measure: Measure = "spend"
    wallet: str = "tier_points"
    unit: str = "year"
    window: int = 0
    carry_periods: int = 0
    hold_months: int = 0
    grace_days: int = 0
    downgrade: Downgrade = "hard"

    @property
    def counts(self) -> str:
        """Which facts count: spend, visits, or points and their wallet."""
        return f"points:{self.wallet}" if self.measure == "points" else self.measure

    @cached_property
    def thresholds(self) -> list[int]:
        """The thresholds, rising."""
        return [tier.threshold for tier in self.tiers]

    def level(self, progress: int) -> int:
        """Return how many tiers a progress reaches."""
        return bisect_right(self.thresholds, progress)

    def level_of(self, code: str | None) -> int:
        """Return the place of a tier, from 1; 0 for none."""
        return next((place for place, tier in enumerate(self.tiers, 1) if tier.code == code), 0)

    def code(self, level: int) -> str | None:
        """Return the tier of a place."""
        return self.tiers[level - 1].code if level else None

    def leaves(self, moment: datetime) -> datetime:
        """Return when what was earned at a moment is older than the rolling window."""
        return shift(moment, self.zone, **{self.unit: self.window})

    def kept_until(self, moment: datetime) -> datetime:
        """Return until when a tier is kept: one reached at a moment of a calendar, or one whose progress a window lost at it."""
        end = moment if self.window else end_of_period(moment, self.unit, self.zone, self.carry_periods)
        return shift(end, self.zone, days=self.grace_days)

    def landed_until(self, moment: datetime) -> datetime:
        """Return until when the tier is kept that a soft landing at a moment led to."""
        return self.kept_until(self.leaves(moment) if self.window else moment)

    @property
    def reach(self) -> timedelta | None:
        """How long, at most, what is earned can matter; None when it can for ever."""
        if self.downgrade != "hard":
            return None
        unit = _LONGEST[self.unit]
        return unit * (self.window or self.carry_periods + 1) + _LONGEST["months"] * self.hold_months + timedelta(days=self.grace_days + 2)

    def window_at(self, moment: datetime) -> tuple[datetime, datetime | None]:
        """Return from when to when what is earned counts at a moment; a rolling window has no end."""
        if not self.window:
            return period_of(moment, self.unit, self.zone)
        return shift(moment, self.zone, **{self.unit: -self.window}), None


class Fact(NamedTuple):
    """Something that counts: `counts_at` says in which period, `happened_at` since when it is so."""

    counts_at: datetime
    happened_at: datetime
    amount: int
    # See `Scheme.counts`.
    measure: str = "spend"


class Override(NamedTuple):
    """A tier that a person gave, from then until `until` or the next; none ends the one before."""

    tier: str | None
    set_at: datetime
    until: datetime


@dataclass(frozen=True)
class History:
    """What is known of a family, in any order."""

    started_at: datetime | None = None
    facts: Sequence[Fact] = ()
    overrides: Sequence[Override] = ()

    def until(self, at: datetime) -> "History":
        """Return it without what happened after an instant."""
        return History(
            self.started_at if self.started_at is not None and self.started_at <= at else None,
            [fact for fact in self.facts if max(fact.counts_at, fact.happened_at) <= at],
            [override for override in self.overrides if override.set_at <= at],
        )

    def of(self, measure: str) -> "History":
        """Return it with the facts of a measure only."""
        return History(self.started_at, [fact for fact in self.facts if fact.measure == measure], self.overrides)

    def before(self, at: datetime) -> "History":
        """Return it without what happened at or after an instant; what a person gave at it counts."""
        return History(
            self.started_at,
            [fact for fact in self.facts if max(fact.counts_at, fact.happened_at) < at],
            [override for override in self.overrides if override.set_at <= at],
        )


class Change(NamedTuple):
    """From an instant on he has another tier."""

    at: datetime
    tier: str | None
    previous: str | None
    reason: Reason
    version: int


@dataclass(frozen=True, kw_only=True)
class Stood:
    """What a member has at an instant.

    Attributes:
        tier: its code; None below the first.
        scheme: in force at the instant; None before there was one.
    """

    tier: str | None = None
    scheme: Scheme | None = None

    @property
    def benefits(self) -> Mapping[str, Any]:
        """What the tier gives."""
        return {} if self.scheme is None or self.tier is None else self.scheme.tiers[self.scheme.level_of(self.tier) - 1].benefits


@dataclass(frozen=True, kw_only=True)
class Standing(Stood):
    """Where a member stands at an instant.

    Attributes:
        since: since when without a break.
        until: when it ends if nothing else is earned; None when it does not end.
        falls_to: the tier that he has then.
        progress: points, minor units or visits that count now.
        next: the next higher tier.
        distance: how much is missing for it.
    """

    since: datetime | None = None
    until: datetime | None = None
    falls_to: str | None = None
    progress: int = 0
    next: str | None = None
    distance: int | None = None


def in_force(schemes: Iterable[Scheme], at: datetime) -> Scheme | None:
    """Return the scheme that counts at an instant."""
    return max((scheme for scheme in schemes if scheme.effective_from <= at), key=lambda scheme: scheme.version, default=None)


def standing(history: History, schemes: Sequence[Scheme], at: datetime) -> Standing:
    """Return where somebody stands at an instant by what had happened until then.

    Args:
        history: in any order; what happened later does not count.
        schemes: of one programme, in any order; `history` holds what their measures count.
        at: the instant.
    """
    scheme = in_force(schemes, at)
    if scheme is None:
        return Standing()
    known = history.until(at)
    changes = chronicle(known, [scheme for scheme in schemes if scheme.effective_from <= at])
    return standing_of(changes, known, scheme, at)


def standing_of(changes: Sequence[Change], known: History, scheme: Scheme, at: datetime) -> Standing:
    """Return where somebody stands at an instant.

    Args:
        changes: every change of his tier by what is known, ahead of the instant too.
        known: what had happened until the instant.
        scheme: in force at it.
        at: the instant.
    """
    last = next((change for change in reversed(changes) if change.at <= at), None)
    ahead = next((change for change in changes if change.at > at), None)
    held = (last.tier, last.at) if last is not None and last.tier is not None else (None, None)
    then = (ahead.at, ahead.tier) if ahead is not None else (None, None)
    return standing_on(scheme, *held, *then, progress_at(known.of(scheme.counts), scheme, at))


def standing_on(
    scheme: Scheme, tier: str | None, since: datetime | None, until: datetime | None, falls_to: str | None, progress: int
) -> Standing:
    """Return the standing of who has a tier and a progress; see `Standing`."""
    following = scheme.level_of(tier)
    above = scheme.tiers[following] if following < len(scheme.tiers) else None
    return Standing(
        tier=tier,
        since=since,
        until=until,
        falls_to=falls_to,
        progress=progress,
        next=above.code if above else None,
        distance=max(above.threshold - progress, 0) if above else None,
        scheme=scheme,
    )


def is_out_of_reach(history: History, schemes: Sequence[Scheme]) -> bool:
    """Return whether all that was ever earned, and nothing that a person gave, leads to no tier; quick to tell, and true of most."""
    if history.overrides:
        return False
    sums: dict[str, int] = defaultdict(int)
    for fact in history.facts:
        sums[fact.measure] += max(fact.amount, 0)
    return all(scheme.level(sums[scheme.counts]) == 0 for scheme in schemes)


def progress_at(history: History, scheme: Scheme, at: datetime) -> int:
    """Return what counts at an instant; the history ends there and has the scheme's facts only."""
    if scheme.window:
        return sum(fact.amount for fact in history.facts if fact.counts_at <= at < scheme.leaves(fact.counts_at))
    begins, _ = period_of(at, scheme.unit, scheme.zone)
    return sum(fact.amount for fact in history.facts if begins <= fact.counts_at <= at)


def chronicle(history: History, schemes: Sequence[Scheme], since: datetime = EVER, before: str | None = None) -> list[Change]:
    """Return every change of tier, the first first; those that lie ahead are what time alone will bring.

    Args:
        history: in any order.
        schemes: in any order; none changes anything before it counts.
        since: only changes from then on; what lies further back than the scheme's `reach` need not be in the history.
        before: the tier that he had until then.
    """
    begins = sorted({scheme.effective_from for scheme in schemes if in_force(schemes, scheme.effective_from) is scheme})
    given = {moment for override in history.overrides for moment in (override.set_at, override.until)}
    changes: list[Change] = []
    for place, begin in enumerate(begins):
        scheme = in_force(schemes, begin)
        assert scheme is not None
        end = begins[place + 1] if place + 1 < len(begins) else None
        if end is not None and end <= since:
            continue
        first = max(begin, since)
        own = history.of(scheme.counts)
        returns = {fact.happened_at for fact in own.facts if fact.happened_at > fact.counts_at}
        for at, level in _between(_with_overrides(_levels(own, scheme, first), history.overrides, scheme), first, end):
            code, previous = scheme.code(level), changes[-1].tier if changes else before
            if code != previous and at < FOREVER:
                is_rise = level > scheme.level_of(previous)
                changes.append(Change(at, code, previous, _reason(at, begin, given, returns, is_rise=is_rise), scheme.version))
    return changes


def _reason(at: datetime, begin: datetime, given: set[datetime], returns: set[datetime], *, is_rise: bool) -> Reason:
    if at == begin:
        return "scheme"
    if at in given:
        return "given"
    if at in returns and not is_rise:
        return "returned"
    return "earned" if is_rise else "lapsed"


# What somebody has from an instant on, as a place among the tiers.
_Step = tuple[datetime, int]


def _between(steps: Sequence[_Step], begin: datetime, end: datetime | None) -> list[_Step]:
    """Return the steps of a stretch of time, with the one that it begins on."""
    before = [level for at, level in steps if at <= begin]
    inside = [(at, level) for at, level in steps if begin < at and (end is None or at < end)]
    return [(begin, before[-1] if before else 0), *inside]


def _levels(history: History, scheme: Scheme, since: datetime) -> list[_Step]:
    """Return the steps from an instant on by what was earned, of the scheme's facts: between two returns, by what was kept until then."""
    late = sorted({fact.happened_at for fact in history.facts if fact.happened_at > fact.counts_at})
    starts: list[datetime] = [fact.counts_at for fact in history.facts]
    if history.started_at is not None:
        starts.append(history.started_at)
    if not starts or not scheme.tiers:
        return []
    start = min(starts)
    steps: list[_Step] = []
    for place, begin in enumerate([start, *late]):
        end = late[place] if place < len(late) else None
        if end is not None and end <= since:
            continue
        # What lies too far back for the stretch, or after it, need not be looked at.
        first = max(begin, since) - scheme.reach if scheme.reach is not None and max(begin, since) > start else start
        kept: dict[datetime, int] = defaultdict(int)
        for fact in history.facts:
            if first <= fact.counts_at and (end is None or fact.counts_at < end) and fact.happened_at <= max(fact.counts_at, begin):
                kept[fact.counts_at] += fact.amount
        steps += _between(_fold(sorted(kept.items()), scheme, start), max(begin, since), end)
    return steps


class _Right(NamedTuple):
    begins: datetime
    ends: datetime
    level: int


def _fold(kept: Sequence[tuple[datetime, int]], scheme: Scheme, start: datetime) -> list[_Step]:
    rights = sorted(_rolling(kept, scheme) if scheme.window else _by_calendar(kept, scheme))
    base = scheme.level(0)
    steps, level = [(start, base)], base
    moments = [moment for right in rights for moment in (right.begins, right.ends)]
    heapify(moments)
    active: list[tuple[int, datetime]] = []
    place = 0
    while moments:
        at = heappop(moments)
        while place < len(rights) and rights[place].begins <= at:
            heappush(active, (-rights[place].level, rights[place].ends))
            place += 1
        # Of equal levels the one that ends first stands first, so those that ended are on top one after the other.
        while active and active[0][1] <= at:
            heappop(active)
        reached = max(base, -active[0][0] if active else base)
        if reached < level and scheme.downgrade == "none":
            reached = level
        elif reached < level - 1 and scheme.downgrade == "soft":
            reached = level - 1
            heappush(active, (-reached, scheme.landed_until(at)))
            heappush(moments, scheme.landed_until(at))
        if reached != level:
            level = reached
            steps.append((at, level))
    return steps


def _by_calendar(kept: Sequence[tuple[datetime, int]], scheme: Scheme) -> list[_Right]:
    rights: list[_Right] = []
    base, progress, highest = scheme.level(0), 0, 0
    ends: datetime | None = None
    for at, amount in kept:
        if ends is None or at >= ends:
            _, ends = period_of(at, scheme.unit, scheme.zone)
            progress, highest = 0, base
        progress += amount
        level = scheme.level(progress)
        if level > highest:
            highest = level
            rights.append(_Right(at, scheme.kept_until(at), level))
    return rights


def _rolling(kept: Sequence[tuple[datetime, int]], scheme: Scheme) -> list[_Right]:
    moves: dict[datetime, list[int]] = defaultdict(list)
    for at, amount in kept:
        moves[at].append(amount)
        moves[scheme.leaves(at)].append(-amount)
    earned = {at for at, amount in kept if amount > 0}
    rights: list[_Right] = []
    base, progress = scheme.level(0), 0
    level, since = base, None
    for at in sorted(moves):
        progress += sum(moves[at])
        reached = max(scheme.level(progress), base)
        if reached != level:
            if since is not None and level > base:
                rights.append(_Right(since, scheme.kept_until(at) if reached < level else at, level))
            level, since = reached, at
        if at in earned and level > base and scheme.hold_months:
            rights.append(_Right(at, scheme.kept_until(shift(at, scheme.zone, months=scheme.hold_months)), level))
    return rights


def _with_overrides(steps: list[_Step], overrides: Sequence[Override], scheme: Scheme) -> list[_Step]:
    if not overrides:
        return steps
    ordered = sorted(overrides, key=lambda override: (override.set_at, override.tier or "", override.until))
    floors: list[tuple[datetime, datetime, int]] = []
    for place, override in enumerate(ordered):
        end = min(override.until, ordered[place + 1].set_at) if place + 1 < len(ordered) else override.until
        floors.append((override.set_at, end, scheme.level_of(override.tier)))
    moments = sorted({at for at, _ in steps} | {moment for begin, end, _ in floors for moment in (begin, end)})
    earned = [at for at, _ in steps]
    made: list[_Step] = []
    for at in moments:
        place = bisect_right(earned, at)
        level = max([steps[place - 1][1] if place else 0, *(floor for begin, end, floor in floors if begin <= at < end)])
        if not made or made[-1][1] != level:
            made.append((at, level))
    return made

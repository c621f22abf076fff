"""One step from where a family is known to stand to where it stands after some news: by sums over a window, not the whole history. Pure.

Everything here is only a shorter way to what `rules.chronicle` says, and says None where there is no shorter way.

Why a sum is enough:

- More earned never ends a tier sooner. So a member keeps at least what he has until `until`, and has more only from the moment on at which
  the window holds the next threshold. All that counts at any moment since the news lies after the beginning of the window of the first of
  them: where the sum of that stays below the threshold, nobody rose.
- What was earned last leaves the window last, and is held longest. So if it met the tier, it says until when; and then nothing is left.
- Less earned never gives a tier, unless a landing is soft. So where what lies in the window of the present, and was there before something
  came back, still holds the threshold, nothing was lost.

All this needs moments to leave a window in the order in which they came. Changes of the clocks and the ends of months can turn it around;
near those there is no shorter way.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from loyalty.tiers.periods import is_in_order, is_steady, opening, period_of, shift
from loyalty.tiers.rules import FOREVER, Change, Scheme

_MICROSECOND = timedelta(microseconds=1)
# What is looked at in no time.
_MANY = 64


class Kept(NamedTuple):
    """Where a family stands by what is kept, true but for the news of it.

    Attributes:
        root: the family.
        present: the instant looked at.
        tier: its code; None below the first.
        since: since when it has the tier; None when it has none.
        steady_since: when last anything changed; None when nothing ever did.
        until: when the tier ends if nothing else is earned; None when it does not end.
        falls_to: the tier of then.
        version: of the scheme by which it was looked at; 0 when it has to be looked at anew.
        told_tier: what the last event told.
        sequence: its number.
        news_from: from when on it may not be true; None when there are no news.
        is_less: whether something was taken.
        is_more: whether something was added.
        is_given: whether a person gave a tier that has not ended before the news.
        counted: what counted in a window by all news; None when nobody has counted, which is quick of who has little.
        counted_after: after which moment ...
        counted_upto: ... and until which.
        moved_at: when last something of it came back.
    """

    root: str
    present: datetime
    tier: str | None
    since: datetime | None
    steady_since: datetime | None
    until: datetime | None
    falls_to: str | None
    version: int
    told_tier: str | None
    sequence: int
    news_from: datetime | None
    is_less: bool | None
    is_more: bool | None
    is_given: bool
    counted: int | None
    counted_after: datetime | None
    counted_upto: datetime | None
    moved_at: datetime | None


class Window(NamedTuple):
    """Which sum is asked for: of what counts of a family after a moment and until another."""

    root: str
    after: datetime
    upto: datetime


class Sum(NamedTuple):
    """What counts in a window.

    Attributes:
        total: its sum.
        earned_at: when last something was earned that is left.
        moved_at: when last something came back.
        looked: how much was looked at.
    """

    total: int
    earned_at: datetime | None
    moved_at: datetime | None
    looked: int


class Right(NamedTuple):
    """A tier, by its place, that what was earned gives until a moment."""

    level: int
    ends: datetime


class Ahead(NamedTuple):
    """A place among the tiers, and what time alone brings."""

    level: int
    until: datetime | None
    falls_to: int


def is_worth_counting(found: Sum) -> bool:
    """Return whether to keep a sum for the next time; what an adjustment took makes that impossible."""
    return found.looked > _MANY and (found.moved_at is None or found.moved_at < FOREVER)


def window_begin(scheme: Scheme, moment: datetime) -> datetime | None:
    """Return the moment after which exactly what was earned counts at another one; None where there is no such moment."""
    if not scheme.window:
        return period_of(moment, scheme.unit, scheme.zone)[0] - _MICROSECOND
    return opening(moment, scheme.zone, **{scheme.unit: scheme.window})


def is_step(kept: Kept, scheme: Scheme) -> bool:
    """Return whether there may be a shorter way for the news of a family."""
    news = kept.news_from
    return (
        news is not None
        and not kept.is_given
        and kept.is_less != kept.is_more
        and news >= scheme.effective_from
        and (kept.steady_since is None or kept.steady_since <= news)
        and not (kept.is_less and scheme.downgrade == "soft")
    )


def is_idle(kept: Kept, scheme: Scheme) -> bool:
    """Return whether news of a kind that has a shorter way change nothing, whatever the sums are."""
    base = scheme.level(0)
    level = scheme.level_of(kept.tier)
    if kept.is_less:
        return level <= base
    assert kept.news_from is not None
    if level < len(scheme.tiers) or level <= base:
        return False
    if scheme.downgrade == "none":
        return True
    return not scheme.window and kept.until == scheme.kept_until(kept.news_from) == scheme.kept_until(kept.present)


def asked(kept: Kept, scheme: Scheme) -> Window | None:
    """Return the window whose sum decides what the news of a family do; None where none does."""
    assert kept.news_from is not None
    after = window_begin(scheme, kept.present if kept.is_less else kept.news_from)
    return Window(kept.root, after, kept.news_from if kept.is_less else kept.present) if after is not None else None


def last_of(kept: Kept, scheme: Scheme, found: Sum) -> Window | None:
    """Return the window of what was earned last; None where it is unclear."""
    assert found.earned_at is not None
    after = window_begin(scheme, found.earned_at)
    return Window(kept.root, after, found.earned_at) if after is not None else None


def reached(kept: Kept, scheme: Scheme, found: Sum, last: Sum) -> int | None:
    """Return the place that was reached by what was earned last; None where the sums do not decide what the news do.

    Args:
        kept: where the family stood.
        scheme: in force.
        found: the sum over the window of `asked`.
        last: the sum over the window of what was earned last.
    """
    base = scheme.level(0)
    level = max(scheme.level_of(kept.tier), base if kept.tier is not None else 0)
    news, at = kept.news_from, found.earned_at
    assert news is not None
    if kept.is_less:
        is_kept = found.total >= scheme.thresholds[level - 1] and (found.moved_at is None or found.moved_at <= kept.present)
        return level if is_kept and at is not None else None
    if at is None:
        return base
    if found.moved_at is not None and found.moved_at > news:
        return None
    if not scheme.window and window_begin(scheme, at) != window_begin(scheme, news):
        return None
    highest, now = max(scheme.level(found.total), base), max(scheme.level(last.total), base)
    if highest > level:
        is_rise = at == news and news > scheme.effective_from and (kept.steady_since is None or kept.steady_since < news)
        return now if is_rise else None
    return now if now in (level, highest) else None


def is_clear(scheme: Scheme, at: datetime) -> bool:
    """Return whether nothing earned before a moment leaves the window, or is held, longer than what is earned at it."""
    if not scheme.window:
        return True
    if not is_in_order(at, scheme.zone, _months(scheme)):
        return False
    held = shift(at, scheme.zone, months=scheme.hold_months)
    return is_in_order(at, scheme.zone, scheme.hold_months) and (not scheme.grace_days or is_steady(held, scheme.zone))


def holds_longest(scheme: Scheme, at: datetime) -> bool:
    """Return whether what was earned at a moment is held at least as long as the window has it."""
    return not scheme.window or shift(at, scheme.zone, months=scheme.hold_months) >= scheme.leaves(at)


def _months(scheme: Scheme) -> int:
    return scheme.window if scheme.unit == "months" else 0


def rights(scheme: Scheme, at: datetime, level: int, falls: Sequence[datetime] = ()) -> list[Right] | None:
    """Return what is had by what was earned until a moment, all of it in order; None where the order is unclear.

    Args:
        scheme: in force.
        at: when last something was earned.
        level: the place that was reached by it.
        falls: for each place up to it, the moment whose leaving of the window loses it; not needed where it is held longest.
    """
    if not scheme.window:
        return [Right(level, scheme.kept_until(at))]
    found: list[Right] = []
    if scheme.hold_months:
        found.append(Right(level, scheme.kept_until(shift(at, scheme.zone, months=scheme.hold_months))))
    for place, moment in enumerate(falls, 1):
        if not is_in_order(moment, scheme.zone, _months(scheme)):
            return None
        found.append(Right(place, scheme.kept_until(scheme.leaves(moment))))
    return found


def ahead_of(kept: Kept, scheme: Scheme, level: int, had: Sequence[Right]) -> Ahead:
    """Return where a family stands after news, and what time alone brings.

    Args:
        kept: where it stood.
        scheme: in force.
        level: the place that was reached by what was earned last.
        had: the rights by it.
    """
    base = scheme.level(0)
    before = Ahead(scheme.level_of(kept.tier), kept.until, scheme.level_of(kept.falls_to))
    now = max(before.level, level)
    if now <= base:
        return Ahead(now, None, 0)
    if scheme.downgrade == "none":
        return Ahead(now, None, 0)
    own = max((right.ends for right in had if right.level >= now), default=None)
    until, falls_to = before.until, before.falls_to
    if level > before.level or kept.is_less or (level == before.level and own is not None and until is not None and own > until):
        until, falls_to = own, base
    assert until is not None
    falls_to = max([base, falls_to, *(right.level for right in had if right.level < now and right.ends > until)])
    return Ahead(now, until, max(falls_to, now - 1) if scheme.downgrade == "soft" else falls_to)


def stand_after(kept: Kept, scheme: Scheme, ahead: Ahead) -> tuple[Kept, Change | None]:
    """Return where a family stands after news, and the change when it rose."""
    code = scheme.code(ahead.level)
    falls_to = scheme.code(ahead.falls_to) if ahead.until is not None else None
    stands = kept._replace(until=ahead.until, falls_to=falls_to)
    if code == kept.tier:
        return stands, None
    assert kept.news_from is not None
    change = Change(kept.news_from, code, kept.tier, "earned", scheme.version)
    return stands._replace(tier=code, since=change.at, steady_since=change.at), change

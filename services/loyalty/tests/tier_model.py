"""Tiers counted the slow way: hour by hour, each hour summing everything anew."""

from datetime import UTC, datetime, timedelta

from loyalty.tiers.periods import end_of_period, period_of, shift
from loyalty.tiers.rules import History, Scheme

HOUR = timedelta(hours=1)


def kept_at(history: History, at: datetime) -> list[tuple[datetime, int]]:
    """What of the history was bought and had not come back."""
    return [(f.counts_at, f.amount) for f in history.facts if f.counts_at <= at and (f.happened_at <= at or f.happened_at <= f.counts_at)]


def progress(kept: list[tuple[datetime, int]], scheme: Scheme, at: datetime) -> int:
    if scheme.window:
        return sum(amount for moment, amount in kept if moment <= at < shift(moment, scheme.zone, **{scheme.unit: scheme.window}))
    period = period_of(at, scheme.unit, scheme.zone)
    return sum(amount for moment, amount in kept if moment <= at and period_of(moment, scheme.unit, scheme.zone) == period)


def level(history: History, scheme: Scheme, at: datetime, begin: datetime) -> int:
    """The place among the tiers at an instant, from the beginning hour by hour, with what was kept at that instant."""
    starts = [fact.counts_at for fact in history.facts if fact.counts_at <= at]
    if history.started_at is not None and history.started_at <= at:
        starts.append(history.started_at)
    earned = _earned(kept_at(history, at), scheme, at, begin) if starts else 0
    in_force = [o for o in history.overrides if o.set_at <= at]
    last = max(in_force, key=lambda o: (o.set_at, o.tier or "", o.until), default=None)
    return max(earned, scheme.level_of(last.tier) if last is not None and at < last.until else 0)


def _earned(kept: list[tuple[datetime, int]], scheme: Scheme, at: datetime, begin: datetime) -> int:
    base = scheme.level(0)
    now, rights, before = base, [], base
    moment = begin
    bought = {m for m, amount in _sums(kept) if amount > 0}
    while moment <= at:
        reached = max(scheme.level(progress(kept, scheme, moment)), base)
        if scheme.window:
            if reached < before:
                rights.append((shift(moment, scheme.zone, days=scheme.grace_days), before))
            if scheme.hold_months and moment in bought:
                held = shift(moment, scheme.zone, months=scheme.hold_months)
                rights.append((shift(held, scheme.zone, days=scheme.grace_days), reached))
        else:
            end = end_of_period(moment, scheme.unit, scheme.zone, scheme.carry_periods)
            rights.append((shift(end, scheme.zone, days=scheme.grace_days), reached))
        before = reached
        has = max([reached, *(right for ends, right in rights if moment < ends)])
        if has < now:
            if scheme.downgrade == "none":
                has = now
            elif scheme.downgrade == "soft" and has < now - 1:
                has = now - 1
                rights.append((scheme.landed_until(moment), has))
        now = has
        moment += HOUR
    return now


def _sums(kept: list[tuple[datetime, int]]) -> list[tuple[datetime, int]]:
    sums: dict[datetime, int] = {}
    for moment, amount in kept:
        sums[moment] = sums.get(moment, 0) + amount
    return list(sums.items())


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)

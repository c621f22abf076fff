"""The shorter way to where somebody stands after something was earned or came back, beside what the whole history says."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from tier_model import HOUR, utc

from loyalty.tiers import steps
from loyalty.tiers.periods import is_in_order, opening, shift
from loyalty.tiers.rules import Fact, History, Scheme, Tier, standing
from loyalty.tiers.steps import Kept, Sum

STEPS = [Tier("bronze", 0), Tier("silver", 5), Tier("gold", 10), Tier("black", 15)]
ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Riga", "America/New_York")]
BEGIN = utc(2026, 1, 1)
schemes = st.builds(
    Scheme,
    version=st.just(1),
    effective_from=st.just(utc(2020, 1, 1)),
    zone=st.sampled_from(ZONES),
    tiers=st.sampled_from([STEPS, STEPS[1:], STEPS[2:]]),
    unit=st.sampled_from(["days", "months"]),
    window=st.integers(1, 3),
    hold_months=st.sampled_from([0, 0, 1, 2]),
    grace_days=st.sampled_from([0, 0, 2]),
    downgrade=st.sampled_from(["hard", "soft", "none"]),
) | st.builds(
    Scheme,
    version=st.just(1),
    effective_from=st.just(utc(2020, 1, 1)),
    zone=st.sampled_from(ZONES),
    tiers=st.sampled_from([STEPS, STEPS[1:]]),
    unit=st.sampled_from(["month", "quarter"]),
    carry_periods=st.integers(0, 2),
    grace_days=st.sampled_from([0, 2]),
    downgrade=st.sampled_from(["hard", "soft", "none"]),
)
hours = st.integers(0, 24 * 110).map(lambda n: BEGIN + n * HOUR)
bought = st.lists(st.tuples(hours, st.integers(1, 12)), max_size=8)


def total(facts: list[Fact], after: datetime, upto: datetime, now: datetime) -> Sum:
    own: dict[datetime, int] = {}
    for fact in facts:
        if after < fact.counts_at and max(fact.counts_at, fact.happened_at) <= now:
            own[fact.counts_at] = own.get(fact.counts_at, 0) + fact.amount
    moved = [f.happened_at for f in facts if f.happened_at > f.counts_at > after]
    earned = max((at for at, amount in own.items() if amount > 0), default=None)
    return Sum(sum(amount for at, amount in own.items() if at <= upto), earned, max(moved, default=None), len(own))


def falls(facts: list[Fact], after: datetime, upto: datetime, thresholds: list[int]) -> list[datetime]:
    found, so_far = [], 0
    for fact in sorted(facts, reverse=True):
        if after < fact.counts_at <= upto:
            so_far += fact.amount
            while len(found) < len(thresholds) and so_far >= thresholds[len(found)]:
                found.append(fact.counts_at)
    return found


def kept_at(facts: list[Fact], scheme: Scheme, now: datetime, news: datetime, *, is_less: bool) -> Kept:
    found = standing(History(facts=facts), [scheme], now)
    own = ("cus_1", now, found.tier, found.since, found.since, found.until, found.falls_to)
    nothing = (False, None, None, None, None)
    return Kept(*own, 1, found.tier, 1, news, is_less, not is_less, *nothing)


def stepped(kept: Kept, facts: list[Fact], scheme: Scheme) -> tuple | None:
    """Where the shorter way leads: tier, until, falls_to; None where there is none."""
    if (kept.until is not None and kept.until <= kept.present) or not steps.is_step(kept, scheme):
        return None
    if steps.is_idle(kept, scheme):
        return kept.tier, kept.until, kept.falls_to
    window = steps.asked(kept, scheme)
    if window is None:
        return None
    found = total(facts, window.after, window.upto, kept.present)
    last = found
    end = window
    if found.earned_at is not None:
        end = steps.last_of(kept, scheme, found)
        if end is None:
            return None
        last = found if kept.is_less else total(facts, end.after, end.upto, kept.present)
    level = steps.reached(kept, scheme, found, last)
    if level is None or (level <= scheme.level(0) and level > scheme.level_of(kept.tier)):
        return None
    if found.earned_at is None or level <= scheme.level(0):
        return kept.tier, kept.until, kept.falls_to
    if not steps.is_clear(scheme, found.earned_at):
        return None
    moments = [] if steps.holds_longest(scheme, found.earned_at) else falls(facts, end.after, end.upto, scheme.thresholds)
    had = steps.rights(scheme, found.earned_at, level, moments)
    if had is None:
        return None
    stands, _ = steps.stand_after(kept, scheme, steps.ahead_of(kept, scheme, level, had))
    return None if stands.until is not None and stands.until <= kept.present else (stands.tier, stands.until, stands.falls_to)


@settings(max_examples=600, deadline=None)
@given(scheme=schemes, earlier=bought, amount=st.integers(1, 12), gap=st.integers(1, 24 * 20))
def test_what_is_earned_in_order_of_time(scheme, earlier, amount, gap):
    before = [Fact(at, at, many) for at, many in earlier]
    now = max([BEGIN, *(at for at, _ in earlier)]) + gap * HOUR
    kept = kept_at(before, scheme, now - timedelta(microseconds=1), now, is_less=False)._replace(present=now)
    found = stepped(kept, [*before, Fact(now, now, amount)], scheme)
    expected = standing(History(facts=[*before, Fact(now, now, amount)]), [scheme], now)
    assert found is None or found == (expected.tier, expected.until, expected.falls_to)


@settings(max_examples=400, deadline=None)
@given(scheme=schemes, earlier=bought.filter(bool), place=st.integers(0, 7), part=st.integers(1, 12), gap=st.integers(1, 24 * 20))
def test_what_comes_back(scheme, earlier, place, part, gap):
    before = [Fact(at, at, many) for at, many in earlier]
    now = max(at for at, _ in earlier) + gap * HOUR
    order = before[place % len(before)]
    facts = [*before, Fact(order.counts_at, now, -min(part, order.amount))]
    kept = kept_at(before, scheme, now - timedelta(microseconds=1), now, is_less=True)._replace(present=now)
    found = stepped(kept, facts, scheme)
    expected = standing(History(facts=facts), [scheme], now)
    assert found is None or found == (expected.tier, expected.until, expected.falls_to)


@settings(max_examples=400, deadline=None)
@given(
    zone=st.sampled_from(ZONES), days=st.integers(0, 40), months=st.integers(0, 14), minutes=st.integers(0, 60 * 24 * 800), near=st.data()
)
def test_an_opening_divides_what_has_left_from_what_has_not(zone, days, months, minutes, near):
    how = {"months": months} if months else {"days": days + 1}
    moment = utc(2026, 1, 1) + timedelta(minutes=minutes)
    found = opening(moment, zone, **how)
    if found is not None:
        other = found + timedelta(minutes=near.draw(st.integers(-6_000, 6_000)))
        assert (shift(other, zone, **how) > moment) == (other > found)
    if is_in_order(moment, zone, months):
        other = moment + timedelta(minutes=near.draw(st.integers(-6_000, 6_000)))
        assert (
            (shift(other, zone, **how) >= shift(moment, zone, **how))
            if other > moment
            else (shift(other, zone, **how) <= shift(moment, zone, **how))
        )

"""When challenges are met and how long streaks are, compared with counting the slow way."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.challenges.rules import Challenge, Fact, Tally, advance, amount_of, progress, streak, tally_of, told_tally
from loyalty.rules.rules import Occasion

BEGIN = datetime(2026, 3, 20, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Riga", "America/New_York", "Asia/Shanghai")]

moments = st.integers(0, 24 * 60).map(lambda hour: BEGIN + hour * HOUR)
facts = st.lists(st.tuples(moments, st.integers(1, 5)), max_size=25).map(
    lambda some: [Fact(at, f"src_{number}", amount) for number, (at, amount) in enumerate(some)]
)


def challenge(kind: Any = "count", target: int = 5, **more: Any) -> Challenge:
    defaults: dict[str, Any] = {"trigger": "order_placed", "starts_at": BEGIN, "ends_at": None, "zone": ZONES[0], "max_times": None}
    return Challenge("chl_1", "prg_1", kind=kind, target=target, **defaults | more)


@settings(max_examples=300, deadline=None)
@given(facts=facts, target=st.integers(1, 20), times=st.none() | st.integers(1, 3))
def test_a_sum_is_met_each_time_that_a_coin_fills_it(facts, target, times):
    filled, met, coins = 0, [], 0
    for fact in sorted(facts):
        for _ in range(fact.amount):
            if times is None or len(met) < times:
                coins += 1
                if coins == target:
                    met.append(fact.occurred_at)
                    coins = 0
            else:
                filled += 1
    found = progress(challenge(target=target, max_times=times), facts)
    assert list(found.completed) == met
    assert found.value == (target if times is not None and len(met) == times else coins)


@settings(max_examples=300, deadline=None)
@given(facts=facts, target=st.integers(1, 12), days=st.integers(1, 6))
def test_within_days_only_what_lies_so_close_together_adds_up(facts, target, days):
    ordered, met, start = sorted(facts), [], 0
    for place, fact in enumerate(ordered):
        near = [one for one in ordered[start : place + 1] if fact.occurred_at < one.occurred_at + days * DAY]
        if sum(one.amount for one in near) >= target:
            met.append(fact.occurred_at)
            start = place + 1
    assert list(progress(challenge(target=target, within_days=days), facts).completed) == met


def _active(facts, unit, zone):
    dates = {fact.occurred_at.astimezone(zone).date() for fact in facts}
    if unit == "day":
        return dates
    if unit == "week":
        return {date - timedelta(days=date.weekday()) for date in dates}
    return {date.replace(day=1) for date in dates}


def _following(first, unit):
    if unit == "month":
        return (first.replace(day=28) + timedelta(days=5)).replace(day=1)
    return first + timedelta(days=1 if unit == "day" else 7)


def _period(moment, unit, zone):
    [found] = _active([Fact(moment, "", 1)], unit, zone)
    return found


@settings(max_examples=300, deadline=None)
@given(
    facts=facts,
    unit=st.sampled_from(["day", "week", "month"]),
    grace=st.integers(0, 2),
    zone=st.sampled_from(ZONES),
    at=st.integers(0, 24 * 70).map(lambda hour: BEGIN + hour * HOUR),
)
def test_a_streak_is_what_walking_through_the_calendar_gives(facts, unit, grace, zone, at):
    told = [fact for fact in facts if fact.occurred_at <= at]
    active, length, longest, missed = _active(told, unit, zone), 0, 0, 0
    period, last = _period(BEGIN - 40 * DAY, unit, zone), _period(at, unit, zone)
    while period <= last:
        if period in active:
            length, missed = length + 1, 0
            longest = max(longest, length)
        elif period < last or missed + 1 <= grace:
            # The present period is not missed before it is over.
            missed += period < last
            if missed > grace:
                length = 0
        period = _following(period, unit)
    found = streak(challenge("streak", 2, unit=unit, grace=grace, zone=zone), facts, at)
    assert (found.current, found.longest) == (length, longest)
    if found.breaks_at is not None:
        rule = challenge("streak", 2, unit=unit, grace=grace, zone=zone)
        assert streak(rule, told, found.breaks_at - timedelta(microseconds=1)).current == length
        assert streak(rule, told, found.breaks_at).current == 0


@settings(max_examples=200, deadline=None)
@given(facts=facts, kind=st.sampled_from(["count", "streak"]), within=st.none() | st.integers(1, 5), seed=st.integers(0, 2**32))
def test_the_order_of_telling_changes_nothing_and_more_never_takes_anything(facts, kind, within, seed):
    rule = challenge(kind, 3, within_days=within if kind == "count" else None)
    shuffled = Random(seed).sample(facts, len(facts))
    assert progress(rule, shuffled) == progress(rule, facts)
    if within is None and kind == "count":
        assert len(progress(rule, facts[:-1]).completed) <= len(progress(rule, facts).completed)


@settings(max_examples=300, deadline=None)
@given(
    facts=facts,
    kind=st.sampled_from(["count", "near", "streak"]),
    target=st.integers(2, 9),
    times=st.none() | st.integers(1, 3),
    days=st.integers(1, 5),
    zone=st.sampled_from(ZONES),
    cut=st.integers(0, 25),
)
def test_counting_on_from_a_tally_that_was_kept_is_counting_everything(facts, kind, target, times, days, zone, cut):
    within = days if kind == "near" else None
    rule = challenge("streak" if kind == "streak" else "count", target, within_days=within, max_times=times, zone=zone)
    ordered = sorted(facts)
    before, after = ordered[:cut], ordered[cut:]
    whole = advance(rule, Tally(), facts)
    half, met = advance(rule, Tally(), before)
    if not before or not after:
        return
    # What the database hands back: everything after what met it last that lies close enough, and what is new.
    near = [
        fact
        for fact in before
        if within is not None
        and fact.occurred_at > after[0].occurred_at - (within + 1) * DAY
        and (half.met_by is None or (fact.occurred_at, fact.source_id) > half.met_by)
    ]
    kept, later = tally_of(told_tally(half, zone.key), [*after, *near])
    assert later == after
    tally, more = advance(rule, kept, later)
    assert (tally.met, tally.value, tally.place, [*met, *more]) == (whole[0].met, whole[0].value, whole[0].place, whole[1])


def test_a_streak_is_met_when_it_is_so_long_and_again_when_it_is_twice_as_long():
    rule = challenge("streak", 3, unit="day", grace=1)
    days = [0, 1, 3, 4, 5, 6, 9, 10, 11]
    found = progress(rule, [Fact(BEGIN + day * DAY, f"src_{day}", 1) for day in days])
    assert [(at - BEGIN).days for at in found.completed] == [3, 6, 11]


def test_what_counts_of_an_event():
    lines = [{"sku": "T", "quantity": 2, "amount_minor": 500, "category": "tea"}, {"sku": "C", "quantity": 1, "amount_minor": 300}]
    order = Occasion("order_placed", "ord_1", "cus_1", BEGIN, {"amount_minor": 800, "lines": lines, "channel": "app"})
    tea = frozenset({"tea"})
    assert amount_of(challenge("spend"), order) == 800
    assert amount_of(challenge("spend", categories=tea), order) == 500
    assert amount_of(challenge("quantity", categories=tea), order) == 2
    assert amount_of(challenge("count", skus=frozenset({"X"})), order) == 0
    assert amount_of(challenge("count", condition="event.channel == 'app'"), order) == 1
    assert amount_of(challenge("count", condition="event.channel == 'web'"), order) == 0
    assert amount_of(challenge("count", starts_at=BEGIN + HOUR), order) == 0
    assert amount_of(challenge("count", ends_at=BEGIN), order) == 0
    assert amount_of(challenge("count", trigger="interaction_recorded"), order) == 0

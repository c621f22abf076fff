"""Where members stand, compared with counting hour by hour; and the calendar of zones with summer time."""

from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tier_model import HOUR, kept_at, level, progress, utc

from loyalty.tiers.facts import Row, history_of
from loyalty.tiers.periods import period_of, shift
from loyalty.tiers.rules import Fact, History, Override, Scheme, Tier, chronicle, in_force, standing

# A week around the change to summer time, so that small windows cross it.
BEGIN = utc(2026, 3, 26, 0)
HOURS = 24 * 8
ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Riga", "America/New_York", "Asia/Shanghai")]
STEPS = [Tier("bronze", 0), Tier("silver", 5), Tier("gold", 10), Tier("black", 15)]

hours = st.integers(0, HOURS - 1).map(lambda n: BEGIN + n * HOUR)
amounts = st.integers(1, 8)


@st.composite
def facts(draw):
    made = []
    for moment, amount in draw(st.lists(st.tuples(hours, amounts), max_size=7)):
        made.append(Fact(moment, moment, amount))
        if draw(st.integers(0, 2)) == 0:
            made.append(Fact(moment, max(draw(hours), moment), -draw(st.integers(1, amount))))
    return made + [Fact(moment, moment, -3) for moment in draw(st.lists(hours, max_size=1))]


overrides = st.builds(
    lambda at, length, tier: Override(tier, at, at + length * HOUR), hours, st.integers(1, 100), st.sampled_from(["silver", "black", None])
)
histories = st.builds(History, st.none() | hours, facts(), st.lists(overrides, max_size=2, unique_by=lambda o: o.set_at))
schemes = st.builds(
    Scheme,
    version=st.just(1),
    effective_from=st.just(BEGIN - timedelta(days=1)),
    zone=st.sampled_from(ZONES),
    tiers=st.sampled_from([STEPS, STEPS[1:], STEPS[2:]]),
    unit=st.just("days"),
    window=st.integers(1, 4),
    hold_months=st.sampled_from([0, 0, 1]),
    grace_days=st.integers(0, 2),
    downgrade=st.sampled_from(["hard", "soft", "none"]),
)
by_calendar = st.builds(
    Scheme,
    version=st.just(1),
    effective_from=st.just(BEGIN - timedelta(days=1)),
    zone=st.sampled_from(ZONES),
    tiers=st.sampled_from([STEPS, STEPS[1:]]),
    unit=st.sampled_from(["month", "quarter"]),
    carry_periods=st.integers(0, 1),
    grace_days=st.integers(0, 2),
    downgrade=st.sampled_from(["hard", "soft", "none"]),
)


@settings(max_examples=300, deadline=None)
@given(history=histories, scheme=schemes | by_calendar, at=st.integers(0, HOURS - 1))
def test_a_standing_is_what_counting_hour_by_hour_gives(history, scheme, at):
    moment = BEGIN + at * HOUR
    found = standing(history, [scheme], moment)
    assert scheme.level_of(found.tier) == level(history, scheme, moment, BEGIN)
    assert found.progress == progress(kept_at(history, moment), scheme, moment)


@settings(max_examples=150, deadline=None)
@given(history=histories, scheme=schemes | by_calendar, seed=st.integers(0, 2**32), at=st.integers(0, HOURS - 1))
def test_the_order_of_telling_changes_nothing_and_what_comes_later_neither(history, scheme, seed, at):
    chance, moment = Random(seed), BEGIN + at * HOUR
    shuffled = History(history.started_at, chance.sample(history.facts, len(history.facts)), history.overrides[::-1])
    found = standing(history, [scheme], moment)
    assert standing(shuffled, [scheme], moment) == found
    assert standing(history.until(moment), [scheme], moment) == found
    assert chronicle(shuffled, [scheme]) == chronicle(history, [scheme])


@settings(max_examples=150, deadline=None)
@given(history=histories, scheme=schemes | by_calendar, at=st.integers(0, HOURS - 1))
def test_since_and_until_are_the_ends_of_what_time_alone_brings(history, scheme, at):
    moment = BEGIN + at * HOUR
    known = history.until(moment)
    found = standing(known, [scheme], moment)
    if found.until is not None:
        assert standing(known, [scheme], found.until - timedelta(microseconds=1)).tier == found.tier
        assert standing(known, [scheme], found.until).tier == found.falls_to != found.tier
    else:
        assert standing(known, [scheme], moment + timedelta(days=9_000)).tier == found.tier
    if found.since is not None:
        assert found.since <= moment


@settings(max_examples=100, deadline=None)
@given(history=histories, scheme=schemes | by_calendar, parts=st.lists(st.integers(1, 3), min_size=1, max_size=3), at=hours, back=hours)
def test_what_was_bought_and_came_back_leaves_nothing_from_then_on(history, scheme, parts, at, back):
    back = max(at, back)
    bought = [Fact(at, at, sum(parts)), *(Fact(at, back, -part) for part in parts)]
    more = History(BEGIN, [*history.facts, *bought], history.overrides)
    plain = History(BEGIN, history.facts, history.overrides)
    for moment in (back, back + HOUR, BEGIN + HOURS * HOUR):
        found, expected = standing(more, [scheme], moment), standing(plain, [scheme], moment)
        assert (found.tier, found.until, found.progress) == (expected.tier, expected.until, expected.progress)


def spend(at, amount):
    return Fact(at, at, amount)


GOLD = [Tier("gold", 500), Tier("reserve", 2_500)]
RIGA = ZoneInfo("Europe/Riga")


def test_a_tier_reached_in_a_year_is_kept_to_its_end_and_the_days_of_grace():
    scheme = Scheme(1, utc(2020, 1, 1), RIGA, GOLD, unit="year", grace_days=31)
    found = standing(History(facts=[spend(utc(2026, 3, 1), 600)]), [scheme], utc(2026, 6, 1))
    # Midnight of 1 February in Riga.
    assert (found.tier, found.since, found.until, found.falls_to) == ("gold", utc(2026, 3, 1), utc(2027, 1, 31, 22), None)
    assert (found.next, found.distance, found.progress) == ("reserve", 1_900, 600)
    later = standing(History(facts=[spend(utc(2026, 3, 1), 600)]), [scheme], utc(2027, 1, 15))
    assert (later.tier, later.progress, later.distance) == ("gold", 0, 2_500)


def test_of_what_rolls_a_tier_is_lost_when_the_window_loses_it_but_held_for_a_year_from_the_last_earning():
    facts = [spend(utc(2026, 1, 31), 300), spend(utc(2026, 6, 1), 300)]
    rolling = Scheme(1, utc(2020, 1, 1), ZoneInfo("UTC"), GOLD, unit="months", window=12)
    assert standing(History(facts=facts), [rolling], utc(2026, 7, 1)).until == utc(2027, 1, 31)
    held = Scheme(1, utc(2020, 1, 1), ZoneInfo("UTC"), GOLD, unit="months", window=12, hold_months=12)
    assert standing(History(facts=facts), [held], utc(2026, 7, 1)).until == utc(2027, 6, 1)


def test_a_soft_landing_goes_one_tier_down_at_a_time():
    scheme = Scheme(1, utc(2020, 1, 1), ZoneInfo("UTC"), [Tier("a", 1), Tier("b", 2), Tier("c", 3)], unit="year", downgrade="soft")
    changes = chronicle(History(facts=[spend(utc(2026, 5, 1), 3)]), [scheme])
    expected = [(utc(2026, 5, 1), "c"), (utc(2027, 1, 1), "b"), (utc(2028, 1, 1), "a"), (utc(2029, 1, 1), None)]
    assert [(c.at, c.tier) for c in changes] == expected
    assert [c.reason for c in changes] == ["earned", "lapsed", "lapsed", "lapsed"]


def test_a_return_takes_the_tier_from_then_on_and_leaves_the_time_before():
    scheme = Scheme(1, utc(2020, 1, 1), ZoneInfo("UTC"), GOLD, unit="year")
    history = History(facts=[spend(utc(2026, 3, 1), 600), Fact(utc(2026, 3, 1), utc(2026, 4, 1), -200)])
    assert [(c.at, c.tier, c.reason) for c in chronicle(history, [scheme])] == [
        (utc(2026, 3, 1), "gold", "earned"),
        (utc(2026, 4, 1), None, "returned"),
    ]


def test_the_highest_version_that_has_begun_counts_and_judges_everything():
    old = Scheme(1, utc(2026, 1, 1), ZoneInfo("UTC"), GOLD)
    new = Scheme(2, utc(2026, 5, 1), ZoneInfo("UTC"), [Tier("gold", 700)])
    history = History(facts=[spend(utc(2025, 12, 1), 900), spend(utc(2026, 2, 1), 600)])
    assert [(c.at, c.tier, c.reason) for c in chronicle(history, [new, old])] == [
        (utc(2026, 2, 1), "gold", "earned"),
        (utc(2026, 5, 1), None, "scheme"),
    ]
    assert standing(history, [new, old], utc(2025, 12, 24)).scheme is None
    backdated = Scheme(3, utc(2026, 1, 1), ZoneInfo("UTC"), [Tier("gold", 600)])
    assert in_force([old, new, backdated], utc(2026, 6, 1)) is backdated


def test_a_tier_given_by_hand_is_a_floor_as_long_as_it_lasts():
    scheme = Scheme(1, utc(2020, 1, 1), ZoneInfo("UTC"), GOLD, unit="year")
    given_gold = Override("gold", utc(2026, 2, 1), utc(2026, 8, 1))
    history = History(facts=[spend(utc(2026, 3, 1), 2_500)], overrides=[given_gold])
    changes = [(c.at, c.tier, c.reason) for c in chronicle(history, [scheme])]
    assert changes == [(utc(2026, 2, 1), "gold", "given"), (utc(2026, 3, 1), "reserve", "earned"), (utc(2027, 1, 1), None, "lapsed")]


@pytest.mark.parametrize(
    ("moment", "days", "months", "expected"),
    [
        (utc(2026, 1, 31, 10), 0, 1, utc(2026, 2, 28, 10)),
        (utc(2024, 2, 29, 10), 0, 12, utc(2025, 2, 28, 10)),
        # 03:30 on the day of the change does not exist in Riga: the clocks jump at 01:00 UTC.
        (utc(2026, 3, 28, 1, 30), 1, 0, utc(2026, 3, 29, 1)),
        # The same wall time, an hour earlier in UTC.
        (utc(2026, 3, 28, 10), 1, 0, utc(2026, 3, 29, 9)),
        (utc(2026, 10, 24, 10), 1, 0, utc(2026, 10, 25, 11)),
    ],
)
def test_windows_go_by_the_wall_clock(moment, days, months, expected):
    assert shift(moment, RIGA, days=days, months=months) == expected


def test_periods_begin_at_midnight_of_the_zone():
    assert period_of(utc(2026, 3, 31, 21, 30), "quarter", RIGA) == (utc(2026, 3, 31, 21), utc(2026, 6, 30, 21))
    assert period_of(utc(2026, 3, 31, 20, 30), "month", RIGA) == (utc(2026, 2, 28, 22), utc(2026, 3, 31, 21))


def test_orders_count_by_what_is_left_and_visits_as_long_as_anything_is():
    at = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 9)]
    rows = [
        Row("cus_1", "return", "ord_1", at[0], at[2], 400),
        Row("cus_1", "return", "ord_1", at[0], at[1], 600),
        Row("cus_1", "order", "ord_1", at[0], at[0], 1_000),
        Row("cus_1", "order", "ord_2", at[3], at[3], 50),
        Row("cus_1", "cancel", "ord_2", at[3], at[4], 0),
        Row("cus_1", "return", "ord_2", at[3], at[5], 50),
    ]
    spent = history_of(rows).of("spend").facts
    assert [(fact.happened_at, fact.amount) for fact in spent] == [(at[0], 1_000), (at[1], -600), (at[2], -400), (at[3], 50), (at[4], -50)]
    visits = history_of(rows).of("visits").facts
    assert [(fact.happened_at, fact.amount) for fact in visits] == [(at[0], 1), (at[2], -1), (at[3], 1), (at[4], -1)]

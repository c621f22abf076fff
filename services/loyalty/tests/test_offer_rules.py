"""Who is held out, when a habit gives reason for an offer, what it gives, and how a campaign's uplift is bounded."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.offers.rules import (
    Benefit,
    Group,
    Habit,
    difference_of_conversion,
    difference_of_spend,
    habit_of,
    is_control,
    is_due,
    points_of,
    uplift_of_conversion,
    uplift_of_spend,
)
from loyalty.offers.texts import reason_texts


@given(st.text(max_size=20).filter(lambda text: "\0" not in text), st.integers(0, 10_000), st.integers(0, 10_000))
def test_who_is_held_out_stays_so_when_more_are(root, share, other):
    low, high = sorted((share, other))
    assert is_control("salt", root, low) <= is_control("salt", root, high)
    assert not is_control("salt", root, 0)
    assert is_control("salt", root, 10_000)


def test_a_share_of_all_is_held_out_and_other_campaigns_hold_out_others():
    first = {n for n in range(10_000) if is_control("a", f"cus_{n}", 1_000)}
    second = {n for n in range(10_000) if is_control("b", f"cus_{n}", 1_000)}
    # Four standard deviations of 10,000 draws at 10 %.
    assert abs(len(first) - 1_000) < 120
    assert abs(len(second) - 1_000) < 120
    assert len(first & second) < 150


@pytest.mark.parametrize(
    ("strategy", "parameters", "known", "due"),
    [
        ("affinity", {"min_purchases": 2}, Habit(2, 10, 99), True),
        ("affinity", {"min_purchases": 2}, Habit(1, None, 1), False),
        ("replenishment", {"min_purchases": 3, "early_percent": 0, "late_intervals": 2}, Habit(3, 14, 13), False),
        ("replenishment", {"min_purchases": 3, "early_percent": 0, "late_intervals": 2}, Habit(3, 14, 14), True),
        ("replenishment", {"min_purchases": 3, "early_percent": 10, "late_intervals": 2}, Habit(3, 14, 13), True),
        ("replenishment", {"min_purchases": 3, "early_percent": 0, "late_intervals": 2}, Habit(3, 14, 27), True),
        ("replenishment", {"min_purchases": 3, "early_percent": 0, "late_intervals": 2}, Habit(3, 14, 28), False),
        ("replenishment", {"min_purchases": 1, "early_percent": 0, "late_intervals": 2}, Habit(1, None, 28), False),
        ("lapsed_favourite", {"min_purchases": 3, "intervals": 3}, Habit(3, 14, 41), False),
        ("lapsed_favourite", {"min_purchases": 3, "intervals": 3}, Habit(3, 14, 42), True),
    ],
)
def test_when_a_habit_gives_reason_for_an_offer(strategy, parameters, known, due):
    assert is_due(strategy, parameters, known) is due


def test_the_median_is_the_lower_of_two():
    days = [date(2026, 1, 1), date(2026, 1, 3), date(2026, 1, 13), date(2026, 1, 13)]
    assert habit_of(days, date(2026, 1, 20)) == Habit(3, 2, 7)
    assert habit_of(days[:1], date(2026, 1, 1)) == Habit(1, None, 0)


@given(st.integers(0, 10**9), st.fractions(1, 99), st.none() | st.integers(1, 10**6))
def test_a_multiplier_never_rounds_up_nor_gives_more_than_it_may(base, factor, most):
    extra = points_of(Benefit("multiplier", factor=factor, max_points=most), base)
    assert 0 <= extra <= base * (factor - 1)
    assert most is None or extra <= most
    assert points_of(Benefit("points", points=5), base) == 5
    assert points_of(Benefit("percent_off"), base) == 0


def test_newcombe_s_own_examples():
    """Newcombe 1998, table II, method 10: 56/70 - 48/80, 9/10 - 3/10, 10/10 - 0/20, 0/10 - 0/20."""
    for (a, m, b, n), ends in {
        (56, 70, 48, 80): (0.0524, 0.3339),
        (9, 10, 3, 10): (0.1705, 0.8090),
        (10, 10, 0, 20): (0.6791, 1.0000),
        (0, 10, 0, 20): (-0.1611, 0.2775),
    }.items():
        interval = uplift_of_conversion(Group(m, a, 0, 0), Group(n, b, 0, 0))
        assert interval is not None
        assert (round(interval.low, 4), round(interval.high, 4)) == ends


def test_an_empty_group_has_no_uplift():
    nobody, somebody = Group(0, 0, 0, 0), Group(2, 1, 300, 50_000)
    assert uplift_of_conversion(nobody, somebody) is None
    assert difference_of_conversion(nobody, somebody) is None
    assert difference_of_spend(nobody, somebody) is None
    assert uplift_of_spend(Group(1, 1, 5, 25), somebody) is None


def test_spend_a_head_is_compared_by_its_spread():
    offered, control = Group(2, 1, 300, 100**2 + 200**2), Group(2, 0, 100, 2 * 50**2)
    interval = uplift_of_spend(offered, control)
    assert interval is not None
    assert (offered.variance, control.variance, difference_of_spend(offered, control)) == (Fraction(5_000), Fraction(0), 100.0)
    assert (round(interval.low, 6), round(interval.high, 6)) == (2.001801, 197.998199)


def test_reasons_are_told_in_four_languages():
    reason = {"strategy": "replenishment", "target": "tea", "purchases": 6, "every_days": 14, "last_on": "2026-11-01"}
    texts = reason_texts(reason)
    assert texts["en"] == "You buy tea about every 14 days; last on 2026-11-01."
    assert set(texts) == {"en", "ru", "zh", "lv"}
    assert all("tea" in text and "14" in text and "2026-11-01" in text for text in texts.values())

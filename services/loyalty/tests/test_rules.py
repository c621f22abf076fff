"""The arithmetic of earning, and which events are refused."""

from fractions import Fraction
from itertools import pairwise
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.ledger.errors import ContradictingEvent
from loyalty.ledger.rules import MAX_AMOUNT_MINOR, Purchase, Rate, distinct, points_for, points_kept

rates = st.builds(Rate, st.integers(0, 1_000), st.integers(1, 10**9))
amounts = st.integers(-MAX_AMOUNT_MINOR, MAX_AMOUNT_MINOR)


@given(amounts, rates)
def test_points_are_the_exact_fraction_rounded_down(amount, rate):
    assert points_for(amount, rate) == floor(max(0, amount) * Fraction(rate.numerator, rate.denominator))


@given(amounts, amounts, rates)
def test_more_money_never_earns_less(one, other, rate):
    less, more = sorted((one, other))
    assert points_for(less, rate) <= points_for(more, rate)


@given(st.lists(st.integers(0, 10_000), max_size=8), st.integers(0, 3_000), rates, st.randoms())
def test_returns_commute_and_take_back_what_was_not_kept(parts, rest, rate, random):
    purchase = sum(parts) + rest
    turned = random.sample(parts, len(parts))
    totals = [sum(turned[:n]) for n in range(len(turned) + 1)]
    kept = [points_kept(purchase, total, rate) for total in totals]
    taken = [before - after for before, after in pairwise(kept)]
    assert min(taken, default=0) >= 0
    assert points_for(purchase, rate) - sum(taken) == points_for(rest, rate)


@given(st.integers(0, 10_000), st.integers(0, 10_000), rates)
def test_returning_more_than_was_bought_leaves_nothing(purchase, excess, rate):
    assert points_kept(purchase, purchase + excess, rate) == 0


@pytest.mark.parametrize(("amount", "points"), [(0, 0), (99, 0), (100, 1), (1_177, 11), (-100, 0)])
def test_a_point_for_a_hundred_minor_units(amount, points):
    assert points_for(amount, Rate(1, 100)) == points


def test_a_purchase_told_twice_counts_once_and_keeps_its_place(story):
    one, two = (Purchase(name, "cus_1", story.placed(name, 100).placed_at, 100) for name in ("ord_1", "ord_2"))
    assert distinct([two, one, two]) == [two, one]


def test_a_purchase_told_in_two_ways_is_refused(story):
    moment = story.registered().registered_at
    with pytest.raises(ContradictingEvent):
        distinct([Purchase("ord_1", "cus_1", moment, 100), Purchase("ord_1", "cus_1", moment, 101)])

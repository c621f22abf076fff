"""The state of a customer's purchases, and what it adds to the cells."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.purchases.rules import DAY, PERIOD, Cell, Measure, activity_of, cells_of, differences, extended

FIRST = datetime(1997, 1, 31, 18, 30, tzinfo=UTC)
_MOMENTS = st.lists(st.integers(0, 200 * 86_400).map(lambda seconds: FIRST + timedelta(seconds=seconds)), min_size=1, max_size=8)


def cells_at(*elapsed: timedelta) -> set[Cell]:
    return set(cells_of(activity_of([FIRST, *(FIRST + after for after in elapsed)])))


def of(cells: set[Cell], measure: Measure) -> set[int]:
    return {cell.k for cell in cells if cell.measure is measure}


@pytest.mark.parametrize(
    ("elapsed", "period"),
    [
        (PERIOD - timedelta(microseconds=1), {0}),
        (PERIOD, {0, 1}),
        (2 * PERIOD - timedelta(microseconds=1), {0, 1}),
        (2 * PERIOD, {0, 2}),
    ],
)
def test_a_rolling_period_includes_its_beginning_and_not_its_end(elapsed, period):
    assert of(cells_at(elapsed), Measure.ROLLING) == period


@pytest.mark.parametrize(
    ("elapsed", "within"),
    [
        (timedelta(0), set()),
        (DAY - timedelta(microseconds=1), set()),
        (DAY, {1}),
        (PERIOD, {1}),
        (PERIOD + timedelta(microseconds=1), {2}),
        (2 * PERIOD, {2}),
    ],
)
def test_coming_back_takes_24_hours_and_includes_the_last_moment(elapsed, within):
    assert of(cells_at(elapsed), Measure.CAME_BACK) == within


def test_calendar_months_are_counted_across_the_turn_of_the_year():
    cells = set(cells_of(activity_of([datetime(1997, 12, 31, 23, 59, tzinfo=UTC), datetime(1998, 1, 1, tzinfo=UTC)])))
    assert of(cells, Measure.CALENDAR) == {0, 1}
    assert of(cells, Measure.DAYS) == {2}
    assert {cell.cohort for cell in cells} == {date(1997, 12, 1)}


def test_moments_in_another_offset_are_counted_in_utc():
    late = datetime.fromisoformat("1997-02-01T01:00:00+02:00")
    assert {cell.cohort for cell in cells_of(activity_of([late]))} == {date(1997, 1, 1)}


def test_a_histogram_ends_with_its_last_bin():
    assert of(cells_at(*[timedelta(seconds=n) for n in range(150)]), Measure.ORDERS) == {100}


@given(known=_MOMENTS, further=_MOMENTS)
def test_extending_a_state_equals_computing_it_from_all_orders(known, further):
    state = activity_of(known)
    allowed = [moment for moment in further if moment >= state.first_at]
    if not allowed:
        return
    new_days = len({moment.date() for moment in allowed} - {moment.date() for moment in known})
    assert extended(state, allowed, new_days) == activity_of(known + allowed)


def test_a_state_is_not_extended_by_an_order_before_the_first():
    with pytest.raises(ValueError, match="first order moved"):
        extended(activity_of([FIRST]), [FIRST - DAY], 1)


@given(before=_MOMENTS, after=_MOMENTS)
def test_differences_lead_from_the_cells_before_to_those_after(before, after):
    old, new = activity_of(before), activity_of(after)
    cells = dict.fromkeys(cells_of(old), 1)
    for cell, change in differences([(old, new)]).items():
        cells[cell] = cells.get(cell, 0) + change
    assert {cell for cell, customers in cells.items() if customers} == set(cells_of(new))
    assert set(cells.values()) <= {0, 1}

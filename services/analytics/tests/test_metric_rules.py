"""Windows, shares, definitions, maturity and scores."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.metrics.errors import WindowEmpty, WindowNotMonths, WindowTooWide, ZoneNotExact
from analytics.metrics.rules import Share, Window, checked, closed, horizon, of_months, plus_months
from analytics.metrics.service import CATALOGUE
from analytics.purchases.rules import Measure
from analytics.retention.rules import Kind, active, compared, complete_at, grid, totals
from analytics.rfm.rules import Group, Segment, by_score, named_segments, score, segment_of
from analytics.satisfaction.rules import distribution_of
from shared.figures.definitions import Definition

JANUARY, FEBRUARY = date(1997, 1, 1), date(1997, 2, 1)


@pytest.mark.parametrize(("share", "percent"), [((1, 8), 12.5), ((1, 800), 0.13), ((1, 3), 33.33), ((0, 5), 0.0), ((0, 0), None)])
def test_a_share_is_rounded_once_halves_away_from_zero(share, percent):
    assert Share(*share).percent == percent


def test_definitions_differ_in_their_hash_when_anything_differs():
    plain = Definition("a", "A", "text", "formula", 1, "source", {"period": "month"})
    others = [plain.of(period="week"), Definition("a", "A", "text", "formula", 2, "source", {"period": "month"})]
    assert plain.hash == plain.of(period="month").hash
    assert len({plain.hash, *(other.hash for other in others)}) == 3


def test_the_catalogue_names_each_metric_once():
    assert len({definition.name for definition in CATALOGUE}) == len(CATALOGUE) == 10


def test_only_utc_is_exact():
    assert checked(Window(), "Etc/UTC") == Window()
    with pytest.raises(ZoneNotExact):
        checked(Window(), "Europe/Riga")


def test_windows_that_cannot_be_answered_are_refused():
    with pytest.raises(WindowEmpty):
        checked(Window(JANUARY, JANUARY), "UTC")
    with pytest.raises(WindowNotMonths):
        of_months(Window(date(1997, 1, 2), None))
    with pytest.raises(WindowTooWide):
        closed(Window(date(1980, 1, 1), JANUARY), datetime(1998, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "window", [Window(), Window(since=date(9999, 12, 1)), Window(until=date(1, 1, 1)), Window(until=date(9999, 12, 1))]
)
def test_an_open_window_is_closed_by_the_data(window):
    found = closed(window, datetime(1998, 6, 30, tzinfo=UTC))
    assert found.since is not None
    assert found.until is not None
    assert found.since <= found.until


@given(st.dates(date(2, 1, 1), date(9000, 1, 1)), st.integers(-12, 500))
def test_months_are_added_as_a_calendar_does(day, months):
    found = plus_months(day.replace(day=1), months)
    assert (found.year - day.year) * 12 + found.month - day.month == months


def test_the_history_never_vouches_for_the_future():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert horizon(now + timedelta(days=1), now) == now
    assert horizon(now - timedelta(days=1), now) == now - timedelta(days=1)
    assert horizon(None, now) is None


COUNTS = {
    Measure.CALENDAR: {0: 10, 1: 4, 2: 3},
    Measure.ROLLING: {0: 10, 1: 5, 2: 2},
    Measure.LAST: {0: 3, 1: 5, 2: 2},
    Measure.CAME_BACK: {1: 6, 2: 1},
}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Kind.CALENDAR, [4, 3]),
        (Kind.ROLLING, [5, 2]),
        (Kind.ON_OR_AFTER, [7, 2]),
        (Kind.WITHIN, [6, 7]),
        (Kind.EVER, [7, 7]),
    ],
)
def test_each_definition_reads_its_cells(kind, expected):
    assert [active(kind, COUNTS, k) for k in (1, 2)] == expected


def test_a_cell_that_has_not_had_its_time_is_flagged_and_has_no_share():
    as_of = datetime(1997, 3, 15, tzinfo=UTC)
    january, february = grid(Kind.CALENDAR, {JANUARY: COUNTS, FEBRUARY: COUNTS}, as_of, 12)
    assert [(cell.k, cell.mature) for cell in january.cells] == [(0, True), (1, True), (2, False)]
    assert january.cells[2].share is None
    assert january.cells[2].active == 3
    assert [(cell.k, cell.mature) for cell in february.cells] == [(0, True), (1, False)]
    assert [(total.k, total.cohorts, total.share) for total in totals([january, february])] == [
        (0, 2, Share(20, 20)),
        (1, 1, Share(4, 10)),
    ]


@pytest.mark.parametrize(
    ("kind", "moment"),
    [
        (Kind.CALENDAR, "1997-03-01"),
        (Kind.ROLLING, "1997-04-02"),
        (Kind.ON_OR_AFTER, "1997-03-03"),
        (Kind.WITHIN, "1997-03-03"),
        (Kind.EVER, "1997-02-02"),
    ],
)
def test_the_last_customer_of_a_cohort_gets_his_time(kind, moment):
    assert complete_at(kind, JANUARY, 1) == datetime.fromisoformat(moment).replace(tzinfo=UTC)


def test_definitions_are_compared_on_the_same_customers():
    as_of = datetime(1997, 4, 15, tzinfo=UTC)
    found = compared({JANUARY: COUNTS, FEBRUARY: COUNTS}, as_of)
    assert (found.cohorts, found.left_out) == (1, 1)
    assert {share.denominator for share in found.shares.values()} == {10}


def test_equal_values_share_a_score():
    assert [score(value, [1, 1, 2, 4]) for value in (1, 2, 3, 4, 5)] == [1, 3, 4, 4, 5]


def test_every_pair_of_scores_has_a_name_and_nobody_is_lost():
    groups = [Group(r, f, m, 1, f, 100 * m) for r in range(1, 6) for f in range(1, 6) for m in range(1, 6)]
    segments = named_segments(groups)
    assert {segment_of(group.recency, group.frequency) for group in groups} == set(Segment)
    assert sum(segment.customers for segment in segments) == len(groups)
    assert sum(segment.revenue_minor for segment in segments) == sum(group.revenue_minor for group in groups)
    assert by_score(groups, "money") == [25] * 5


def test_a_distribution_adds_answers_that_come_in_parts():
    assert distribution_of([(9, 20), (10, 12), (7, 13), (9, 5), (0, 1)]) == [1, 0, 0, 0, 0, 0, 0, 13, 0, 25, 12]

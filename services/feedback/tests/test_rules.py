"""Who may answer for whom, when, and what counts as the same answer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from feedback.responses.errors import AnsweredInFuture, NotYourself
from feedback.responses.rules import CLOCK_TOLERANCE, Answer, Scale, check_moment, same_answer, speaks_for

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ANSWER = Answer("r-1", "cus_1", "nps", 9, "email", "Quick.", NOW)


def test_a_server_speaks_for_whom_it_names() -> None:
    assert speaks_for("cus_1", None) == "cus_1"
    assert speaks_for(None, None) is None


def test_a_member_speaks_for_himself_only() -> None:
    assert speaks_for(None, "cus_1") == "cus_1"
    assert speaks_for("cus_1", "cus_1") == "cus_1"
    with pytest.raises(NotYourself):
        speaks_for("cus_2", "cus_1")


@pytest.mark.parametrize("ahead", [timedelta(days=-9_000), timedelta(0), CLOCK_TOLERANCE])
def test_an_answer_may_be_old_or_a_little_ahead(ahead: timedelta) -> None:
    check_moment(replace(ANSWER, answered_at=NOW + ahead), NOW)
    check_moment(replace(ANSWER, answered_at=None), NOW)


def test_an_answer_from_the_future_is_refused() -> None:
    with pytest.raises(AnsweredInFuture):
        check_moment(replace(ANSWER, answered_at=NOW + CLOCK_TOLERANCE + timedelta(microseconds=1)), NOW)


def test_an_unsaid_moment_is_no_contradiction() -> None:
    assert same_answer(ANSWER, replace(ANSWER, answered_at=None))


@pytest.mark.parametrize(
    "change",
    [{"customer_id": None}, {"score": 8}, {"channel": "app"}, {"comment": None}, {"answered_at": NOW - timedelta(seconds=1)}],
    ids=lambda change: next(iter(change)),
)
def test_any_other_word_makes_another_answer(change: dict) -> None:
    assert not same_answer(ANSWER, replace(ANSWER, **change))


def test_the_scale_of_nps_is_0_to_10() -> None:
    assert ANSWER.scale == Scale(0, 10)

"""Moments and dates that callers send."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.http.schemas import DateInput, MomentInput

MOMENT, DATE = TypeAdapter(MomentInput), TypeAdapter(DateInput)
LOW, HIGH = datetime(1970, 1, 2), datetime(2199, 12, 30)  # noqa: DTZ001 - the strategy adds the zone


@given(st.datetimes(LOW, HIGH, timezones=st.timezones()))
def test_a_moment_of_any_zone_becomes_the_same_in_utc(moment: datetime) -> None:
    read = MOMENT.validate_python(moment.isoformat())
    assert read == datetime.fromisoformat(moment.isoformat())
    assert read.tzinfo is UTC


@given(st.dates(date(1000, 1, 1)))
def test_a_date_is_read_as_it_is_written(day: date) -> None:
    assert DATE.validate_python(day.isoformat()) == day


@pytest.mark.parametrize("adapter", [MOMENT, DATE], ids=["moment", "date"])
@pytest.mark.parametrize(
    ("value", "code"),
    [(486_000_000, "date_type"), (1.5, "date_type"), (True, "date_type"), ("486000000", "date_invalid"), ("", "date_invalid")],
)
def test_numbers_are_never_taken_for_unix_time(adapter: TypeAdapter[Any], value: object, code: str) -> None:
    assert _refusal(adapter, value) == code


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("2026-02-28T18:05:00", "timezone_aware"),
        ("1997-01-12", "timezone_aware"),
        ("1969-12-31T23:59:59Z", "moment_out_of_range"),
        ("1970-01-01T00:00:00+00:01", "moment_out_of_range"),
        ("2200-01-01T00:00:00Z", "moment_out_of_range"),
        ("0001-01-01T00:00:00+14:00", "moment_out_of_range"),
        ("9999-12-31T23:59:59-14:00", "moment_out_of_range"),
    ],
)
def test_a_moment_has_a_zone_and_an_equal_in_utc(value: str, code: str) -> None:
    assert _refusal(MOMENT, value) == code


def _refusal(adapter: TypeAdapter[Any], value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python(value)
    (error,) = caught.value.errors()
    return error["type"]

"""The shape in which every service tells the net promoter score."""

from datetime import UTC, date, datetime
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from shared.figures.definitions import Definition
from shared.figures.satisfaction import NPS_DEFINITION, nps_answer
from shared.statistics import NetPromoterScore

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Days(NamedTuple):
    since: date | None = None
    until: date | None = None


months = st.lists(st.lists(st.integers(0, 500), min_size=11, max_size=11), max_size=5).map(
    lambda counts: [(date(2026, 1 + place, 1), distribution) for place, distribution in enumerate(counts)]
)


@given(months)
def test_the_whole_is_the_sum_of_the_months(listed):
    told = nps_answer(listed, Days(), None, NOW, NOW)
    for name in ("n", "promoters", "passives", "detractors", "numerator", "denominator"):
        assert getattr(told, name) == sum(getattr(month, name) for month in told.months)
    for count in told.distribution:
        assert count.n == sum(distribution[count.score] for _, distribution in listed)
    assert told.score == NetPromoterScore.of([count.n for count in told.distribution]).score
    assert (told.interval is None) == (told.n == 0)


def test_it_tells_what_was_asked():
    told = nps_answer([], Days(date(2026, 1, 1)), "app", None, NOW).model_dump(mode="json", by_alias=True)
    assert told["window"] == {"from": "2026-01-01", "to": None}
    assert (told["as_of"], told["computed_at"], told["zone"]) == (None, "2026-03-02T12:00:00Z", "UTC")
    definition = told["definition"]
    assert (definition["name"], definition["parameters"]) == ("nps", {"channel": "app"})
    assert definition["hash"] == NPS_DEFINITION.of(channel="app").hash != NPS_DEFINITION.hash


def test_the_parameters_are_part_of_what_is_compared():
    plain = Definition("a", "A", "text", "formula", 1, "source", {"period": "month"})
    assert plain.of(period="month").hash == plain.hash != plain.of(period="week").hash

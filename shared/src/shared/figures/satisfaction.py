"""The net promoter score as every service tells it: one definition, one shape."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from pydantic import Field

from shared.figures.definitions import Definition
from shared.figures.schemas import Days, MetricAnswer, definition_out, window_out
from shared.http.schemas import OutputModel
from shared.statistics import NPS_SCORES, NetPromoterScore

ZONE = "UTC"
NPS_DEFINITION = Definition(
    name="nps",
    title="Net promoter score",
    text="Share of answers of 9 or 10 less share of answers of 0 to 6 to the question whether one would recommend us, times 100, of the "
    "answers given on the days of the window in UTC. Skipped questions are no answers. Rounded once; the 95 % interval is adjusted Wald, "
    "clipped to -100 and 100.",
    formula="100 (P - D) / n; N = n + 3, p = (P + .75) / N, d = (D + .75) / N, m = p - d: 100 (m +- 1.96 sqrt((p + d - m^2) / N))",
    parameters={"channel": None},
    version=1,
    source="Reichheld 2003, Harvard Business Review 81(12); Rocks 2016, The American Statistician 70(4).",
)


class IntervalOut(OutputModel):
    """A confidence interval, both ends included."""

    low: float = Field(description="Lower end.", examples=[29.29])
    high: float = Field(description="Upper end.", examples=[67.0])
    level: float = Field(default=0.95, description="Its nominal coverage.", examples=[0.95])
    method: str = Field(default="adjusted_wald", description="How it was computed.", examples=["adjusted_wald"])


class ScoreOut(OutputModel):
    """The score of a group of answers."""

    n: int = Field(description="Answers.", examples=[51])
    promoters: int = Field(description="Answers of 9 or 10.", examples=[32])
    passives: int = Field(description="Answers of 7 or 8.", examples=[13])
    detractors: int = Field(description="Answers of 0 to 6.", examples=[6])
    numerator: int = Field(description="Promoters less detractors; the exact score is 100 x numerator / denominator.", examples=[26])
    denominator: int = Field(description="Answers.", examples=[51])
    score: float | None = Field(description="-100 to 100, rounded once to two decimals; null without answers.", examples=[50.98])
    interval: IntervalOut | None = Field(description="Null without answers.")


class MonthScore(ScoreOut):
    """The score of one month."""

    month: date = Field(description="First day of the month.", examples=["2026-02-01"])


class ScoreCount(OutputModel):
    """How often a score was given."""

    score: int = Field(description="0 to 10.", examples=[10])
    n: int = Field(description="Answers.", examples=[20])


class NpsAnswer(MetricAnswer, ScoreOut):
    """The net promoter score of the window, and of each of its months."""

    distribution: list[ScoreCount] = Field(description="Eleven counts, for 0 to 10.")
    months: list[MonthScore] = Field(description="Months with answers, in order; the first and last may be cut by the window.")


def nps_answer(
    months: Iterable[tuple[date, Sequence[int]]], days: Days, channel: str | None, as_of: datetime | None, now: datetime
) -> NpsAnswer:
    """Return the score of a window and of its months.

    Args:
        months: first day and distribution of each, eleven counts for 0 to 10, in order.
        days: the window.
        channel: the channel whose answers count; None for all.
        as_of: how far the data go; None when there are none.
        now: the present moment.
    """
    listed = list(months)
    whole = [sum(distribution[score] for _, distribution in listed) for score in range(NPS_SCORES)]
    return NpsAnswer(
        definition=definition_out(NPS_DEFINITION.of(channel=channel)),
        window=window_out(days),
        zone=ZONE,
        as_of=as_of,
        computed_at=now,
        **_figures(whole),
        distribution=[ScoreCount(score=score, n=n) for score, n in enumerate(whole)],
        months=[MonthScore(month=month, **_figures(distribution)) for month, distribution in listed],
    )


def _figures(distribution: Sequence[int]) -> dict[str, Any]:
    nps = NetPromoterScore.of(distribution)
    interval = nps.interval
    return {
        "n": nps.n,
        "promoters": nps.promoters,
        "passives": nps.passives,
        "detractors": nps.detractors,
        "numerator": nps.promoters - nps.detractors,
        "denominator": nps.n,
        "score": nps.score,
        "interval": None if interval is None else IntervalOut(low=interval.low, high=interval.high),
    }

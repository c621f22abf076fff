"""What the net promoter score answers."""

from datetime import date

from pydantic import Field

from analytics.metrics.schemas import MetricAnswer
from shared.http.schemas import OutputModel


class IntervalOut(OutputModel):
    """A confidence interval, both ends included."""

    low: float = Field(examples=[29.29])
    high: float = Field(examples=[67.0])
    level: float = Field(default=0.95, description="Its nominal coverage.")
    method: str = Field(default="adjusted_wald")


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


class NpsAnswer(MetricAnswer, ScoreOut):
    """The net promoter score of the window, and of each of its months."""

    months: list[MonthScore]

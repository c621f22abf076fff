"""Figures as the interface shows them: each with its definition, window, zone and moment."""

from datetime import date
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import Depends, Query
from pydantic import Field

from feedback.fields import Channel
from shared.http.schemas import DateInput, Moment, OutputModel
from shared.statistics import NetPromoterScore


class NpsFilter(NamedTuple):
    """Which answers count.

    Attributes:
        since: first day, UTC.
        until: day after the last, UTC.
        channel: the channel whose answers count; all when None.
    """

    since: date | None
    until: date | None
    channel: str | None


async def _nps_filter(
    since: Annotated[DateInput | None, Query(alias="from", description="First day (UTC) of the answers.")] = None,
    until: Annotated[DateInput | None, Query(alias="to", description="Day (UTC) after the last.")] = None,
    channel: Channel | None = None,
) -> NpsFilter:
    return NpsFilter(since, until, channel)


NpsQuery = Annotated[NpsFilter, Depends(_nps_filter)]


class Window(OutputModel):
    """The days whose answers count; open where null."""

    from_: date | None = Field(alias="from", description="First day.")
    to: date | None = Field(description="Day after the last.")


class Fraction(OutputModel):
    """The exact score in hundredths, not reduced."""

    numerator: int = Field(description="Promoters less detractors.", examples=[26])
    denominator: int = Field(description="Answers.", examples=[51])


class Interval(OutputModel):
    """Where the score of all customers lies, going by those who answered."""

    low: float = Field(examples=[29.29])
    high: float = Field(examples=[67.0])
    confidence: float = Field(default=0.95, examples=[0.95])
    method: Literal["adjusted_wald"] = "adjusted_wald"


class Score(OutputModel):
    """A net promoter score and what it is made of."""

    n: int = Field(description="Answers.", examples=[51])
    promoters: int = Field(description="Answers of 9 or 10.", examples=[32])
    passives: int = Field(description="Answers of 7 or 8.", examples=[13])
    detractors: int = Field(description="Answers of 0 to 6.", examples=[6])
    fraction: Fraction | None = Field(description="Null without answers.")
    score: float | None = Field(description="-100 to 100, two decimals; null without answers.", examples=[50.98])
    interval: Interval | None = Field(description="Null without answers.")


class MonthScore(Score):
    """The score of one month."""

    month: str = Field(description="Year and month, UTC.", examples=["2026-03"])


class ScoreCount(OutputModel):
    """How often a score was given."""

    score: int = Field(examples=[10])
    n: int = Field(examples=[20])


class NpsReport(Score):
    """The net promoter score of a window."""

    metric: Literal["nps"] = "nps"
    definition: str
    window: Window
    zone: Literal["UTC"] = "UTC"
    channel: str | None = Field(description="The channel whose answers count; all when null.")
    as_of: Moment = Field(description="Everything recorded until then counts.")
    distribution: list[ScoreCount] = Field(description="Eleven counts, for 0 to 10.")
    trend: list[MonthScore] = Field(description="Months with answers, in order; the first and last may be cut by the window.")


def parts_of(nps: NetPromoterScore) -> dict[str, Any]:
    """Return the members of `Score` for a score."""
    interval = nps.interval
    return {
        "n": nps.n,
        "promoters": nps.promoters,
        "passives": nps.passives,
        "detractors": nps.detractors,
        "fraction": Fraction(numerator=nps.promoters - nps.detractors, denominator=nps.n) if nps.n else None,
        "score": nps.score,
        "interval": Interval(low=interval.low, high=interval.high) if interval else None,
    }

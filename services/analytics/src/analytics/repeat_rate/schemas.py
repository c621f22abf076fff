"""What the repeat rate answers."""

from datetime import date

from pydantic import Field

from analytics.metrics.schemas import ShareOut
from shared.figures.schemas import MetricAnswer
from shared.http.schemas import OutputModel


class BinOut(OutputModel):
    """How many customers have so many occasions."""

    occasions: int = Field(examples=[2])
    or_more: bool = Field(description="Whether the bin holds all above as well.")
    customers: int = Field(examples=[4011])


class CohortRate(OutputModel):
    """The rate of one cohort."""

    cohort: date = Field(description="First day of the month of the first order.", examples=["1997-01-01"])
    share: ShareOut


class RepeatRateAnswer(MetricAnswer):
    """The repeat purchase rate, by cohort too, and the distribution behind it."""

    share: ShareOut
    cohorts: list[CohortRate]
    distribution: list[BinOut]

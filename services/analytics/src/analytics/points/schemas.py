"""What the metric of points answers."""

from datetime import date

from pydantic import Field

from shared.figures.schemas import MetricAnswer
from shared.http.schemas import OutputModel


class PointsMonthOut(OutputModel):
    """What moved in one month."""

    month: date = Field(description="First day of the month.", examples=["2026-02-01"])
    enrolled: int = Field(description="New members.")
    issued: int = Field(description="Points earned.")
    reversed: int = Field(description="Points taken back.")
    movements: int = Field(description="Ledger entries.")


class PointsAnswer(MetricAnswer):
    """Points of the window, what is outstanding at its end, and its months."""

    issued: int = Field(description="Points earned.", examples=[2467000])
    reversed: int = Field(description="Points taken back.", examples=[0])
    outstanding: int = Field(description="What is left of everything up to the end of the window.", examples=[2467000])
    members: int = Field(description="Members enrolled by the end of the window.", examples=[23570])
    movements: int = Field(description="Ledger entries.")
    months: list[PointsMonthOut]

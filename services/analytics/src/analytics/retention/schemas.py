"""What the retention metric answers."""

from datetime import date

from pydantic import Field

from analytics.metrics.schemas import ShareOut
from analytics.retention.rules import Kind
from shared.figures.schemas import MetricAnswer
from shared.http.schemas import OutputModel


class CellOut(OutputModel):
    """One period of one cohort."""

    k: int = Field(description="The period after the first order.", examples=[1])
    active: int = Field(description="Customers that count so far.", examples=[1180])
    mature: bool = Field(description="Whether every customer of the cohort has had the time to count.")
    share: ShareOut | None = Field(description="Of the cohort; null while it is not mature.")


class CohortOut(OutputModel):
    """The customers whose first order lies in one month."""

    cohort: date = Field(description="First day of the month.", examples=["1997-01-01"])
    size: int = Field(description="Customers.", examples=[7846])
    cells: list[CellOut]


class TotalOut(OutputModel):
    """One period over all cohorts that are mature in it."""

    k: int
    cohorts: int = Field(description="Cohorts that are mature in this period.")
    share: ShareOut


class SummaryRow(ShareOut):
    """Month-1 retention of the same customers under one definition."""

    definition: Kind
    hash: str = Field(description="Hash of the definition.")
    text: str = Field(description="What is counted, in words.")
    customers: int = Field(description="Customers of the cohorts that are mature under every definition.", examples=[23570])
    active: int = Field(description="Those that came back.", examples=[3501])


class RetentionAnswer(MetricAnswer):
    """The table of cohorts under the chosen definition, and the same data under each definition."""

    open_ended: bool = Field(description="Whether figures of this definition can rise for ever.")
    cohorts: list[CohortOut]
    totals: list[TotalOut]
    summary: list[SummaryRow] = Field(description="k = 1 under each definition.")
    summary_cohorts: int = Field(description="Cohorts in the summary: those mature under every definition.")
    summary_cohorts_left_out: int = Field(description="Cohorts of the window that are not yet.")

from typing import Annotated, Any, Literal

from pydantic import Field

from loyalty.fields import CustomerId, ProgrammeId
from loyalty.rules.schemas import RuleTerms
from shared.http.schemas import InputModel, MomentInput, OutputModel, ShortText

_MAX_MINOR = 10**15
RuleId = Annotated[ShortText, Field(description="The rule, `rul_…`; any name for a new one.", examples=["rul_01jd3z0k7cz9v8w6t5s4r3q2p1"])]


class SimulatedLine(InputModel):
    """An article of an order."""

    sku: ShortText = Field(description="The seller's article number.", examples=["TEA-1"])
    quantity: int = Field(strict=True, default=1, ge=1, le=1_000_000, description="Pieces.", examples=[2])
    amount_minor: int = Field(strict=True, ge=-_MAX_MINOR, le=_MAX_MINOR, description="Total of the line in minor units.", examples=[1_200])
    category: ShortText | None = Field(default=None, description="The seller's category.", examples=["tea"])


class SimulatedOrder(InputModel):
    """An order that nobody placed."""

    lines: list[SimulatedLine] = Field(min_length=1, max_length=1_000, description="What is bought.")
    placed_at: MomentInput | None = Field(default=None, description="When; at this moment when absent.")
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = Field(default="EUR", description="ISO 4217 code.", examples=["EUR"])
    channel: ShortText | None = Field(default=None, description="Where.", examples=["app"])
    shop: ShortText | None = Field(default=None, description="The seller's id of the shop.", examples=[None])
    customer_id: CustomerId | None = Field(default=None, description="By whom: his traits count; nobody's when absent.")


class RuleChange(InputModel):
    """What a rule would say instead."""

    rule_id: RuleId
    terms: RuleTerms | None = Field(
        description="What it would say, for as long as it is published, a new rule at all times; null takes it away."
    )


class SimulationRequest(InputModel):
    """Either one order, or all history; with the rules as they are, or with changes.

    Of a programme that is a draft it tells what it would give, with its drafts as if they counted since ever, beside the nothing of now.
    """

    programme_id: ProgrammeId = None
    order: SimulatedOrder | None = Field(default=None, description="One order, answered at once; all orders ever, as a job, when absent.")
    changes: list[RuleChange] = Field(default=[], max_length=100, description="Against the rules as they are published.")
    cost_per_point_micro: int = Field(
        strict=True, default=10_000, ge=0, le=10**9, description="What a point costs, in millionths of a unit of money.", examples=[10_000]
    )
    top: int = Field(strict=True, default=10, ge=1, le=100, description="How many who gain or lose most are named.", examples=[10])


class SimulatedAward(OutputModel):
    """What one rule would give."""

    rule: str = Field(description="The rule and its version; version 0 is a change.", examples=["rul_1@3"])
    wallet: str = Field(description="The wallet.", examples=["points"])
    points: int = Field(description="Points before limits.", examples=[12])
    step: dict[str, Any] = Field(description="The arithmetic.")


class SimulatedPoints(OutputModel):
    """What an order would earn; limits are not asked, for nothing is posted."""

    points: int = Field(description="All of it.", examples=[24])
    decided_by: Literal["rules", "rate", "nothing"] = Field(description="What decides at that moment.", examples=["rules"])
    awards: list[SimulatedAward] = Field(description="In the stacking order.")


class Simulation(OutputModel):
    """What would be: of one order at once, of all history as a job."""

    job_id: str | None = Field(
        default=None, description="The job that looks at all history; its result holds the difference.", examples=[None]
    )
    before: SimulatedPoints | None = Field(default=None, description="By the rules as they are.")
    after: SimulatedPoints | None = Field(default=None, description="By the changed rules.")
    difference: int | None = Field(default=None, description="Points more, or fewer when below zero.", examples=[12])

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from loyalty.discounts.rules import Step, is_rising
from shared.http.schemas import InputModel, Moment, OutputModel


class DiscountStep(InputModel):
    """From how much on which percentage is given."""

    from_minor: int = Field(strict=True, ge=0, le=10**15, description="Minor units bought in the window.", examples=[10_000])
    percent_bp: int = Field(strict=True, ge=1, le=10_000, description="Hundredths of a per cent.", examples=[300])


def _rising(steps: list[DiscountStep]) -> list[DiscountStep]:
    if not is_rising([Step(step.from_minor, step.percent_bp) for step in steps]):
        raise PydanticCustomError("steps_not_rising", "Each step asks for more and gives more than the one before.")
    return steps


class DiscountScale(InputModel):
    """The accumulating discount: the more bought in the window, the higher the percentage."""

    window_days: int = Field(strict=True, ge=1, le=36_600, description="How far back purchases count.", examples=[365])
    steps: Annotated[list[DiscountStep], Field(min_length=1, max_length=50), AfterValidator(_rising)] = Field(
        description="In rising order.", examples=[[{"from_minor": 10_000, "percent_bp": 300}, {"from_minor": 50_000, "percent_bp": 500}]]
    )


class MemberDiscount(OutputModel):
    """What a member gets off, by what he has bought."""

    customer_id: str = Field(description="The member's customer id.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    as_of: Moment = Field(description="The instant that is looked at.", examples=["2026-03-10T12:00:00Z"])
    window_from: Moment = Field(description="Purchases after it count.", examples=["2025-03-10T12:00:00Z"])
    bought_minor: int = Field(description="Bought in the window, less what had come back by then.", examples=[12_500])
    percent_bp: int = Field(description="The discount in hundredths of a per cent.", examples=[300])
    next_percent_bp: int | None = Field(description="That of the next step; null on the last.", examples=[500])
    missing_minor: int | None = Field(description="How much more is to be bought for the next step.", examples=[37_500])

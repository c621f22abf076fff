from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from loyalty.fields import MAX_POINTS, CustomerId, ProgrammeId, WalletCode
from loyalty.ledger.rules import POINTS
from shared.http.schemas import InputModel, LongText, Moment, MomentInput, OutputModel


def _not_nothing(points: int) -> int:
    if points == 0:
        raise PydanticCustomError("points_zero", "An adjustment gives or takes something.")
    return points


class AdjustmentRequest(InputModel):
    """Points that are to be given or taken by hand."""

    customer_id: CustomerId
    programme_id: ProgrammeId = None
    points: Annotated[int, Field(strict=True, ge=-MAX_POINTS, le=MAX_POINTS), AfterValidator(_not_nothing)] = Field(
        description="Given when above zero, taken when below.", examples=[500]
    )
    reason: LongText = Field(description="Why.", examples=["The delivery came late"])
    wallet: WalletCode = POINTS
    expires_at: MomentInput | None = Field(default=None, description="When what is given expires; never when absent.")


class Adjustment(OutputModel):
    """Points given or taken by hand."""

    id: str = Field(description="The adjustment, `adj_…`.", examples=["adj_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_id: CustomerId
    programme_id: str = Field(description="The programme.", examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    wallet: WalletCode
    points: int = Field(description="Given when above zero, taken when below.", examples=[500])
    reason: str | None = Field(description="Why; null once the member is erased.", examples=["The delivery came late"])
    state: Literal["pending", "posted", "rejected"] = Field(
        description="Pending while a second person has to decide: beyond the limit that the service is set to.", examples=["posted"]
    )
    requested_by: str = Field(description="Who asked for it.", examples=["server:key_1"])
    requested_at: Moment = Field(description="When.", examples=["2026-03-02T12:00:00Z"])
    decided_by: str | None = Field(description="Who decided, when a second person had to.", examples=[None])
    decided_at: Moment | None = Field(description="When it was posted or rejected.", examples=["2026-03-02T12:00:00Z"])
    expires_at: Moment | None = Field(description="When what was given expires.", examples=[None])

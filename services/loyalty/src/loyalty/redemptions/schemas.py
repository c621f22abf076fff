"""What is sent and seen of redemptions."""

from typing import Annotated, Literal

from fastapi import Path
from pydantic import Field

from loyalty.fields import CustomerId
from loyalty.rewards.schemas import MAX_QUANTITY, OptionName, RewardId
from shared.http.schemas import InputModel, Moment, OutputModel, ShortText

RedemptionIdPath = Annotated[str, Path(description="The redemption, `rdm_…`.", max_length=200, examples=["rdm_01jd3z0k7cz9v8w6t5s4r3q2p1"])]
Status = Literal["pending", "fulfilled", "cancelled", "timed_out"]


class MemberRedemptionRequest(InputModel):
    """A reward that a member wants."""

    reward_id: RewardId
    quantity: int = Field(strict=True, default=1, ge=1, le=MAX_QUANTITY, description="Pieces.", examples=[1])
    option: OptionName | None = Field(default=None, description="The way to pay; the usual one when absent.", examples=["points"])


class RedemptionRequest(MemberRedemptionRequest):
    """A reward that is wanted for a member."""

    customer_id: CustomerId


class CancelRequest(InputModel):
    """Why a redemption ends."""

    reason: ShortText | None = Field(default=None, description="A code of the caller's own; not personal.", examples=["out_of_stock"])


class Redemption(OutputModel):
    """A reward that a member took."""

    id: str = Field(description="`rdm_…`", examples=["rdm_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_id: str = Field(description="Who took it.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    reward_id: str = Field(description="The reward.", examples=["rew_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    programme_id: str = Field(description="Its programme.", examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    quantity: int = Field(description="Pieces.", examples=[1])
    option: str = Field(description="The way to pay.", examples=["points"])
    points: int = Field(description="Points for all pieces.", examples=[500])
    wallet: str = Field(description="What they are paid from.", examples=["points"])
    amount_minor: int | None = Field(description="Money to be collected for all pieces, in minor units.", examples=[None])
    currency: str | None = Field(description="ISO 4217 code of the money.", examples=[None])
    status: Status = Field(description="Where it stands at this moment; points of a pending one are held.", examples=["pending"])
    voucher_code: str | None = Field(description="The code, where the reward is one.", examples=[None])
    voucher_codes: list[str] = Field(description="All codes, where it is several.", examples=[[]])
    hold_id: str | None = Field(description="The hold of its points.", examples=["hol_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    cancel_reason: str | None = Field(description="Why it ended.", examples=[None])
    created_at: Moment = Field(description="When it was taken.", examples=["2026-03-02T12:00:00Z"])
    expires_at: Moment | None = Field(description="When it ends unless it is fulfilled before.", examples=["2026-03-16T12:00:00Z"])
    fulfilled_at: Moment | None = Field(description="When it was handed over.", examples=[None])
    closed_at: Moment | None = Field(description="When it was cancelled or timed out.", examples=[None])

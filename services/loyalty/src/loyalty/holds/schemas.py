from typing import Literal

from pydantic import Field

from loyalty.fields import CustomerId, PointsToTake, ProgrammeId, WalletCode
from loyalty.ledger.rules import POINTS
from shared.http.schemas import InputModel, Moment, OutputModel, ShortText

# A hold is for the time of a checkout or a delivery, not for ever.
MAX_SECONDS = 31 * 86_400


class HoldRequest(InputModel):
    """Points that are to be set aside."""

    customer_id: CustomerId
    programme_id: ProgrammeId = None
    points: PointsToTake
    expires_in_seconds: int = Field(
        strict=True, default=900, ge=1, le=MAX_SECONDS, description="After so many seconds they are free again, exactly.", examples=[900]
    )
    reference: ShortText | None = Field(default=None, description="The caller's own word for it; not personal.", examples=["basket 4711"])
    wallet: WalletCode = POINTS


class CaptureRequest(InputModel):
    """How much of a hold is to be spent."""

    points: PointsToTake | None = Field(default=None, description="All of it when absent; the rest is let go.")


class Hold(OutputModel):
    """Points that are or were set aside."""

    id: str = Field(description="The hold, `hol_…`.", examples=["hol_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_id: CustomerId
    programme_id: str = Field(description="The programme.", examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    wallet: WalletCode
    points: int = Field(description="Points set aside.", examples=[250])
    captured: int = Field(description="Points of them that were spent.", examples=[0])
    state: Literal["open", "captured", "voided", "timed_out"] = Field(description="Where it stands at this moment.", examples=["open"])
    reference: str | None = Field(description="The caller's own word for it.", examples=["basket 4711"])
    created_at: Moment = Field(description="When they were set aside.", examples=["2026-03-02T12:00:00Z"])
    expires_at: Moment = Field(description="From when on they are free again.", examples=["2026-03-02T12:15:00Z"])
    closed_at: Moment | None = Field(description="When it ended.", examples=[None])

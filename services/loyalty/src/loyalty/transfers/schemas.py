from pydantic import Field

from loyalty.fields import CustomerId, PointsToTake, ProgrammeId, WalletCode
from loyalty.ledger.rules import POINTS
from shared.http.schemas import InputModel, LongText, Moment, OutputModel


class TransferRequest(InputModel):
    """Points that a member gives to another."""

    customer_id: CustomerId
    to_customer_id: CustomerId
    programme_id: ProgrammeId = None
    points: PointsToTake
    message: LongText | None = Field(default=None, description="What the giver writes.", examples=["Happy birthday"])
    wallet: WalletCode = POINTS


class Transfer(OutputModel):
    """Points that were given."""

    id: str = Field(description="The transfer, `trf_…`.", examples=["trf_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_id: CustomerId
    to_customer_id: CustomerId
    programme_id: str = Field(description="The programme.", examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    wallet: WalletCode
    points: int = Field(description="How many; they keep their expiry.", examples=[250])
    occurred_at: Moment = Field(description="When.", examples=["2026-03-02T12:00:00Z"])
    entry_ids: list[str] = Field(description="The entries of both sides.", examples=[["ent_01jd3z0k7cz9v8w6t5s4r3q2p1"]])

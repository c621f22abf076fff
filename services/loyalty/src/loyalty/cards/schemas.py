from typing import Annotated, Any

from fastapi import Path
from pydantic import Field

from shared.http.schemas import Moment, OutputModel

CardNumber = Annotated[str, Path(pattern="^[0-9]{16}$", description="What a till reads from a card.", examples=["9123456789012341"])]


class Card(OutputModel):
    """What a member shows at the till."""

    number: str = Field(description="16 digits, also in the QR code.", examples=["9123456789012341"])
    customer_id: str = Field(description="The member.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    issued_at: Moment = Field(description="When it was given to him.", examples=["2026-01-05T09:30:00Z"])


class GooglePass(OutputModel):
    """A card for Google Wallet."""

    claims: dict[str, Any] = Field(description="What is signed: the class of the programme and the object of the card.")
    save_url: str | None = Field(
        description="The address that a phone opens to save the pass; null while no key is configured.", examples=[None]
    )

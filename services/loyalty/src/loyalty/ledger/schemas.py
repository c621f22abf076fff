from typing import Literal

from pydantic import Field

from shared.http.schemas import Moment, OutputModel


class Entry(OutputModel):
    """A line of a member's account."""

    id: str = Field(description="The entry, `ent_…`.", examples=["ent_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    kind: Literal["accrual", "reversal"] = Field(description="Points earned, or taken back for a return.")
    points: int = Field(description="Change of the balance: above zero when earned, below when taken back.", examples=[11])
    order_id: str | None = Field(description="The order that it is about.", examples=["ord_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    occurred_at: Moment = Field(description="When its reason arose, such as the day of the order.", examples=["2026-01-05T09:30:00Z"])
    recorded_at: Moment = Field(description="When the ledger heard of it.", examples=["2026-01-05T09:30:02Z"])

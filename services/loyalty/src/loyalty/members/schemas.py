from typing import Annotated

from fastapi import Path
from pydantic import Field

from shared.http.schemas import Moment, OutputModel

CustomerIdPath = Annotated[str, Path(description="The member's customer id.", max_length=200, examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])]


class Member(OutputModel):
    """A member with his points."""

    customer_id: str = Field(description="The customer, `cus_…`.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    balance: int = Field(description="Points that can be spent: what is left of all lots.", examples=[117])
    lifetime: int = Field(description="Points earned so far, less those taken back for returns.", examples=[240])
    enrolled_at: Moment | None = Field(
        description="When the customer registered; null while only orders were heard of.", examples=["2026-01-05T09:30:00Z"]
    )

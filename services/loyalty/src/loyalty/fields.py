"""Fields that the slices share."""

from typing import Annotated

from fastapi import Path, Query
from pydantic import Field, StringConstraints

CustomerId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    Field(description="The member's customer id.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"]),
]
CustomerIdPath = Annotated[str, Path(description="The member's customer id.", max_length=200, examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])]
# Postings beyond this are no points any more but a mistake; sums of very many of them still fit 64 bits.
MAX_POINTS = 10**12
PointsToTake = Annotated[int, Field(strict=True, ge=1, le=MAX_POINTS, description="How many points, at least 1.", examples=[250])]
WalletCode = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$"),
    Field(description="The wallet: points, tier_points or one of the programme's own.", examples=["points"]),
]
ProgrammeId = Annotated[
    str | None,
    StringConstraints(min_length=1, max_length=200),
    Field(description="The programme; the default one when absent.", examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"]),
]
ProgrammeQuery = Annotated[
    str | None,
    Query(description="The programme; the default one when absent.", max_length=200, examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"]),
]

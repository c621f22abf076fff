"""Shares as metrics show them."""

from pydantic import Field

from analytics.metrics.rules import Share
from shared.http.schemas import OutputModel


class ShareOut(OutputModel):
    """An exact share and its percentage, rounded once, halves away from zero."""

    numerator: int = Field(description="How many.", examples=[3501])
    denominator: int = Field(description="Of how many.", examples=[23570])
    percent: float | None = Field(description="100 x numerator / denominator to two decimals; null of nothing.", examples=[14.85])


def share_out(share: Share) -> ShareOut:
    """Return what is shown of a share."""
    return ShareOut(numerator=share.numerator, denominator=share.denominator, percent=share.percent)

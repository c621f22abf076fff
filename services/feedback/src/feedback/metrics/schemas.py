"""What is asked of figures; what they answer is in `shared.figures`."""

from datetime import date
from typing import Annotated, NamedTuple

from fastapi import Depends, Query

from feedback.fields import Channel
from shared.http.schemas import DateInput


class NpsFilter(NamedTuple):
    """Which answers count.

    Attributes:
        since: first day, UTC.
        until: day after the last, UTC.
        channel: the channel whose answers count; all when None.
    """

    since: date | None
    until: date | None
    channel: str | None


async def _nps_filter(
    since: Annotated[DateInput | None, Query(alias="from", description="First day (UTC) of the answers.")] = None,
    until: Annotated[DateInput | None, Query(alias="to", description="Day (UTC) after the last.")] = None,
    channel: Channel | None = None,
) -> NpsFilter:
    return NpsFilter(since, until, channel)


NpsQuery = Annotated[NpsFilter, Depends(_nps_filter)]

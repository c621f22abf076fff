"""The filters of a timeline and of its pain points, as query parameters."""

from datetime import datetime, timedelta
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Query

from customers.dependencies import Now
from customers.timeline.schemas import KIND_PATTERN, JourneyStage, Sentiment
from shared.http.schemas import MomentInput

_DEFAULT_PERIOD = timedelta(days=30)
_MAX_KINDS = 20
_Kind = Annotated[str, Query(pattern=KIND_PATTERN)]
_Channel = Annotated[str | None, Query(min_length=1, max_length=100, description="Where it happened.")]


class Period(NamedTuple):
    """A period, its end not part of it."""

    starts_at: datetime
    ends_at: datetime


async def _touch_filter(
    kind: Annotated[list[_Kind] | None, Query(max_length=_MAX_KINDS, description="Of this kind; several may be named.")] = None,
    channel: _Channel = None,
    journey_stage: Annotated[JourneyStage | None, Query(description="At this stage of the journey.")] = None,
    sentiment: Annotated[Sentiment | None, Query(description="That felt like this.")] = None,
    occurred_from: Annotated[MomentInput | None, Query(alias="from", description="At this moment or later.")] = None,
    occurred_to: Annotated[MomentInput | None, Query(alias="to", description="Before this moment.")] = None,
) -> dict[str, Any]:
    given = {
        "kind": kind or None,
        "channel": channel,
        "journey_stage": journey_stage,
        "sentiment": sentiment,
        "occurred_from": occurred_from,
        "occurred_to": occurred_to,
    }
    return {name: value for name, value in given.items() if value is not None}


async def _period(
    now: Now,
    starts_at: Annotated[MomentInput | None, Query(alias="from", description="Start; 30 days before the end when absent.")] = None,
    ends_at: Annotated[MomentInput | None, Query(alias="to", description="End, not part of it; now when absent.")] = None,
) -> Period:
    end = ends_at or now.now()
    return Period(starts_at or end - _DEFAULT_PERIOD, end)


# Values by the names of the repository's filters.
TouchQuery = Annotated[dict[str, Any], Depends(_touch_filter)]
PeriodQuery = Annotated[Period, Depends(_period)]
ChannelQuery = _Channel

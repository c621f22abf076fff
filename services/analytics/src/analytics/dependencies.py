"""What the routes of all slices ask for."""

from datetime import date
from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import Request

from analytics.metrics.rules import ZONE, Window, checked, of_months
from shared.clock import Clock
from shared.http import Caller, requires, state_of

ReadsAnalytics = Annotated[Caller, requires("analytics:read")]
ReadsOperations = Annotated[Caller, requires("operations:read")]

_Since = Annotated[date | None, Query(alias="from", description="First day of the window, UTC.", examples=["1997-01-01"])]
_Until = Annotated[date | None, Query(alias="to", description="The day after the last of the window, UTC.", examples=["1998-07-01"])]
_Zone = Annotated[str, Query(max_length=64, description="Only UTC is exact.", examples=[ZONE])]


async def _clock(request: Request) -> Clock:
    return state_of(request).clock


async def _days(since: _Since = None, until: _Until = None, zone: _Zone = ZONE) -> Window:
    return checked(Window(since, until), zone)


async def _months(since: _Since = None, until: _Until = None, zone: _Zone = ZONE) -> Window:
    return of_months(checked(Window(since, until), zone))


async def _zone(zone: _Zone = ZONE) -> str:
    checked(Window(), zone)
    return ZONE


ClockDep = Annotated[Clock, Depends(_clock)]
# A window of days, or of whole months; a zone other than UTC is refused.
Days = Annotated[Window, Depends(_days)]
Months = Annotated[Window, Depends(_months)]
Zone = Annotated[str, Depends(_zone)]

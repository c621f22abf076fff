"""What the routes of all slices ask for."""

import re
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BeforeValidator
from starlette.requests import Request

from analytics.metrics.rules import ZONE, ZONES, Window, checked, of_months
from shared.clock import Clock
from shared.http import Caller, requires, state_of

ReadsAnalytics = Annotated[Caller, requires("analytics:read")]
ReadsOperations = Annotated[Caller, requires("operations:read")]

_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_FIRST_OF_MONTH = {"pattern": r"^\d{4}-\d{2}-01$"}


def _written_as_day(value: Any) -> Any:
    # pydantic would take a bare number for seconds since 1970.
    if isinstance(value, str) and not _DAY.match(value):
        raise ValueError("a day is written YYYY-MM-DD")
    return value


Day = Annotated[date, BeforeValidator(_written_as_day)]
_SINCE, _UNTIL = "First day of the window, UTC.", "The day after the last of the window, UTC."
_Since = Annotated[Day | None, Query(alias="from", description=_SINCE, examples=["1997-01-01"])]
_Until = Annotated[Day | None, Query(alias="to", description=_UNTIL, examples=["1998-07-01"])]
_SinceMonth = Annotated[Day | None, Query(alias="from", description=_SINCE, examples=["1997-01-01"], json_schema_extra=_FIRST_OF_MONTH)]
_UntilMonth = Annotated[Day | None, Query(alias="to", description=_UNTIL, examples=["1998-07-01"], json_schema_extra=_FIRST_OF_MONTH)]
# Any text is taken, so that another zone is refused with its reason.
_Zone = Annotated[str, Query(max_length=64, description="Only UTC is exact.", examples=[ZONE], json_schema_extra={"enum": sorted(ZONES)})]


async def _clock(request: Request) -> Clock:
    return state_of(request).clock


async def _days(since: _Since = None, until: _Until = None, zone: _Zone = ZONE) -> Window:
    return checked(Window(since, until), zone)


async def _months(since: _SinceMonth = None, until: _UntilMonth = None, zone: _Zone = ZONE) -> Window:
    return of_months(checked(Window(since, until), zone))


async def _zone(zone: _Zone = ZONE) -> str:
    checked(Window(), zone)
    return ZONE


ClockDep = Annotated[Clock, Depends(_clock)]
# A window of days, or of whole months; a zone other than UTC is refused.
Days = Annotated[Window, Depends(_days)]
Months = Annotated[Window, Depends(_months)]
Zone = Annotated[str, Depends(_zone)]

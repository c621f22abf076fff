"""When a customer is not to be disturbed: pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


def quiet_until(preferences: Mapping[str, Any], now: datetime) -> datetime | None:
    """Return when a customer's quiet hours end that hold now, UTC; None when none do.

    Args:
        preferences: of his profile; without a zone his hours are taken to be those of UTC, and hours that end as they begin are none.
        now: the present moment.
    """
    hours = preferences.get("quiet_hours") or {}
    if not hours.get("from") or not hours.get("to"):
        return None
    zone = ZoneInfo(preferences.get("zone") or "UTC")
    starts, ends, local = time.fromisoformat(hours["from"]), time.fromisoformat(hours["to"]), now.astimezone(zone)
    wall = local.time().replace(tzinfo=None)
    over_midnight = ends < starts
    is_quiet = (wall >= starts or wall < ends) if over_midnight else starts <= wall < ends
    if not is_quiet:
        return None
    day = local.date() + (_DAY if over_midnight and wall >= starts else timedelta(0))
    # An hour that comes twice ends the second time if it is the second time now; one that is left out ends where it would have been.
    return datetime.combine(day, ends, zone).replace(fold=local.fold).astimezone(UTC)

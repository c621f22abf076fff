"""What rewards look at of a member: his tier is asked of the slice of tiers, his traits of that of earning."""

from datetime import datetime
from typing import Any

from loyalty.earning import repository as earning
from loyalty.tiers import service as tiers
from shared.database.pool import Connection


async def traits_of(connection: Connection, customer_id: str, moment: datetime) -> dict[str, Any]:
    """Return what conditions see as `customer`."""
    [(traits, _)] = await earning.traits(connection, [(customer_id, moment)])
    return traits


async def tier_of(connection: Connection, customer_id: str, programme_id: str, at: datetime | None = None) -> str | None:
    """Return the code of a member's tier in a programme, now or at a moment; None below the first."""
    tier, _ = await tiers.tier_of(connection, customer_id, at, None, programme_id)
    return tier

"""What rewards look at of a member: his tier is asked of the slice of tiers, his traits of that of earning."""

from datetime import datetime
from typing import Any

from loyalty.earning import repository as earning
from loyalty.tiers import service as tiers
from loyalty.tiers.rules import Stood
from shared.database.pool import Connection


async def traits_of(connection: Connection, customer_id: str, moment: datetime) -> dict[str, Any]:
    """Return what conditions see as `customer`."""
    [(traits, _)] = await earning.traits(connection, [(customer_id, moment)])
    return traits


async def stood_at(connection: Connection, customer_id: str, programme_id: str, moment: datetime) -> Stood:
    """Return the tier that a member has in a programme, with what it gives."""
    [found] = await tiers.standings_at(connection, programme_id, [(customer_id, moment)])
    return found

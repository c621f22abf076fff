"""What rewards look at of a member: his tier is asked of the slice of tiers, his traits of that of earning."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from loyalty.earning import repository as earning
from shared.database.pool import Connection


async def traits_of(connection: Connection, customer_id: str, moment: datetime) -> dict[str, Any]:
    """Return what conditions see as `customer`."""
    [(traits, _)] = await earning.traits(connection, [(customer_id, moment)])
    return traits


async def tier_of(connection: Connection, family: Sequence[str], moment: datetime) -> str | None:
    """Return the code of a member's tier at a moment; nobody has one as long as the programme has no tiers."""
    del connection, family, moment
    return None

"""What comes due with the time: keys and pieces of access exports are deleted when their archive expires."""

from datetime import datetime

from customers.privacy.access_exports.repository import shred_expired
from shared.database.unit_of_work import UnitOfWork


async def shred_expired_exports(uow: UnitOfWork, now: datetime) -> bool:
    """Delete the keys of expired archives, and with them all that was sealed; one call does it all."""
    await shred_expired(uow.connection, now)
    return False

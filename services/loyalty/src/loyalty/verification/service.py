"""Seals over the chains of entries."""

from datetime import datetime, timedelta

from loyalty.verification import repository
from shared.database.unit_of_work import UnitOfWork

# What nobody has sealed yet is bound by the chains alone.
SEAL_EVERY = timedelta(minutes=1)


async def seal(uow: UnitOfWork, now: datetime) -> int | None:
    """Seal the chains that have grown, unless that was done lately; return the seal's number when one was made."""
    last = await repository.last_seal(uow.connection)
    if last is not None and now - last.sealed_at < SEAL_EVERY:
        return None
    return await repository.seal(uow.connection)

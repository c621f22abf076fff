"""Customers who changed are compared with the others a few seconds later."""

from datetime import datetime

from customers.duplicates import scan
from shared.database.unit_of_work import UnitOfWork


async def compare_changed(uow: UnitOfWork, _now: datetime) -> bool:
    """Compare one chunk of those who wait: a large import takes turns with the rest, unless somebody asks for a scan of what changed."""
    await scan.compare_marked(uow)
    return False

"""What feedback keeps of a customer: erased when he wants to be forgotten, told when he asks.

The score of an answer stays, without him: the net promoter score is what it was.
"""

from feedback.customers.repository import CustomerRepository
from feedback.responses.repository import ResponseRepository
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.following.sealing import Collected


async def erase(uow: UnitOfWork, customer_ids: list[str]) -> dict[str, int]:
    """Take a customer and his words from his answers, and forget him; return how many of each."""
    return {
        "responses": await ResponseRepository(uow.connection).make_nameless(customer_ids),
        "customers": await CustomerRepository(uow.connection).forget(customer_ids),
    }


async def collect(connection: Connection, customer_ids: list[str]) -> Collected:
    """Return all that is kept of a customer."""
    responses = await ResponseRepository(connection).of(customer_ids)
    customers = await CustomerRepository(connection).of(customer_ids)
    return {"responses": [dict(row) for row in responses], "customers": [dict(row) for row in customers]}

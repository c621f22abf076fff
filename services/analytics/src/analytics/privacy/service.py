"""What analytics keeps of a customer: erased when he wants to be forgotten, told when he asks.

His points and his profile go, and every roll-up by person is what it would be without him. What was sold stays sold, by the day and
without whose it was, and the score of an answer stays, without him.
"""

from analytics.history.repository import HistoryRepository
from analytics.people.service import recount
from analytics.points.repository import PointsRepository
from analytics.privacy.repository import PrivacyRepository
from analytics.satisfaction.repository import SatisfactionRepository
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.following.links import families
from shared.following.sealing import Collected


async def erase(uow: UnitOfWork, customer_ids: list[str]) -> dict[str, int]:
    """Delete the facts of a customer, or make them nobody's, and take him from the roll-ups; return how many of each kind."""
    connection = uow.connection
    erased = await PrivacyRepository(connection).make_nameless(customer_ids)
    erased |= await PointsRepository(connection).erase(customer_ids)
    erased["responses"] = await SatisfactionRepository(connection).make_nameless(customer_ids)
    erased["customers"] = await HistoryRepository(connection).erase_customers(customer_ids)
    await recount(connection, [one.root_id for one in (await families(connection, customer_ids)).values()])
    return erased


async def collect(connection: Connection, customer_ids: list[str]) -> Collected:
    """Return all that is kept of a customer."""
    members, movements = await PointsRepository(connection).of(customer_ids)
    kept = {
        "customers": await HistoryRepository(connection).customers_of(customer_ids),
        **await PrivacyRepository(connection).purchases_of(customer_ids),
        "responses": await SatisfactionRepository(connection).of(customer_ids),
        "members": members,
        "points_movements": movements,
    }
    return {kind: [dict(row) for row in rows] for kind, rows in kept.items()}

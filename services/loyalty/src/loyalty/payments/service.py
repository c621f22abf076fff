"""Members pay with points, which are worth what the programme says that a point costs. Whoever pays holds the pool of the member first."""

from datetime import datetime
from typing import Any

from asyncpg import Record

from loyalty.abuse.guard import guard
from loyalty.ledger import service as ledger
from loyalty.ledger.errors import InsufficientPoints
from loyalty.ledger.rules import Draw, Restoration
from loyalty.liability import service as liability
from loyalty.members.errors import MemberNotFound
from loyalty.payments import repository
from loyalty.payments.errors import PointsNotPayable
from loyalty.payments.rules import Paid, Worth
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.following.links import Family
from shared.ids import new_id


async def worth_of(connection: Connection, programme_id: str, currency: str, moment: datetime) -> Worth:
    """Return what points of a programme are worth.

    Raises:
        PointsNotPayable: nothing in this currency.
    """
    value = await liability.value_at(connection, programme_id, moment)
    if value is None or value.currency != currency or not value.amount_minor:
        raise PointsNotPayable(pointer="/points")
    return Worth(value.amount_minor, value.points)


async def pay(
    uow: UnitOfWork, programme_id: str, customer_id: str, reference: str, paid: Paid, currency: str, *, caller: str | None = None
) -> Record:
    """Draw the points that pay for a purchase; return the payment.

    Raises:
        InsufficientPoints: there are fewer; `spendable` tells how many.
        MemberNotFound: his membership has ended.
        MemberFrozen: he, or one of his household, is frozen.
        VelocityExceeded: a limit on redemptions is reached.
    """
    await guard(uow, "redemption", customer_id=customer_id, caller=caller, points=paid.points)
    payment_id = new_id("pay")
    draw = Draw(customer_id, paid.points, payment_id, explanation={"amount_minor": paid.amount_minor, "currency": currency})
    [outcome] = await ledger.draw(uow, [draw], programme_id=programme_id)
    if outcome.status == "insufficient":
        raise InsufficientPoints(pointer="/points", spendable=outcome.spendable)
    if outcome.status != "posted":
        raise MemberNotFound
    return await repository.add(uow.connection, (payment_id, programme_id, customer_id, reference, *paid, currency))


async def take_back(uow: UnitOfWork, person: Family, reference: str) -> Record | None:
    """Let points with which a person paid for a purchase come back, and return the payment; None when there is none. Twice is once.

    Raises:
        MemberNotFound: his membership ended, and with it what could come back.
    """
    payment = await repository.latest(uow.connection, person.ids, reference)
    if payment is None or payment["rolled_back_at"] is not None:
        return payment
    [outcome] = await ledger.restore(uow, [Restoration(payment["id"], f"{payment['id']}:rolled_back")])
    if outcome.status == "exceeds":
        raise MemberNotFound
    return await repository.roll_back(uow.connection, payment["id"])


async def erase(connection: Connection, ids: list[str]) -> dict[str, int]:
    """Delete the tills' references of what erased customers paid; entries refer to the rest."""
    return {"point_payments": await repository.blank(connection, ids)}


async def collect(connection: Connection, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what customers paid with points."""
    return {"point_payments": [dict(row) for row in await repository.everything_of(connection, ids)]}

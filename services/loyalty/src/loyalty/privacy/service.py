"""A member who wants to be forgotten, or to see what is kept of him.

Entries cannot go, for the accounts must balance: they stay under a customer id that leads to nobody any more. What is left is forfeited by
an entry of its own, what was written is deleted, and what comes late for the id is ignored.
"""

from typing import Any

from loyalty.abuse import privacy as abuse
from loyalty.badges import repository as badges
from loyalty.cards import service as cards
from loyalty.challenges import repository as challenges
from loyalty.earning import privacy as earning
from loyalty.expiry import service as expiry
from loyalty.ledger.events import tell
from loyalty.offers import service as offers
from loyalty.participations import repository as participations
from loyalty.partners import repository as partners
from loyalty.payments import service as payments
from loyalty.privacy import repository
from loyalty.redemptions import service as redemptions
from loyalty.referrals import service as referrals
from loyalty.relations import repository as relations
from loyalty.segments import repository as segments
from loyalty.tiers import privacy as tiers
from loyalty.vouchers import service as vouchers
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork


async def erase(uow: UnitOfWork, customer_ids: list[str]) -> dict[str, int]:
    """End the memberships of erased customers and make what stays of them nameless; return how much, by kind of record."""
    lines = await repository.close(uow.connection, customer_ids)
    await tell(uow, lines)
    return {
        "forfeitures": len(lines),
        **await repository.blank(uow.connection, customer_ids),
        **await redemptions.erase(uow, customer_ids),
        **await offers.erase(uow.connection, customer_ids),
        **await vouchers.erase(uow.connection, customer_ids),
        **await payments.erase(uow.connection, customer_ids),
        **await cards.erase(uow.connection, customer_ids),
        **await earning.erase(uow.connection, customer_ids),
        **await tiers.erase(uow.connection, customer_ids),
        **await challenges.erase(uow.connection, customer_ids),
        **await badges.erase(uow.connection, customer_ids),
        **await expiry.erase(uow.connection, customer_ids),
        **await participations.erase(uow.connection, customer_ids),
        **await abuse.erase(uow, customer_ids),
        **await partners.erase(uow.connection, customer_ids),
        **await referrals.erase(uow, customer_ids),
        **await segments.erase(uow.connection, customer_ids),
        **await relations.erase(uow.connection, customer_ids),
    }


async def collect(connection: Connection, customer_ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return all that is kept of a customer, by kind of record."""
    return (
        await repository.collect(connection, customer_ids)
        | await vouchers.collect(connection, customer_ids)
        | await payments.collect(connection, customer_ids)
        | await cards.collect(connection, customer_ids)
        | await redemptions.collect(connection, customer_ids)
        | await offers.collect(connection, customer_ids)
        | await earning.collect(connection, customer_ids)
        | await tiers.collect(connection, customer_ids)
        | await challenges.collect(connection, customer_ids)
        | await badges.collect(connection, customer_ids)
        | await expiry.collect(connection, customer_ids)
        | await participations.collect(connection, customer_ids)
        | await abuse.collect(connection, customer_ids)
        | await partners.collect(connection, customer_ids)
        | await referrals.collect(connection, customer_ids)
        | await segments.collect(connection, customer_ids)
        | await relations.collect(connection, customer_ids)
    )

"""Deciding what waits: each kind of review knows what is done when it is approved, and what when it is rejected; exactly once."""

from collections.abc import Mapping
from typing import Protocol

from asyncpg import Record

from loyalty.abuse import reviewing, withholding
from loyalty.abuse.errors import ReviewDecided
from loyalty.handlers import EARNING
from loyalty.partners import posting as partners
from loyalty.referrals import following as referrals
from shared.contracts.base import event_type
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Envelope, Received
from shared.ids import new_uuid

_SOURCE = "/regulars/customers"


class Decide(Protocol):
    """Does what a decision asks for."""

    async def __call__(self, uow: UnitOfWork, review: Record, *, approve: bool) -> None:
        """Do it, in the transaction of the decision."""
        ...


async def decide(uow: UnitOfWork, review_id: str, *, approve: bool, caller: str, reason: str) -> Record:
    """Approve or reject what waits.

    Args:
        uow: commits it.
        review_id: the review.
        approve: whether what waits is to happen.
        caller: who decides.
        reason: why.

    Raises:
        ReviewNotFound: there is none.
        ReviewDecided: that was done before.
    """
    review = await reviewing.found(uow.connection, review_id, lock=True)
    if review["state"] != "open":
        raise ReviewDecided(state=review["state"])
    concluded = await reviewing.conclude(uow, review_id, "approved" if approve else "rejected", caller, reason)
    # Afterwards, so that what waits for another reason still can wait for another review.
    act = _BY_KIND.get(review["kind"])
    if act is not None:
        await act(uow, review, approve=approve)
    return concluded


async def _earnings(uow: UnitOfWork, review: Record, *, approve: bool) -> None:
    if approve:
        for row in await withholding.waiting(uow.connection, review["id"]):
            contract = event_type(row["type"])
            assert contract is not None
            event = contract.model_validate(row["payload"], extra="ignore")
            envelope = Envelope(new_uuid(), event.type, _SOURCE, event.aggregate_id, event.key, 0, review["opened_at"])
            await EARNING[contract](uow, [Received(event, envelope)])
    await withholding.close(uow.connection, review["id"], "released" if approve else "refused")


_BY_KIND: Mapping[str, Decide] = {
    "earning": _earnings,
    "frozen_earning": _earnings,
    partners.REVIEW: partners.decide,
    referrals.REVIEW: referrals.decide,
}

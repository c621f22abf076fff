"""What becomes of referrals when something is told of who was referred: evaluated anew from all that is known, so any order will do."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from asyncpg import Record

from loyalty.abuse import reviewing
from loyalty.earning.rules import order_facts
from loyalty.referrals import repository
from loyalty.referrals.repository import Standing
from loyalty.referrals.rules import Verdict, judge, open_suspicions, suspicions_now
from shared.contracts.customers import OrderPlaced
from shared.contracts.loyalty import ReferralRefused
from shared.database.unit_of_work import UnitOfWork
from shared.following.links import families

REVIEW = "referral"
_UTC = ZoneInfo("UTC")


async def bought(uow: UnitOfWork, orders: Sequence[OrderPlaced]) -> None:
    """Look at referrals of those who placed orders; the ledger remembers the orders already."""
    customers = sorted({order.customer_id for order in orders})
    touched = await repository.touched(uow.connection, customers, settled=repository.REWARDED)
    if not touched:
        return
    looked_at = [row["referred_id"] for row in touched if row["has_condition"]]
    if looked_at:
        people = {customer for one in (await families(uow.connection, looked_at)).values() for customer in one.ids}
        # Whether it is the first purchase, the referral itself finds out.
        told = [(o.order_id, o.customer_id, order_facts(o, _UTC, first_purchase=False)) for o in orders if o.customer_id in people]
        if told:
            await repository.keep_orders(uow.connection, told)
    await evaluate(uow, [row["id"] for row in touched])


async def follow(uow: UnitOfWork, customer_ids: Sequence[str], *, either: bool = False) -> None:
    """Look at the referrals of customers of whom something was told.

    Args:
        uow: of the caller.
        customer_ids: who may have been referred.
        either: whether those whom they referred are meant too, as when two turn out to be one.
    """
    asked = sorted(set(customer_ids))
    if either:
        touched = await repository.touched_either(uow.connection, asked)
    else:
        touched = [row["id"] for row in await repository.touched(uow.connection, asked)]
    if touched:
        await evaluate(uow, touched)


async def lapse(uow: UnitOfWork, now: datetime, many: int) -> int:
    """Note referrals whose time is over; return how many were looked at."""
    over = await repository.lapsing(uow.connection, now, many)
    if over:
        await evaluate(uow, over)
    return len(over)


async def evaluate(uow: UnitOfWork, referral_ids: Sequence[str]) -> None:
    """Let referrals, which are locked, stand where all that is known puts them."""
    moved: list[tuple[str, Verdict]] = []
    waiting: list[Standing] = []
    for each in await repository.standing(uow.connection, referral_ids):
        verdict = judge(each.terms, each.known)
        if verdict is None:
            continue
        suspicions = suspicions_now(each.terms, each.known)
        if suspicions != each.row["suspicions"] and verdict.state != "reversing":
            await repository.suspect(uow.connection, each.row["id"], suspicions)
        if verdict.state == "reversing":
            verdict = verdict._replace(order_id=each.row["order_id"], due_at=each.row["due_at"])
        if verdict.state == "refused":
            await _refuse(uow, each.row["id"], verdict)
        elif verdict != _present(each):
            moved.append((each.row["id"], verdict))
        if verdict.state == "waiting":
            waiting.append(each)
    await repository.move_all(uow.connection, moved)
    for each in waiting:
        # One thing waits once: whatever came to light since it was looked at last is looked at, too.
        unseen = open_suspicions(each.terms, each.known)
        await reviewing.open_review(uow, REVIEW, each.row["id"], unseen, customer_id=each.row["referrer_id"])


async def decide(uow: UnitOfWork, review: Record, *, approve: bool) -> None:
    """Let a referral that was suspicious go on, or refuse it for ever."""
    referral_id = review["subject_id"]
    if approve:
        await repository.clear(uow.connection, referral_id, review["reasons"])
        await evaluate(uow, [referral_id])
        return
    referral = await repository.get(uow.connection, referral_id)
    if referral is not None and referral["state"] in ("pending", "lapsed", "qualified", "waiting"):
        await _refuse(uow, referral_id, Verdict("refused", "rejected", referral["order_id"], referral["due_at"]))


async def _refuse(uow: UnitOfWork, referral_id: str, verdict: Verdict) -> None:
    row: Any = await repository.move(uow.connection, referral_id, verdict, is_told=True)
    event = ReferralRefused(referral_id=referral_id, customer_id=row["referrer_id"], referred_id=row["referred_id"], reason=row["reason"])
    uow.publish(event, sequence=row["told"])


def _present(each: Standing) -> Verdict:
    row = each.row
    return Verdict(row["state"], row["reason"], row["order_id"], row["due_at"])

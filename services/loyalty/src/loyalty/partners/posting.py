"""What partners post: points that they give or take, and what they take back of it.

Whoever posts holds, in this order: the partner, together with others who post for him; the reference; the counters of the guard and of the
partner's limits; the member. Whoever closes a period holds the partner alone.
"""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from asyncpg import Record

from loyalty.abuse import repository as abuse
from loyalty.abuse import reviewing
from loyalty.abuse.guard import guard
from loyalty.abuse.rules import Action
from loyalty.cards import service as cards
from loyalty.ledger import service as ledger
from loyalty.ledger.errors import InsufficientPoints
from loyalty.ledger.rules import Draw, Grant, Restoration
from loyalty.members import service as members
from loyalty.members.errors import MemberNotFound
from loyalty.partners import repository
from loyalty.partners.errors import (
    PartnerAmountUnusable,
    PartnerKeyUnbound,
    PartnerLimitReached,
    PartnerMemberUnclear,
    PartnerMomentUnusable,
    PartnerNotAllowed,
    PartnerReferenceTaken,
    PartnerReversalExceeds,
    PartnerTransactionNotFound,
    PartnerTransactionNotPosted,
)
from loyalty.partners.rules import ACCRUAL, allowances, earned, paid_with, seconds_left
from loyalty.partners.schemas import PartnerPosting, PartnerReversal
from loyalty.tiers import booking as tiers
from shared.database.moments import database_now
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.following.links import family
from shared.http import Caller

REVIEW = "partner_accrual"
_MAX_AGE = timedelta(days=366)
_CLOCKS_DIFFER = timedelta(minutes=5)
_MAX_POINTS = 10**12


async def post(uow: UnitOfWork, caller: Caller, direction: str, wanted: PartnerPosting) -> tuple[Record, bool]:
    """Post points that a partner gives (`accrual`) or takes (`redemption`); return the posting, and whether it is new.

    Raises:
        PartnerKeyUnbound: the caller's key belongs to no partner.
        PartnerNotAllowed: the partner may not do this.
        PartnerMemberUnclear, PartnerMomentUnusable, PartnerAmountUnusable: the posting is no posting.
        MemberNotFound, CardNotFound, CardReplaced: there is no such member.
        PartnerReferenceTaken: the reference names another posting.
        MemberFrozen: the member cannot spend.
        VelocityExceeded, PartnerLimitReached: a limit is reached.
        InsufficientPoints: the member has fewer; how many is not the partner's business.
    """
    connection = uow.connection
    partner = await _held(connection, caller)
    if not (partner["is_active"] and partner["may_accrue" if direction == ACCRUAL else "may_redeem"]):
        raise PartnerNotAllowed
    await _check_moment(connection, wanted.occurred_at)
    customer_id = await _member(connection, wanted)
    points = _points(partner, direction, wanted)
    price = (partner[f"{direction}_price_minor"], partner[f"{direction}_price_points"])
    values = (partner["id"], direction, wanted.reference, customer_id, points, wanted.amount_minor, *price, wanted.occurred_at, None)
    posting = await repository.add_transaction(connection, values)
    if posting is None:
        return await _known(connection, partner["id"], direction, wanted.reference, customer_id, points), False
    action: Action = "partner_accrual" if direction == ACCRUAL else "partner_redemption"
    verdict = await guard(uow, action, customer_id=customer_id, caller=caller.principal, partner_id=partner["id"], points=points)
    await _use_limits(connection, partner, posting)
    reasons = [] if verdict is None else ["velocity" if verdict.retry_after_seconds else "large_accrual"]
    if direction == ACCRUAL and await abuse.earning_waits(connection, customer_id):
        reasons.append("member_frozen")
    if reasons:
        review = {"customer_id": customer_id, "partner_id": partner["id"], "points": points}
        await reviewing.open_review(uow, REVIEW, posting["id"], reasons, **review)
        return await repository.set_state(connection, posting["id"], "waiting"), True
    await _move(uow, partner, posting)
    return posting, True


async def decide(uow: UnitOfWork, review: Record, *, approve: bool) -> None:
    """Post what waited for a review, in the period in which it is approved, or refuse it and free what it used of limits."""
    posting = await repository.transaction(uow.connection, review["subject_id"], lock=True)
    assert posting is not None
    if not approve:
        await repository.give_back(uow.connection, posting, posting["points"])
        await repository.set_state(uow.connection, posting["id"], "refused")
        return
    partner = await repository.hold(uow.connection, posting["partner_id"])
    await _move(uow, partner, await repository.set_state(uow.connection, posting["id"], "posted"))


async def reverse(uow: UnitOfWork, caller: Caller, transaction_id: str, wanted: PartnerReversal) -> tuple[Record, bool]:
    """Take back a posting or a part of it; return the reversal, and whether it is new.

    Points that were given are drawn from what the member can spend; points that were spent come back to their lots.

    Raises:
        PartnerKeyUnbound: the caller's key belongs to no partner.
        PartnerTransactionNotFound: it is none of his.
        PartnerTransactionNotPosted: it waits, was refused, or is a reversal.
        PartnerReferenceTaken: the reference names another posting.
        PartnerReversalExceeds: less is left of it.
        InsufficientPoints: the member has spent what he was given.
    """
    connection = uow.connection
    partner = await _held(connection, caller)
    original = await repository.transaction(connection, transaction_id, lock=True)
    if original is None or original["partner_id"] != partner["id"]:
        raise PartnerTransactionNotFound
    known = await repository.by_reference(connection, partner["id"], wanted.reference)
    if known is not None:
        if known["reverses"] != transaction_id or wanted.points not in (None, known["points"]):
            raise PartnerReferenceTaken(pointer="/reference")
        return known, False
    if original["state"] != "posted" or original["reverses"] is not None:
        raise PartnerTransactionNotPosted
    left = original["points"] - original["reversed_points"]
    points = left if wanted.points is None else wanted.points
    if not 0 < points <= left:
        raise PartnerReversalExceeds(left=left)
    price = (original["price_minor"], original["price_points"])
    direction = f"{original['direction']}_reversal"
    values = (partner["id"], direction, wanted.reference, original["customer_id"], points, None, *price, None, transaction_id)
    reversal = await repository.add_transaction(connection, values)
    if reversal is None:
        # Told twice at once, or the member is erased.
        raise PartnerReferenceTaken(pointer="/reference")
    await repository.count_reversed(connection, transaction_id, points)
    await repository.give_back(connection, original, points)
    await _move(uow, partner, reversal)
    return reversal, True


async def of_caller(connection: Connection, caller: Caller) -> Record:
    """Return the partner whose key the caller has.

    Raises:
        PartnerKeyUnbound: it belongs to none.
    """
    partner = await repository.of_key(connection, caller.id) if caller.kind == "server" else None
    if partner is None:
        raise PartnerKeyUnbound
    return partner


async def found(connection: Connection, caller: Caller, transaction_id: str) -> Record:
    """Return a posting of the caller's partner.

    Raises:
        PartnerKeyUnbound: the caller's key belongs to no partner.
        PartnerTransactionNotFound: it is none of his.
    """
    partner = await of_caller(connection, caller)
    posting = await repository.transaction(connection, transaction_id)
    if posting is None or posting["partner_id"] != partner["id"]:
        raise PartnerTransactionNotFound
    return posting


async def _held(connection: Connection, caller: Caller) -> Record:
    partner = await repository.of_key(connection, caller.id, hold=True) if caller.kind == "server" else None
    if partner is None:
        raise PartnerKeyUnbound
    return partner


async def _check_moment(connection: Connection, moment: datetime | None) -> None:
    if moment is not None:
        now = await database_now(connection)
        if not now - _MAX_AGE <= moment <= now + _CLOCKS_DIFFER:
            raise PartnerMomentUnusable(pointer="/occurred_at")


async def _member(connection: Connection, wanted: PartnerPosting) -> str:
    if (wanted.customer_id is None) == (wanted.member_number is None) or (wanted.points is None) == (wanted.amount_minor is None):
        raise PartnerMemberUnclear
    if wanted.member_number is not None:
        return (await cards.by_number(connection, wanted.member_number)).customer_id
    assert wanted.customer_id is not None
    await members.require(connection, wanted.customer_id)
    return wanted.customer_id


def _points(partner: Record, direction: str, wanted: PartnerPosting) -> int:
    points: int | None = wanted.points
    if wanted.amount_minor is not None and direction == ACCRUAL:
        rate = (partner["earn_points"], partner["earn_minor"])
        points = earned(wanted.amount_minor, *rate) if rate[0] is not None else None
    elif wanted.amount_minor is not None:
        points = paid_with(wanted.amount_minor, partner["redemption_price_minor"], partner["redemption_price_points"])
    if points is None or not 0 < points <= _MAX_POINTS:
        raise PartnerAmountUnusable(pointer="/amount_minor")
    return points


async def _known(connection: Connection, partner_id: str, direction: str, reference: str, customer_id: str, points: int) -> Record:
    known = await repository.by_reference(connection, partner_id, reference)
    if known is None:
        # Erased in this moment.
        raise MemberNotFound
    ids = (await family(connection, customer_id)).ids
    if (known["direction"], known["points"]) != (direction, points) or known["customer_id"] not in ids:
        raise PartnerReferenceTaken(pointer="/reference")
    return known


async def _use_limits(connection: Connection, partner: Record, posting: Record) -> None:
    zone = ZoneInfo(await repository.zone(connection, partner["programme_id"]))
    root_id = (await family(connection, posting["customer_id"])).root_id
    of = allowances(partner[f"{posting['direction']}_limits"], root_id, posting["posted_at"], zone)
    for allowance in of:
        if posting["points"] > allowance.maximum:
            # There never is room for it.
            raise PartnerLimitReached(limit=allowance.name)
    exceeded = await repository.use(connection, posting, of) if of else None
    if exceeded is not None:
        seconds = seconds_left(exceeded.name, posting["posted_at"], zone)
        raise PartnerLimitReached(limit=exceeded.name, retry_after_seconds=seconds)


async def _move(uow: UnitOfWork, partner: Record, posting: Record) -> None:
    counter, programme_id = f"partner:{partner['id']}", partner["programme_id"]
    moment = posting["occurred_at"]
    facts: dict[str, Any] = {
        "counter": counter,
        "explanation": {"partner": partner["id"], "amount_minor": posting["amount_minor"], "points": posting["points"]},
    }
    own = (posting["customer_id"], posting["points"], posting["id"], moment)
    match posting["direction"]:
        case "accrual":
            [outcome] = await ledger.grant(uow, [Grant(*own, **facts)], programme_id=programme_id)
        case "redemption":
            [outcome] = await ledger.draw(uow, [Draw(*own, **facts)], programme_id=programme_id)
        case "accrual_reversal":
            [outcome] = await ledger.draw(uow, [Draw(*own, kind="reversal", **facts)], programme_id=programme_id)
        case _:
            back = Restoration(posting["reverses"], posting["id"], posting["points"], moment)
            [outcome] = await ledger.restore(uow, [back])
    if outcome.status == "insufficient":
        raise InsufficientPoints
    if outcome.status == "exceeds":
        raise PartnerReversalExceeds(left=outcome.spendable)
    if outcome.status != "posted":
        raise MemberNotFound
    await tiers.refresh(uow, [posting["customer_id"]])

"""Members take rewards: redeemed, then fulfilled or cancelled, or ended by time.

Whoever redeems holds the member with his family and household first, then redemptions that have timed out, then codes that nobody else
waits for, then the reward: all wait for each other in this order only. What is refused leaves nothing behind, for the transaction ends
with it.
"""

from datetime import datetime
from typing import Any

from asyncpg import Record

from loyalty.abuse.guard import guard
from loyalty.earning.repository import lock_pools
from loyalty.holds import service as holds
from loyalty.ledger import service as ledger
from loyalty.ledger.errors import InsufficientPoints
from loyalty.ledger.events import programme_of
from loyalty.ledger.rules import Draw, Restoration
from loyalty.members import service as members
from loyalty.members.errors import MemberNotFound
from loyalty.redemptions import repository
from loyalty.redemptions.errors import OptionUnknown, RedemptionClosed, RedemptionNotFound, RedemptionVoucherUsed
from loyalty.redemptions.schemas import MemberRedemptionRequest
from loyalty.rewards import repository as rewards
from loyalty.rewards import service as catalogue
from loyalty.rewards import standing
from loyalty.rewards.errors import RewardLimitReached, RewardNotEligible, RewardNotFound, RewardNotInForce, RewardSoldOut
from loyalty.rewards.rules import HANDED_OVER, Price, Standing, ahead_hours_of, exceeded, in_force, not_eligible, price_of
from loyalty.tiers.rules import Stood
from shared.contracts.loyalty import RedemptionCancelled, RedemptionFulfilled, RewardRedeemed
from shared.database.moments import database_now
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.following.links import family
from shared.ids import new_id

_DAY_SECONDS = 86_400
# Of one reward at once; its stock is exact also when more has timed out, for the next one notes it.
_DUE = 1_000


async def redeem(
    uow: UnitOfWork, customer_id: str, wanted: MemberRedemptionRequest, *, caller: str | None = None, at: datetime | None = None
) -> Record:
    """Take a reward: goods and experiences hold the points until they are handed over, codes are drawn and given at once.

    Raises:
        MemberNotFound: there is no such member.
        MemberFrozen: he, or one of his household, is frozen.
        VelocityExceeded: a limit on redemptions is reached.
        RewardNotFound: there is no such reward.
        OptionUnknown: it cannot be paid so.
        RewardRefused: it is not to be had here and now.
        InsufficientPoints: there are too few; `spendable` tells how many.
    """
    connection = uow.connection
    await members.admit(connection, customer_id)
    await lock_pools(connection, [customer_id])
    moment = at or await database_now(connection)
    reward = await rewards.terms(connection, wanted.reward_id)
    if reward is None:
        raise RewardNotFound(pointer="/reward_id")
    price = await _allowed(connection, reward, customer_id, wanted, moment)
    await guard(uow, "redemption", customer_id=customer_id, caller=caller, points=price.points * wanted.quantity)
    await _refuse_sold_out(uow, reward, wanted.quantity, moment)
    values = _values(reward, customer_id, wanted, price, moment)
    values |= await _pay(uow, reward, values, moment)
    if reward["voucher_batch_id"] is not None:
        values["voucher_codes"] = await rewards.take_codes(connection, reward["voucher_batch_id"], customer_id, wanted.quantity)
        if len(values["voucher_codes"]) < wanted.quantity:
            raise RewardSoldOut
    await repository.add(connection, values)
    # Last, so that all who want a piece of it wait for a commit and for nothing else.
    await _take(uow, reward, wanted.quantity)
    _tell(uow, values, reward["programme_id"])
    return await found(connection, values["id"], at)


async def fulfil(uow: UnitOfWork, redemption_id: str, *, at: datetime | None = None) -> Record:
    """Hand a reward over: its points are spent. Once more changes nothing.

    Raises:
        RedemptionNotFound: there is none.
        RedemptionClosed: it has ended.
        MemberFrozen: he is frozen since.
    """
    row, moment = await _locked(uow, redemption_id, at)
    if row["status"] == "fulfilled":
        return row
    if row["status"] != "pending":
        raise RedemptionClosed(status=row["status"])
    hold = await holds.found(uow.connection, row["hold_id"], at=moment)
    if hold.state == "open":
        await holds.capture(uow, hold.id, at=moment)
    elif hold.state != "captured":
        # Somebody let the hold go by itself: nothing is left to spend.
        raise RedemptionClosed(status=hold.state)
    version = await repository.fulfil(uow.connection, redemption_id, moment)
    _tell_fulfilled(uow, row, moment, version)
    return await found(uow.connection, redemption_id, at)


async def cancel(uow: UnitOfWork, redemption_id: str, reason: str | None = None, *, at: datetime | None = None) -> Record:
    """End a redemption: points come back with the expiry that they had, pieces into stock, codes are void. Once more changes nothing.

    Raises:
        RedemptionNotFound: there is none.
        RedemptionClosed: it has timed out.
        RedemptionVoucherUsed: its code was used.
    """
    row, moment = await _locked(uow, redemption_id, at)
    if row["status"] == "cancelled":
        return row
    if row["status"] == "timed_out":
        raise RedemptionClosed(status=row["status"])
    connection = uow.connection
    if any(code["redeemed"] for code in await repository.lock_codes(connection, row["voucher_codes"])):
        raise RedemptionVoucherUsed
    await _return_points(uow, row, moment)
    await rewards.give_back(connection, [(row["reward_id"], row["quantity"])])
    await repository.void_codes(connection, row["voucher_codes"])
    version = await repository.close(connection, redemption_id, moment, reason)
    _tell_cancelled(uow, row, "cancelled", moment, version)
    return await found(connection, redemption_id, at)


async def found(connection: Connection, redemption_id: str, at: datetime | None = None) -> Record:
    """Return a redemption as it stands.

    Raises:
        RedemptionNotFound: there is none.
    """
    row = await repository.find(connection, redemption_id, at)
    if row is None:
        raise RedemptionNotFound
    return row


async def found_of(connection: Connection, redemption_id: str, customer_id: str | None) -> Record:
    """Return a redemption, of a person when one is named.

    Raises:
        RedemptionNotFound: there is none, or it is somebody else's.
    """
    row = await found(connection, redemption_id)
    if customer_id is not None and row["customer_id"] not in (await family(connection, customer_id)).ids:
        raise RedemptionNotFound
    return row


async def listed(
    connection: Connection, limit: int, after: tuple[Any, ...], *, customer_id: str | None, status: str | None
) -> list[Record]:
    """Return redemptions, newest first: all, of a person, of a status, or both."""
    person = (await family(connection, customer_id)).ids if customer_id is not None else None
    return await repository.page(connection, limit, after, family=person, status=status)


async def note_timed_out(uow: UnitOfWork, many: int, *, reward_id: str | None = None, at: datetime | None = None) -> int:
    """Note up to so many redemptions whose time is over, put their pieces into stock and tell of them; return how many."""
    rows = await repository.time_out(uow.connection, many, reward_id, at)
    await rewards.give_back(uow.connection, [(row["reward_id"], row["quantity"]) for row in rows])
    for row in rows:
        _tell_cancelled(uow, row, "timed_out", row["closed_at"], row["version"])
    return len(rows)


async def erase(uow: UnitOfWork, ids: list[str]) -> dict[str, int]:
    """Cancel what waits for erased customers, whose points are forfeited already, and blank the rest; entries refer to it."""
    rows = await repository.end(uow.connection, ids)
    await rewards.give_back(uow.connection, [(row["reward_id"], row["quantity"]) for row in rows])
    for row in rows:
        _tell_cancelled(uow, row, "membership_ended", row["closed_at"], row["version"])
    return {"redemptions": await repository.blank(uow.connection, ids) + len(rows)}


async def collect(connection: Connection, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what customers redeemed."""
    return {"redemptions": [dict(row) for row in await repository.everything_of(connection, ids)]}


async def _allowed(connection: Connection, reward: Record, customer_id: str, wanted: MemberRedemptionRequest, moment: datetime) -> Price:
    terms, programme_id = catalogue.terms_of(reward), reward["programme_id"]
    stood = Stood()
    # Members of some tiers may have what is new before others.
    if terms.tiers or terms.condition or not in_force(terms, moment):
        stood = await standing.stood_at(connection, customer_id, programme_id, moment)
    if not in_force(terms, moment, ahead_hours_of(stood.benefits)):
        raise RewardNotInForce(pointer="/reward_id")
    price = price_of(terms.prices, wanted.option)
    if price is None:
        raise OptionUnknown(pointer="/option")
    person = await family(connection, customer_id)
    traits = await standing.traits_of(connection, customer_id, moment) if terms.condition else {}
    spendable = 0
    if terms.minimum_balance:
        spendable = (await rewards.spendable(connection, programme_id, [reward["wallet"]], customer_id, moment))[reward["wallet"]]
    reason = not_eligible(terms, Standing(spendable, stood.tier, traits))
    if reason is not None:
        raise RewardNotEligible(pointer="/reward_id", reason=reason)
    had = await catalogue.had_of(connection, reward, person.ids, moment) if terms.limits else {}
    limit = exceeded(terms.limits, had, wanted.quantity)
    if limit is not None:
        raise RewardLimitReached(pointer="/quantity", period=limit.period, limit=limit.quantity)
    return price


def _values(reward: Record, customer_id: str, wanted: MemberRedemptionRequest, price: Price, moment: datetime) -> dict[str, Any]:
    return {
        "id": new_id("rdm"),
        "reward_id": reward["id"],
        "customer_id": customer_id,
        "quantity": wanted.quantity,
        "option": price.option,
        "points": price.points * wanted.quantity,
        "wallet": reward["wallet"],
        "amount_minor": None if price.amount_minor is None else price.amount_minor * wanted.quantity,
        "currency": price.currency,
        "voucher_codes": [],
        # Counts the events that tell of it: what is given at once is told twice.
        "version": 1 if reward["kind"] in HANDED_OVER else 2,
        "created_at": moment,
    }


async def _pay(uow: UnitOfWork, reward: Record, values: dict[str, Any], moment: datetime) -> dict[str, Any]:
    customer_id, points, wallet, programme_id = values["customer_id"], values["points"], values["wallet"], reward["programme_id"]
    if reward["kind"] in HANDED_OVER:
        seconds = reward["fulfil_within_days"] * _DAY_SECONDS
        hold = await holds.place(
            uow, customer_id, points, seconds=seconds, reference=values["id"], wallet=wallet, programme_id=programme_id, at=moment
        )
        return {"hold_id": hold.id, "status": "pending", "expires_at": hold.expires_at, "fulfilled_at": None}
    explanation = {"reward": reward["id"], "quantity": values["quantity"], "option": values["option"]}
    draw = Draw(customer_id, points, values["id"], wallet=wallet, explanation=explanation)
    [outcome] = await ledger.draw(uow, [draw], programme_id=programme_id, at=moment)
    if outcome.status == "insufficient":
        raise InsufficientPoints(spendable=outcome.spendable)
    if outcome.status != "posted":
        raise MemberNotFound
    return {"hold_id": None, "status": "fulfilled", "expires_at": None, "fulfilled_at": moment}


async def _refuse_sold_out(uow: UnitOfWork, reward: Record, quantity: int, moment: datetime) -> None:
    """Refuse at once what is sold out by what is known, without making anybody wait; `_take` decides about the rest."""
    if reward["stock"] is None or reward["taken"] + quantity <= reward["stock"]:
        return
    # What nobody handed over in time is to be had again.
    await note_timed_out(uow, _DUE, reward_id=reward["id"], at=moment)
    present = await rewards.terms(uow.connection, reward["id"])
    assert present is not None
    if present["stock"] is not None and present["taken"] + quantity > present["stock"]:
        raise RewardSoldOut(pointer="/reward_id")


async def _take(uow: UnitOfWork, reward: Record, quantity: int) -> None:
    # An endless reward is no row that all wait for; only somebody who gives it a stock at this moment does.
    if reward["stock"] is None and await rewards.stock_of(uow.connection, reward["id"]) is None:
        return
    if not await rewards.take(uow.connection, reward["id"], quantity):
        raise RewardSoldOut(pointer="/reward_id")


async def _locked(uow: UnitOfWork, redemption_id: str, at: datetime | None) -> tuple[Record, datetime]:
    known = await found(uow.connection, redemption_id, at)
    await lock_pools(uow.connection, [known["customer_id"]])
    moment = at or await database_now(uow.connection)
    row = await repository.find(uow.connection, redemption_id, moment, lock=True)
    assert row is not None
    return row, moment


async def _return_points(uow: UnitOfWork, row: Record, moment: datetime) -> None:
    drawn = row["id"]
    if row["hold_id"] is not None:
        hold = await holds.found(uow.connection, row["hold_id"], at=moment)
        if hold.state == "open":
            await holds.void(uow, hold.id, at=moment)
        if hold.state != "captured":
            return
        drawn = hold.id
    [outcome] = await ledger.restore(uow, [Restoration(drawn, f"{row['id']}:cancelled")], at=moment)
    if outcome.status == "exceeds":
        # His membership ended, and with it what could come back.
        raise MemberNotFound


def _tell(uow: UnitOfWork, values: dict[str, Any], programme_id: str) -> None:
    names = ("customer_id", "reward_id", "quantity", "points", "wallet", "amount_minor", "currency", "expires_at")
    facts: dict[str, Any] = {name: values[name] for name in names}
    event = RewardRedeemed(redemption_id=values["id"], redeemed_at=values["created_at"], programme_id=programme_of(programme_id), **facts)
    uow.publish(event, sequence=1)
    if values["status"] == "fulfilled":
        _tell_fulfilled(uow, values, values["created_at"], values["version"])


def _tell_fulfilled(uow: UnitOfWork, row: Record | dict[str, Any], moment: datetime, sequence: int) -> None:
    event = RedemptionFulfilled(redemption_id=row["id"], customer_id=row["customer_id"], reward_id=row["reward_id"], fulfilled_at=moment)
    uow.publish(event, sequence=sequence)


def _tell_cancelled(uow: UnitOfWork, row: Record, reason: str, moment: datetime, sequence: int) -> None:
    event = RedemptionCancelled(
        redemption_id=row["id"],
        customer_id=row["customer_id"],
        reward_id=row["reward_id"],
        points=row["points"],
        reason=reason,
        cancelled_at=moment,
    )
    uow.publish(event, sequence=sequence)

"""Rewarding referrals, and taking rewards back: what is already true is booked by a pass, once.

Events only say where a referral stands; the postings, which touch two members, are made here, under the locks of all of them in one order.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from asyncpg import Record

from loyalty.abuse import reviewing
from loyalty.earning import repository as earning_repository
from loyalty.earning import service as earning
from loyalty.earning.repository import Taking
from loyalty.ledger import service as ledger
from loyalty.ledger.events import event_of_order
from loyalty.ledger.repository import Posted
from loyalty.ledger.rules import Grant
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.referrals import repository
from loyalty.referrals.following import REVIEW, evaluate
from loyalty.referrals.rules import Verdict, period
from loyalty.rewards.repository import take_codes
from loyalty.rules.rules import Occasion
from loyalty.tiers import booking as tiers
from shared.contracts.loyalty import ReferralCompleted, ReferralReversed
from shared.database.moments import database_now
from shared.database.unit_of_work import UnitOfWork

TRIGGER = "referral_completed"
_LIMIT_REACHED = "referrer_limit"
Reward = tuple[str, str, str, str, str, int | None]


async def complete_due(uow: UnitOfWork, now: datetime, many: int) -> int:
    """Reward referrals whose orders cannot be returned any more; return how many were looked at."""
    due = await repository.due(uow.connection, now, many)
    if not due:
        return 0
    everybody = await _lock(uow, due)
    frozen = await repository.frozen_among(uow.connection, everybody)
    zone = ZoneInfo(await repository.zone(uow.connection, PROGRAMME_ID))
    ids = [row["id"] for row in due]
    await repository.lock_due(uow.connection, ids, now)
    # What was told at the moment at which a referral was made, neither side saw.
    await evaluate(uow, ids)
    for row in await repository.lock_due(uow.connection, ids, now):
        if (row["referrer_id"] in frozen or row["referred_id"] in frozen) and "referrer_frozen" not in row["suspicions"]:
            await _let_wait(uow, row)
        else:
            await _complete(uow, row, zone)
    return len(due)


async def reverse_due(uow: UnitOfWork, many: int) -> int:
    """Take back the rewards of referrals whose orders came back; return how many."""
    due = await repository.reversing(uow.connection, many)
    if not due:
        return 0
    await _lock(uow, due)
    rows = await repository.lock_reversing(uow.connection, [row["id"] for row in due])
    await _take_back(uow, rows, await repository.rewards(uow.connection, [row["id"] for row in rows]))
    for row in rows:
        reversed_ = await repository.reverse(uow.connection, row["id"])
        event = ReferralReversed(
            referral_id=row["id"],
            customer_id=row["referrer_id"],
            referred_id=row["referred_id"],
            reason=row["reason"],
            reversed_at=reversed_["reversed_at"],
        )
        uow.publish(event, sequence=reversed_["told"])
    return len(due)


async def _lock(uow: UnitOfWork, due: Sequence[Record]) -> list[str]:
    everybody = sorted({customer for row in due for customer in (row["referrer_id"], row["referred_id"])})
    await earning_repository.lock_pools(uow.connection, everybody)
    return everybody


async def _let_wait(uow: UnitOfWork, row: Record) -> None:
    suspicions = [*row["suspicions"], "referrer_frozen"]
    await repository.suspect(uow.connection, row["id"], suspicions)
    await repository.move(uow.connection, row["id"], Verdict("waiting", None, row["order_id"], row["due_at"]), is_told=False)
    await reviewing.open_review(uow, REVIEW, row["id"], suspicions, customer_id=row["referrer_id"])


async def _complete(uow: UnitOfWork, row: Record, zone: ZoneInfo) -> None:
    terms: Mapping[str, Any] = row["terms"]
    reason = None
    if terms["referrer_limit"] is not None:
        # The members are locked: nobody else completes a referral of this one meanwhile.
        start, end = period(terms["referrer_limit"]["period"], row["due_at"], zone)
        if await repository.completed_between(uow.connection, row["referrer_id"], start, end) >= terms["referrer_limit"]["count"]:
            reason = _LIMIT_REACHED
    sides = [("referred", row["referred_id"])] if reason else [("referrer", row["referrer_id"]), ("referred", row["referred_id"])]
    rewards = [*await _give_points(uow, row, sides), *await _give_codes(uow, row, sides)]
    await repository.add_rewards(uow.connection, rewards)
    done = await repository.complete(uow.connection, row["id"], reason)
    event = ReferralCompleted(
        referral_id=row["id"],
        customer_id=row["referrer_id"],
        referred_id=row["referred_id"],
        referrer_rewarded=reason is None,
        completed_at=done["completed_at"],
    )
    uow.publish(event, sequence=done["told"])


async def _give_points(uow: UnitOfWork, row: Record, sides: Sequence[tuple[str, str]]) -> list[Reward]:
    terms, moment = row["terms"], row["due_at"]
    expires_at = moment + timedelta(days=terms["points_expire_days"]) if terms["points_expire_days"] is not None else None
    rewards: list[Reward] = []
    for side, customer_id in sides:
        points = terms[f"{side}_points"]
        if points:
            version = f"referral-scheme@{row['scheme_version']}"
            explanation = {"side": side, "points": points}
            grant = Grant(
                customer_id, points, f"{row['id']}:{side}", moment, expires_at=expires_at, rule_version=version, explanation=explanation
            )
            [outcome] = await ledger.grant(uow, [grant])
            rewards += [(row["id"], side, "points", line.entry_id, customer_id, points) for line in outcome.lines]
    occasions = [Occasion(TRIGGER, f"{row['id']}:{side}", customer_id, moment, {"side": side}) for side, customer_id in sides]
    await earning.earn(uow, occasions)
    await tiers.refresh(uow, [customer_id for _, customer_id in sides])
    by_source = {f"{row['id']}:{side}": (side, customer_id) for side, customer_id in sides}
    for award in await repository.given_by_rules(uow.connection, list(by_source)):
        side, customer_id = by_source[award["source_id"]]
        rewards.append((row["id"], side, "rule", award["entry_id"], customer_id, award["kept"]))
    return rewards


async def _give_codes(uow: UnitOfWork, row: Record, sides: Sequence[tuple[str, str]]) -> list[Reward]:
    rewards: list[Reward] = []
    for side, customer_id in sides:
        batch_id = row["terms"][f"{side}_voucher_batch_id"]
        if batch_id is not None:
            codes = await take_codes(uow.connection, batch_id, customer_id, 1)
            rewards.append((row["id"], side, "voucher" if codes else "no_voucher", codes[0] if codes else batch_id, customer_id, None))
    return rewards


async def _take_back(uow: UnitOfWork, rows: Sequence[Record], given: Sequence[Record]) -> None:
    of = {row["id"]: row for row in rows}
    await repository.void_codes(uow.connection, [reward["subject_id"] for reward in given if reward["kind"] == "voucher"])
    by_entry = {reward["subject_id"]: of[reward["referral_id"]] for reward in given if reward["points"] is not None}
    now = await database_now(uow.connection)
    takings = [
        Taking(
            f"lot_{entry['id'].removeprefix('ent_')}",
            entry["points"],
            f"{by_entry[entry['id']]['id']}:reversed:{entry['id']}",
            by_entry[entry["id"]]["order_id"] or by_entry[entry["id"]]["id"],
            entry["rule_version"],
            now,
        )
        for entry in await repository.entries(uow.connection, sorted(by_entry))
    ]
    taken = await earning_repository.take_back(uow.connection, takings)
    for row in taken:
        taking = takings[row["item"] - 1]
        posted = Posted(row["kind"], row["entry_id"], row["customer_id"], taking.order_id, abs(row["points"]), now, row["sequence"])
        uow.publish(event_of_order(posted), sequence=row["sequence"])
    await tiers.refresh(uow, [row["customer_id"] for row in taken])

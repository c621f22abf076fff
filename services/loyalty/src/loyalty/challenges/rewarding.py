"""What is given for a challenge that is met, and taken when it rested on what came back."""

from datetime import datetime, timedelta
from typing import NamedTuple

from loyalty.badges import service as badges
from loyalty.badges.repository import NewAward
from loyalty.challenges import repository
from loyalty.challenges.repository import ChallengeRow
from loyalty.earning import repository as earning
from loyalty.earning import service as earning_service
from loyalty.earning.repository import Taking
from loyalty.ledger import service as ledger
from loyalty.ledger.events import event_of_order
from loyalty.ledger.repository import Posted
from loyalty.ledger.rules import Grant
from loyalty.rewards import repository as rewards
from loyalty.rules.rules import Occasion
from shared.contracts.loyalty import ChallengeCompleted, ChallengeTaken
from shared.database.unit_of_work import UnitOfWork


class Cause(NamedTuple):
    """The return or cancellation that takes something."""

    order_id: str
    return_id: str
    at: datetime


async def reward(uow: UnitOfWork, challenge: ChallengeRow, customer_id: str, number: int, at: datetime) -> None:
    """Give what a challenge gives and tell of it; whoever calls it holds the lock of the challenge and the customer."""
    gives = challenge.terms["reward"]
    codes = await rewards.take_codes(uow.connection, gives["voucher_batch_id"], customer_id, 1) if gives["voucher_batch_id"] else []
    code = codes[0] if codes else None
    completion_id, sequence = await repository.complete(uow.connection, challenge.id, customer_id, number, at, gives["points"], code)
    source_id = f"{completion_id}:{sequence}"
    if gives["points"]:
        await _grant(uow, challenge, customer_id, completion_id, source_id, at)
    if gives["badge"] is not None:
        award = NewAward(gives["badge"], customer_id, "challenge", completion_id, None, at)
        await badges.award(uow, challenge.programme_id, [award])
    event = ChallengeCompleted(
        completion_id=completion_id,
        challenge_id=challenge.id,
        customer_id=customer_id,
        number=number,
        points=gives["points"],
        badge=gives["badge"],
        completed_at=at,
    )
    uow.publish(event, sequence=sequence)
    facts = {"challenge_id": challenge.id, "number": number}
    occasion = Occasion("challenge_completed", source_id, customer_id, at, facts)
    await earning_service.earn(uow, [occasion], challenge.programme_id)


async def _grant(uow: UnitOfWork, challenge: ChallengeRow, customer_id: str, completion_id: str, source_id: str, at: datetime) -> None:
    gives = challenge.terms["reward"]
    grant = Grant(
        customer_id,
        gives["points"],
        source_id,
        at,
        wallet=gives["wallet"],
        expires_at=at + timedelta(days=gives["expires_days"]) if gives["expires_days"] is not None else None,
        rule_version=f"{challenge.id}@1",
        explanation={"challenge_id": challenge.id, "completion_id": completion_id, "points": gives["points"]},
    )
    [outcome] = await ledger.grant(uow, [grant], programme_id=challenge.programme_id)
    if outcome.lines:
        await repository.posted(uow.connection, completion_id, outcome.lines[0].entry_id)


async def take(uow: UnitOfWork, challenge: ChallengeRow, completion_id: str, cause: Cause) -> None:
    """Take back what a completion gave, points as the programme's refund policy has it, and tell of it."""
    row = await repository.revoke(uow.connection, completion_id)
    if row is None:
        return
    source_id = f"{completion_id}:{row['sequence'] - 1}"
    entries = [(row["entry_id"], row["points"], f"{challenge.id}@1")] if row["entry_id"] is not None else []
    entries += [(one["entry_id"], one["points"], one["rule"]) for one in await repository.awarded(uow.connection, source_id)]
    takings = [
        Taking(f"lot_{entry_id.removeprefix('ent_')}", points, f"{cause.return_id}:{source_id}:{rule}", cause.order_id, rule, cause.at)
        for entry_id, points, rule in entries
        if points
    ]
    for made in await earning.take_back(uow.connection, takings):
        posted = Posted(
            made["kind"], made["entry_id"], made["customer_id"], cause.order_id, abs(made["points"]), cause.at, made["sequence"]
        )
        uow.publish(event_of_order(posted), sequence=made["sequence"])
    await badges.revoke(uow, [completion_id])
    if row["voucher_code"] is not None:
        await repository.void_voucher(uow.connection, row["voucher_code"])
    event = ChallengeTaken(
        completion_id=completion_id, challenge_id=challenge.id, customer_id=row["customer_id"], number=row["number"], taken_at=cause.at
    )
    uow.publish(event, sequence=row["sequence"])

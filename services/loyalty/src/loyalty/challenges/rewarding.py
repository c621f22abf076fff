"""What is given for a challenge that is met, and taken when it rested on what came back."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from asyncpg import Record

from loyalty.badges import service as badges
from loyalty.badges.repository import NewAward
from loyalty.challenges import repository
from loyalty.challenges.repository import ChallengeRow, Completed
from loyalty.earning import repository as earning
from loyalty.earning import service as earning_service
from loyalty.earning.repository import Taking
from loyalty.ledger import service as ledger
from loyalty.ledger.events import event_of_order
from loyalty.ledger.repository import Posted
from loyalty.ledger.rules import Grant
from loyalty.programmes.rules import Programme
from loyalty.rules.rules import Occasion
from shared.contracts.loyalty import ChallengeCompleted, ChallengeTaken
from shared.database.unit_of_work import UnitOfWork


class Cause(NamedTuple):
    """The return or cancellation that takes something."""

    order_id: str
    return_id: str
    at: datetime


async def reward(
    uow: UnitOfWork,
    tallies: Sequence[tuple[str, str, dict[str, Any] | None]],
    met: Sequence[Completed],
    programmes: Sequence[Programme] | None = None,
) -> None:
    """Keep how far families are, give what the challenges give that they have met, and tell of it; whoever calls it holds their locks.

    Args:
        uow: of the caller, who commits it.
        tallies: of each challenge and family.
        met: in the order in which they are to be rewarded.
        programmes: those that run at the moments at which they were met, where the caller has read them already.
    """
    codes = await _codes(uow, met)
    kept = await repository.keep(uow.connection, tallies, met, codes) if tallies else []
    given = [_Given(one, completion_id, sequence) for one, (completion_id, sequence) in zip(met, kept, strict=True)]
    by_programme: dict[str, list[_Given]] = defaultdict(list)
    for one in given:
        by_programme[one.met.challenge.programme_id].append(one)
    for programme_id, some in by_programme.items():
        await _grant(uow, programme_id, [one for one in some if one.gives["points"]])
        awards = [
            NewAward(one.gives["badge"], one.met.customer_id, "challenge", one.completion_id, None, one.met.at)
            for one in some
            if one.gives["badge"] is not None
        ]
        await badges.award(uow, programme_id, awards)
    for one in given:
        event = ChallengeCompleted(
            completion_id=one.completion_id,
            challenge_id=one.met.challenge.id,
            customer_id=one.met.customer_id,
            number=one.met.number,
            points=one.gives["points"],
            badge=one.gives["badge"],
            completed_at=one.met.at,
        )
        uow.publish(event, sequence=one.sequence)
    for programme_id, some in by_programme.items():
        occasions = [
            Occasion(
                "challenge_completed",
                one.source_id,
                one.met.customer_id,
                one.met.at,
                {"challenge_id": one.met.challenge.id, "number": one.met.number},
            )
            for one in some
        ]
        await earning_service.earn(uow, occasions, programme_id, programmes)


class _Given(NamedTuple):
    """A completion that is rewarded; `sequence` numbers its event."""

    met: Completed
    completion_id: str
    sequence: int

    @property
    def gives(self) -> dict[str, Any]:
        """What its challenge gives."""
        return self.met.challenge.terms["reward"]

    @property
    def source_id(self) -> str:
        """What names its postings: taken and met again it gives again."""
        return f"{self.completion_id}:{self.sequence}"


async def _codes(uow: UnitOfWork, met: Sequence[Completed]) -> list[str | None]:
    """Return a voucher's code for each that is to get one."""
    codes: list[str | None] = [None] * len(met)
    batches: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(met):
        if one.challenge.terms["reward"]["voucher_batch_id"]:
            batches[one.challenge.terms["reward"]["voucher_batch_id"]].append(place)
    for batch_id, places in sorted(batches.items()):
        given = await repository.give_codes(uow.connection, batch_id, [met[place].customer_id for place in places])
        for place, code in zip(places, given, strict=True):
            codes[place] = code
    return codes


async def _grant(uow: UnitOfWork, programme_id: str, some: Sequence[_Given]) -> None:
    grants = []
    for one in some:
        days, points, challenge_id = one.gives["expires_days"], one.gives["points"], one.met.challenge.id
        grants.append(
            Grant(
                one.met.customer_id,
                points,
                one.source_id,
                one.met.at,
                wallet=one.gives["wallet"],
                expires_at=one.met.at + timedelta(days=days) if days is not None else None,
                rule_version=f"{challenge_id}@1",
                explanation={"challenge_id": challenge_id, "completion_id": one.completion_id, "points": points},
            )
        )
    outcomes = await ledger.grant(uow, grants, programme_id=programme_id)
    entries = [(one.completion_id, outcome.lines[0].entry_id) for one, outcome in zip(some, outcomes, strict=True) if outcome.lines]
    await repository.posted(uow.connection, entries)


async def take(uow: UnitOfWork, taken: Sequence[tuple[ChallengeRow, str]], cause: Cause) -> None:
    """Take back what completions gave, points as the programme's refund policy has it, and tell of it."""
    revoked = await repository.revoke(uow.connection, [completion_id for _, completion_id in taken]) if taken else {}
    rows = [(challenge, revoked[completion_id]) for challenge, completion_id in taken if completion_id in revoked]
    if not rows:
        return
    by_rules: dict[str, list[Record]] = defaultdict(list)
    for award in await repository.awarded(uow.connection, [_source_of(row) for _, row in rows]):
        by_rules[award["source_id"]].append(award)
    takings: list[Taking] = []
    for challenge, row in rows:
        source_id = _source_of(row)
        entries = [(row["entry_id"], row["points"], f"{challenge.id}@1")] if row["entry_id"] is not None else []
        entries += [(one["entry_id"], one["points"], one["rule"]) for one in by_rules[source_id]]
        takings += [
            Taking(f"lot_{entry_id.removeprefix('ent_')}", points, f"{cause.return_id}:{source_id}:{rule}", cause.order_id, rule, cause.at)
            for entry_id, points, rule in entries
            if points
        ]
    for made in await earning.take_back(uow.connection, takings):
        posted = Posted(
            made["kind"], made["entry_id"], made["customer_id"], cause.order_id, abs(made["points"]), cause.at, made["sequence"]
        )
        uow.publish(event_of_order(posted), sequence=made["sequence"])
    await badges.revoke(uow, [row["id"] for _, row in rows])
    await repository.void_vouchers(uow.connection, [row["voucher_code"] for _, row in rows if row["voucher_code"] is not None])
    for challenge, row in rows:
        event = ChallengeTaken(
            completion_id=row["id"], challenge_id=challenge.id, customer_id=row["customer_id"], number=row["number"], taken_at=cause.at
        )
        uow.publish(event, sequence=row["sequence"])


def _source_of(row: Record) -> str:
    """Return what named the postings of a completion that is taken just now."""
    return f"{row['id']}:{row['sequence'] - 1}"

"""Challenges as data, and how far members are with them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from loyalty.badges import repository as badges
from loyalty.challenges import repository
from loyalty.challenges.errors import ChallengeInvalid, ChallengeNotFound
from loyalty.challenges.repository import ChallengeRow
from loyalty.challenges.rules import Fact, Progress, Streak, progress, streak
from loyalty.challenges.schemas import ChallengeDraft, ChallengeTerms
from loyalty.members import service as members
from loyalty.programmes.service import require_wallet
from loyalty.rules.conditions import check
from loyalty.vouchers import repository as vouchers
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.http.etags import check_version
from shared.http.pagination import SortKey
from shared.ids import new_id

_MOST_STREAKS = 100


class OfMember(NamedTuple):
    """A challenge and how far a member is with it."""

    challenge: ChallengeRow
    progress: Progress
    times: int
    last_at: datetime | None


async def found(connection: Connection, challenge_id: str) -> ChallengeRow:
    """Return a challenge.

    Raises:
        ChallengeNotFound: there is none.
    """
    row = await repository.find(connection, challenge_id)
    if row is None:
        raise ChallengeNotFound
    return row


async def make(uow: UnitOfWork, programme_id: str, wanted: ChallengeDraft) -> ChallengeRow:
    """Make a challenge.

    Raises:
        ConditionInvalid: its condition cannot be used.
        WalletNotFound: there is no such wallet.
        ChallengeInvalid: it would end before it begins, or there is no such badge or voucher batch.
    """
    if wanted.condition is not None:
        check(wanted.condition)
    if wanted.starts_at is not None and wanted.ends_at is not None and wanted.ends_at < wanted.starts_at:
        raise ChallengeInvalid(pointer="/ends_at")
    reward = wanted.reward
    await require_wallet(uow.connection, reward.wallet, programme_id)
    if reward.badge is not None and await badges.find(uow.connection, programme_id, reward.badge) is None:
        raise ChallengeInvalid(pointer="/reward/badge")
    batch_id = reward.voucher_batch_id
    if batch_id is not None and await vouchers.batch_for(uow.connection, batch_id, programme_id) is None:
        raise ChallengeInvalid(pointer="/reward/voucher_batch_id")
    challenge_id = new_id("chl")
    terms = wanted.model_dump(mode="json", include=set(ChallengeTerms.model_fields))
    await repository.insert(uow.connection, challenge_id, programme_id, wanted.model_dump(), terms)
    return await found(uow.connection, challenge_id)


async def amend(uow: UnitOfWork, challenge_id: str, changes: Mapping[str, Any], expected: int) -> ChallengeRow:
    """Change how a challenge reads and when it ends.

    Raises:
        ChallengeNotFound: there is none.
        PreconditionFailed: it was changed meanwhile.
        ChallengeInvalid: it would end before it begins.
    """
    version = await repository.lock(uow.connection, challenge_id)
    if version is None:
        raise ChallengeNotFound
    check_version(expected, version)
    ends_at = changes.get("ends_at")
    if ends_at is not None and ends_at < (await found(uow.connection, challenge_id)).starts_at:
        raise ChallengeInvalid(pointer="/ends_at")
    told = {**changes, "ends_at": ends_at.isoformat() if ends_at is not None else None} if "ends_at" in changes else changes
    await repository.change(uow.connection, challenge_id, told)
    return await found(uow.connection, challenge_id)


async def of_member(
    connection: Connection, programme_id: str, customer_id: str, at: datetime, limit: int, after: SortKey | None
) -> list[OfMember]:
    """Return how far a member is with the challenges that run or that he has begun.

    Raises:
        MemberNotFound: there is no such member.
    """
    await members.require(connection, customer_id)
    challenges = await repository.of_member(connection, programme_id, customer_id, limit, after)
    ids = [challenge.id for challenge in challenges]
    facts = await _facts(connection, ids, customer_id)
    completed = await repository.completed(connection, ids, customer_id)
    told = []
    for challenge in challenges:
        times, last_at = completed.get(challenge.id, (0, None))
        told.append(OfMember(challenge, progress(challenge.rule, facts[challenge.id], at), times, last_at))
    return told


async def streaks_of(connection: Connection, programme_id: str, customer_id: str, at: datetime) -> list[tuple[ChallengeRow, Streak]]:
    """Return a member's streaks.

    Raises:
        MemberNotFound: there is no such member.
    """
    await members.require(connection, customer_id)
    challenges = await repository.streaks(connection, programme_id, _MOST_STREAKS)
    facts = await _facts(connection, [challenge.id for challenge in challenges], customer_id)
    return [(challenge, streak(challenge.rule, facts[challenge.id], at)) for challenge in challenges]


async def _facts(connection: Connection, ids: Sequence[str], customer_id: str) -> dict[str, list[Fact]]:
    facts: dict[str, list[Fact]] = defaultdict(list)
    for row in await repository.facts_of(connection, ids, customer_id):
        facts[row["challenge_id"]].append(Fact(row["occurred_at"], row["source_id"], row["amount"]))
    return facts

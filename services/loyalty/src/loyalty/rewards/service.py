"""The catalogue of rewards, and what of it a member may have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncpg import Record

from loyalty.ledger.rules import POINTS
from loyalty.members import service as members
from loyalty.programmes.service import require, require_wallet
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.rewards import repository, standing
from loyalty.rewards.errors import RewardNotFound, RewardTermsInvalid, TooManyRewards
from loyalty.rewards.rules import (
    HANDED_OVER,
    Limit,
    Price,
    Standing,
    Terms,
    ahead_hours_of,
    exceeded,
    had_in_periods,
    in_force,
    missing_points,
    not_eligible,
)
from loyalty.rewards.schemas import RewardDraft
from loyalty.rules.conditions import check
from loyalty.tiers.rules import Stood
from loyalty.vouchers import repository as vouchers
from shared.database.moments import database_now
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.following.links import family
from shared.http.etags import check_version

# A member's catalogue is looked at as a whole.
MAX_OPEN = 500
# Discounts take money off; other vouchers may give an article away.
_DISCOUNTS = frozenset({"percent", "amount", "shipping"})


@dataclass(frozen=True, slots=True)
class Offered:
    """A reward that a member may have: its row, its terms, and what he lacks for it."""

    row: Record
    terms: Terms
    missing: int

    @property
    def is_affordable(self) -> bool:
        """Whether he has the points."""
        return self.missing == 0

    @property
    def points(self) -> int:
        """Its cheapest price."""
        return min(price.points for price in self.terms.prices)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a member may have at a moment, and what he can spend of points."""

    balance: int
    rewards: Sequence[Offered]

    @property
    def next(self) -> Offered | None:
        """The nearest that he cannot pay yet."""
        return min((each for each in self.rewards if each.missing), key=lambda each: (each.missing, each.row["id"]), default=None)


async def make(uow: UnitOfWork, draft: RewardDraft) -> Record:
    """Put a reward into the catalogue.

    Raises:
        ProgrammeNotFound: there is no such programme.
        RewardTermsInvalid: the terms contradict each other.
        ConditionInvalid: its condition cannot be used.
        WalletNotFound: the programme has no such wallet.
        TooManyRewards: the catalogue is full.
    """
    connection = uow.connection
    programme_id = await require(connection, draft.programme_id)
    values = draft.model_dump()
    await require_wallet(connection, draft.wallet, programme_id)
    await _check(connection, programme_id, values)
    if await repository.count_open(connection, programme_id) >= MAX_OPEN:
        raise TooManyRewards(limit=MAX_OPEN)
    return await found(connection, await repository.add(connection, programme_id, values))


async def found(connection: Connection, reward_id: str, at: datetime | None = None) -> Record:
    """Return a reward.

    Raises:
        RewardNotFound: there is none.
    """
    row = await repository.find(connection, reward_id, at)
    if row is None:
        raise RewardNotFound
    return row


async def amend(uow: UnitOfWork, reward_id: str, changes: Mapping[str, Any], match: int) -> Record:
    """Change fields of a reward; its stock cannot fall below what is taken.

    Raises:
        RewardNotFound: there is none.
        PreconditionFailed: it was changed meanwhile.
        RewardTermsInvalid: the terms would contradict each other.
        ConditionInvalid: its condition cannot be used.
    """
    connection = uow.connection
    row = await repository.lock(connection, reward_id)
    if row is None:
        raise RewardNotFound
    check_version(match, row["version"])
    await _check(connection, row["programme_id"], {**row, **changes})
    if changes.get("stock") is not None:
        taken = row["taken"]
        if row["stock"] is None:
            # Nobody counted while it was endless.
            taken = await repository.taken_ever(connection, reward_id)
            await repository.count_taken(connection, reward_id, taken)
        if changes["stock"] < taken:
            raise RewardTermsInvalid(pointer="/stock", taken=taken)
    await repository.change(connection, reward_id, changes)
    return await found(connection, reward_id)


async def archive(uow: UnitOfWork, reward_id: str, match: int) -> None:
    """Take a reward out of the catalogue; what was redeemed stays.

    Raises:
        RewardNotFound: there is none.
        PreconditionFailed: it was changed meanwhile.
    """
    row = await repository.lock(uow.connection, reward_id)
    if row is None:
        raise RewardNotFound
    check_version(match, row["version"])
    await repository.archive(uow.connection, reward_id)


async def choice(
    connection: Connection, customer_id: str, programme_id: str = PROGRAMME_ID, *, at: datetime | None = None, stood: Stood | None = None
) -> Choice:
    """Return what a member may have in a programme at this moment: in force, meant for him, in stock and within his limits.

    Args:
        connection: of the caller.
        customer_id: any id of his family.
        programme_id: the programme.
        at: another moment.
        stood: the tier that he has in the programme, where the caller has read it already.

    Raises:
        MemberNotFound: there is no such member.
    """
    await members.require(connection, customer_id)
    moment = at or await database_now(connection)
    rows = await repository.catalogue(connection, programme_id, MAX_OPEN, at)
    terms = {row["id"]: terms_of(row) for row in rows}
    has = stood if stood is not None else await standing.stood_at(connection, customer_id, programme_id, moment)
    ahead_hours = ahead_hours_of(has.benefits)
    rows = [row for row in rows if in_force(terms[row["id"]], moment, ahead_hours) and row["remaining"] != 0]
    person = await family(connection, customer_id)
    spendable = await repository.spendable(connection, programme_id, [POINTS, *(row["wallet"] for row in rows)], customer_id, at)
    traits = await standing.traits_of(connection, customer_id, moment)
    had = await _had(connection, programme_id, person.ids, [row["id"] for row in rows if row["limits"]], moment)
    offered = []
    for row in rows:
        own = terms[row["id"]]
        points = spendable.get(row["wallet"], 0)
        if not_eligible(own, Standing(points, has.tier, traits)) is None and exceeded(own.limits, had.get(row["id"], {}), 1) is None:
            offered.append(Offered(row, own, missing_points(own.prices, points)))
    return Choice(spendable[POINTS], offered)


async def had_of(connection: Connection, reward: Record, family_ids: Sequence[str], moment: datetime) -> dict[str, int]:
    """Return how many pieces of a reward a person has had in each of the periods of a moment."""
    return (await _had(connection, reward["programme_id"], family_ids, [reward["id"]], moment)).get(reward["id"], {})


async def _had(
    connection: Connection, programme_id: str, family_ids: Sequence[str], reward_ids: Sequence[str], moment: datetime
) -> dict[str, dict[str, int]]:
    if not reward_ids:
        return {}
    zone = await repository.zone(connection, programme_id)
    taken: dict[str, list[tuple[datetime, int]]] = {}
    for row in await repository.had(connection, family_ids, reward_ids, moment):
        taken.setdefault(row["reward_id"], []).append((row["created_at"], row["quantity"]))
    return {reward_id: had_in_periods(pieces, moment, zone) for reward_id, pieces in taken.items()}


def terms_of(row: Mapping[str, Any] | Record) -> Terms:
    """Return what a reward promises and asks."""
    eligibility = row["eligibility"]
    return Terms(
        prices=[Price(**price) for price in row["prices"]],
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        tiers=frozenset(eligibility.get("tiers", ())),
        condition=eligibility.get("condition"),
        minimum_balance=eligibility.get("minimum_balance", 0),
        limits=[Limit(**limit) for limit in row["limits"]],
        is_archived=row["archived_at"] is not None,
    )


async def _check(connection: Connection, programme_id: str, values: Mapping[str, Any]) -> None:
    if (values["kind"] in HANDED_OVER) != (values["voucher_batch_id"] is None):
        raise RewardTermsInvalid(pointer="/voucher_batch_id")
    if None not in (values["valid_from"], values["valid_to"]) and values["valid_from"] >= values["valid_to"]:
        raise RewardTermsInvalid(pointer="/valid_to")
    if values["eligibility"].get("condition") is not None:
        check(values["eligibility"]["condition"])
    if values["voucher_batch_id"] is not None:
        batch = await vouchers.batch_for(connection, values["voucher_batch_id"], programme_id)
        if batch is None or (values["kind"] == "discount" and batch["kind"] not in _DISCOUNTS):
            raise RewardTermsInvalid(pointer="/voucher_batch_id")

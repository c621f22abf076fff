"""Telling other services which customers may be one person, and what became of it: in codes, with nothing of who they are."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from customers.duplicates.repository import StoredPair
from shared.contracts.customers import DuplicateSettled, DuplicateSuspected
from shared.database.unit_of_work import UnitOfWork

Outcome = Literal["rejected", "confirmed", "unlike"]


def suspected(uow: UnitOfWork, pairs: Iterable[StoredPair], at: datetime) -> None:
    """Tell of pairs that are new, or found for other reasons than before."""
    for pair in pairs:
        event = DuplicateSuspected(
            pair_id=pair.id,
            customer_id=pair.first_id,
            other_id=pair.second_id,
            score=pair.score,
            reasons=[reason.feature for reason in pair.reasons if reason.weight > 0],
            suspected_at=at,
        )
        uow.publish(event, sequence=pair.told)


def dropped(uow: UnitOfWork, pairs: Iterable[StoredPair], at: datetime) -> None:
    """Tell of pairs that are forgotten, for they resemble each other no more."""
    for pair in pairs:
        _settle(uow, pair, "unlike", at, pair.told + 1)


def decided(uow: UnitOfWork, pair: StoredPair) -> None:
    """Tell what somebody decided of a pair."""
    assert pair.decided_at is not None
    _settle(uow, pair, "confirmed" if pair.status == "confirmed" else "rejected", pair.decided_at, pair.told)


def _settle(uow: UnitOfWork, pair: StoredPair, outcome: Outcome, at: datetime, sequence: int) -> None:
    event = DuplicateSettled(pair_id=pair.id, customer_id=pair.first_id, other_id=pair.second_id, outcome=outcome, settled_at=at)
    uow.publish(event, sequence=sequence)

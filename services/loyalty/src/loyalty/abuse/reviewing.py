"""The review queue: what waits for a person. Deciding is in `loyalty.abuse.deciding`, which knows what each kind waits for."""

from collections.abc import Sequence

from asyncpg import Record

from loyalty.abuse import repository
from loyalty.abuse.errors import ReviewNotFound
from loyalty.abuse.rules import score_of
from shared.contracts.loyalty import ReviewConcluded, ReviewOpened
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork


async def open_review(
    uow: UnitOfWork,
    kind: str,
    subject_id: str,
    reasons: Sequence[str],
    *,
    customer_id: str | None = None,
    partner_id: str | None = None,
    points: int | None = None,
) -> str | None:
    """Let something wait for a person.

    Args:
        uow: of the caller.
        kind: what waits.
        subject_id: its id; of one kind and subject only one review is open.
        reasons: why, as codes.
        customer_id: whom it is about.
        partner_id: whose posting it is.
        points: how many wait.

    Returns:
        The review's id; None when the customer was erased.
    """
    values = (kind, subject_id, customer_id, partner_id, sorted(set(reasons)), score_of(reasons), points)
    row, is_new = await repository.open_review(uow.connection, values)
    if row is not None and is_new:
        event = ReviewOpened(
            review_id=row["id"],
            kind=kind,
            subject_id=subject_id,
            customer_id=customer_id,
            reasons=row["reasons"],
            score=row["score"],
            opened_at=row["opened_at"],
        )
        uow.publish(event, sequence=1)
    return row["id"] if row is not None else None


async def note_velocity(uow: UnitOfWork, *, limit_id: str, customer_id: str | None, caller: str | None) -> None:
    """Let somebody look at who exceeded a limit; what he wanted was refused."""
    await open_review(uow, "velocity", f"{limit_id}:{customer_id or caller}", ["velocity"], customer_id=customer_id)


async def found(connection: Connection, review_id: str, *, lock: bool = False) -> Record:
    """Return a review.

    Raises:
        ReviewNotFound: there is none.
    """
    row = await repository.review(connection, review_id, lock=lock)
    if row is None:
        raise ReviewNotFound
    return row


async def conclude(uow: UnitOfWork, review_id: str, state: str, caller: str, reason: str | None) -> Record:
    """Keep what was decided, and tell of it."""
    row = await repository.decide(uow.connection, review_id, state, caller, reason)
    event = ReviewConcluded(
        review_id=review_id, kind=row["kind"], subject_id=row["subject_id"], customer_id=row["customer_id"], state=state,
        decided_at=row["decided_at"],
    )  # fmt: skip
    uow.publish(event, sequence=row["version"])
    return row

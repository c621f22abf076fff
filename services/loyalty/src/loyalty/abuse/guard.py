"""The guard: whether somebody may do something now. One statement, asked by every route that posts, before it posts.

    await guard(uow, "transfer", customer_id=giver, caller=caller.principal, points=points)

It counts what it lets pass, in the transaction of the posting: what is rolled back does not count. Limits are decided under a lock a limit
and subject, so that they are never overrun, and only where a limit is set anybody waits or anything is written.
"""

from functools import partial

from loyalty.abuse import repository, reviewing
from loyalty.abuse.errors import MemberFrozen, VelocityExceeded
from loyalty.abuse.repository import Verdict
from loyalty.abuse.rules import Action, can_wait, reaches_pool, spends
from shared.database.unit_of_work import UnitOfWork


async def guard(
    uow: UnitOfWork,
    action: Action,
    *,
    customer_id: str | None = None,
    caller: str | None = None,
    partner_id: str | None = None,
    points: int = 0,
) -> Verdict | None:
    """Refuse what a limit or a freeze does not allow, and count what passes.

    Args:
        uow: of the caller.
        action: what is about to be done.
        customer_id: the member who is to do it; his family counts with him.
        caller: the till or shop that asks, as `Caller.principal`.
        partner_id: the partner that asks.
        points: how many it is about.

    Returns:
        None, or the limit that was exceeded when the action is one that can wait for a review.

    Raises:
        MemberFrozen: he, or somebody whose points he would spend, is frozen.
        VelocityExceeded: a limit is reached; after `retry_after_seconds` there is room again, if it is told.
    """
    verdict = await _ask(uow, action, customer_id, caller, partner_id, points, is_counted=True)
    if verdict is None:
        return None
    if verdict.verdict == "frozen":
        raise MemberFrozen
    if verdict.on_exceed == "review":
        if can_wait(action):
            return verdict
        uow.when_refused(partial(reviewing.note_velocity, limit_id=str(verdict.limit_id), customer_id=customer_id, caller=caller))
    raise VelocityExceeded(limit_id=verdict.limit_id, retry_after_seconds=verdict.retry_after_seconds)


async def guard_guesses(uow: UnitOfWork, *, customer_id: str | None, caller: str | None) -> None:
    """Refuse who has tried too many wrong codes, and count one more in case this code too is refused as unknown.

    Raises:
        VelocityExceeded: he has.
    """
    verdict = await _ask(uow, "voucher_failure", customer_id, caller, None, 0, is_counted=False)
    if verdict is not None:
        if verdict.on_exceed == "review":
            uow.when_refused(partial(reviewing.note_velocity, limit_id=str(verdict.limit_id), customer_id=customer_id, caller=caller))
        raise VelocityExceeded(limit_id=verdict.limit_id, retry_after_seconds=verdict.retry_after_seconds)


def note_wrong_guess(uow: UnitOfWork, *, customer_id: str | None, caller: str | None) -> None:
    """Count a wrong code although its request is refused and undone."""
    uow.when_refused(partial(count_wrong_guess, customer_id=customer_id, caller=caller))


async def count_wrong_guess(uow: UnitOfWork, *, customer_id: str | None, caller: str | None) -> None:
    """Count a wrong code of a request that is answered."""
    await _ask(uow, "voucher_failure", customer_id, caller, None, 0, is_counted=True)


async def guard_frozen(uow: UnitOfWork, customer_id: str) -> None:
    """Refuse what a freeze does not allow and no limit counts, such as capturing what was held before.

    Raises:
        MemberFrozen: he, or somebody whose points he would spend, is frozen.
    """
    verdict = await repository.guard(uow.connection, "", customer_id, None, None, 0, is_wide=True, is_counted=False, spends=True)
    if verdict is not None:
        raise MemberFrozen


async def _ask(
    uow: UnitOfWork, action: Action, customer_id: str | None, caller: str | None, partner_id: str | None, points: int, *, is_counted: bool
) -> Verdict | None:
    return await repository.guard(
        uow.connection,
        action,
        customer_id,
        caller,
        partner_id,
        points,
        is_wide=reaches_pool(action),
        is_counted=is_counted,
        spends=spends(action) and customer_id is not None,
    )

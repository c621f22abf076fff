"""Books where families stand and what changed. Nothing depends on it but the events: every reading looks at the instant itself.

What is booked is compared with what the history says now. From the first instant on at which they differ, what is booked is superseded,
and what is true is booked and told anew, dated at its instant; so the last event of a family always tells its present tier.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from loyalty.badges import service as badges
from loyalty.tiers import repository
from loyalty.tiers.facts import Row, history_of
from loyalty.tiers.repository import Stand
from loyalty.tiers.rules import Change, Scheme, Standing, chronicle, in_force, is_out_of_reach, standing_of
from shared.contracts.loyalty import TierChanged
from shared.database.unit_of_work import UnitOfWork

# How many more standings a transaction of a pass looks at.
_STEP = 100


async def refresh(uow: UnitOfWork, customer_ids: Iterable[str], schemes: Mapping[str, Sequence[Scheme]] | None = None) -> None:
    """Book what has changed for the families of customers, in every programme that has tiers.

    Args:
        uow: of the caller, who commits it; it holds the locks of the members.
        customer_ids: to whom something happened that may count.
        schemes: of each programme, where the caller has read them already.
    """
    ids = sorted(set(customer_ids))
    found = await repository.schemes(uow.connection) if schemes is None else schemes
    for programme_id, some in found.items():
        if ids and any(scheme.tiers for scheme in some):
            await _refresh(uow, programme_id, some, ids)


async def moved(uow: UnitOfWork, customer_ids: Iterable[str]) -> None:
    """Book anew for customers who belong to others now, or no more."""
    ids = sorted(set(customer_ids))
    await repository.leave(uow.connection, ids)
    await refresh(uow, ids)


async def book(uow: UnitOfWork, now: datetime) -> bool:
    """Book tiers that ended with time, and what a change of tiers brought; return whether there is more."""
    lapsed: dict[str, list[str]] = defaultdict(list)
    for programme_id, customer_id in await repository.lapsed(uow.connection, now, _STEP):
        lapsed[programme_id].append(customer_id)
    if lapsed:
        schemes = await repository.schemes(uow.connection)
        for programme_id, ids in lapsed.items():
            await _refresh(uow, programme_id, schemes[programme_id], ids)
        return True
    return await _book_scheme(uow)


async def _book_scheme(uow: UnitOfWork) -> bool:
    scheme = await repository.unbooked(uow.connection)
    if scheme is None:
        return False
    ids = await repository.next_members(uow.connection, scheme["booked_to"], _STEP)
    programme_id = scheme["programme_id"]
    if ids:
        await _refresh(uow, programme_id, (await repository.schemes(uow.connection, programme_id))[programme_id], ids)
    last = ids[-1] if ids else scheme["booked_to"]
    await repository.booked_to(uow.connection, programme_id, scheme["version"], last, is_all=len(ids) < _STEP)
    return True


async def _refresh(uow: UnitOfWork, programme_id: str, schemes: Sequence[Scheme], customer_ids: Sequence[str]) -> None:
    by_root: dict[str, list[Row]] = defaultdict(list)
    for row in await repository.lock_histories(uow.connection, programme_id, schemes, customer_ids):
        by_root[row.root].append(row)
    gone: list[tuple[str, datetime]] = []
    new: list[tuple[str, Change]] = []
    standings: list[Stand] = []
    for root, rows in sorted(by_root.items()):
        _compare(uow, root, rows, schemes, gone, new, standings)
    await repository.book(uow.connection, programme_id, gone, new, standings)
    reached = [(root, change.tier, change.at) for root, change in new if change.tier is not None]
    await badges.award_for_tiers(uow, programme_id, reached)


def _compare(
    uow: UnitOfWork,
    root: str,
    rows: Sequence[Row],
    schemes: Sequence[Scheme],
    gone: list[tuple[str, datetime]],
    new: list[tuple[str, Change]],
    standings: list[Stand],
) -> None:
    now = next(row.happened_at for row in rows if row.kind == "now")
    told = next(row for row in rows if row.kind == "told")
    kept = next(row for row in rows if row.kind == "kept")
    booked = {(row.counts_at, row.source or None) for row in rows if row.kind == "booked"}
    history = history_of(rows, with_visits=any(scheme.measure == "visits" for scheme in schemes))
    version = max(scheme.version for scheme in schemes)
    if not booked and not told.source and kept.amount == version and is_out_of_reach(history, schemes):
        return
    changes = chronicle(history, schemes)
    true = [change for change in changes if change.at <= now]
    first = min((at for at, _ in booked ^ {(change.at, change.tier) for change in true}), default=None)
    fresh = [change for change in true if first is not None and change.at >= first]
    gone += [(root, at) for at, _ in booked if first is not None and at >= first]
    new += [(root, change) for change in fresh]
    scheme = in_force(schemes, now)
    found = standing_of(changes, history, scheme, now) if scheme is not None else Standing()
    if not fresh and found.tier != (told.source or None):
        # What was told last turns out not to have been so.
        fresh = [Change(found.since or first or now, found.tier, told.source or None, "returned", version)]
    for number, change in enumerate(fresh, told.amount + 1):
        event = TierChanged(
            customer_id=root,
            tier=change.tier,
            previous=change.previous,
            reason=change.reason,
            changed_at=change.at,
            scheme_version=change.version,
        )
        uow.publish(event, sequence=number)
    stand = Stand(root, found.tier, found.since, found.until, found.falls_to, version, told.amount + len(fresh))
    before = Stand(root, told.source or None, told.counts_at, told.happened_at, kept.source or None, kept.amount, told.amount)
    if stand != before:
        standings.append(stand)

"""Books where families stand and what changed. Nothing depends on it but the events: every reading looks at the instant itself.

What is kept of a family is true at every instant from its last change on, until the tier ends or the first of its news. News are taken with
the shorter way of `steps` where there is one, set by set. Elsewhere what is booked is compared with what the history says from the first
instant on that the news can change: from the first difference on, what is booked is superseded, and what is true is booked and told anew,
dated at its instant; so the last event of a family always tells its present tier.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from loyalty.badges import service as badges
from loyalty.tiers import repository
from loyalty.tiers.facts import Row, history_of
from loyalty.tiers.repository import Stand
from loyalty.tiers.rules import EVER, Change, Scheme, chronicle, is_out_of_reach
from loyalty.tiers.steps import (
    Kept,
    Right,
    Sum,
    Window,
    ahead_of,
    asked,
    holds_longest,
    is_clear,
    is_idle,
    is_step,
    is_worth_counting,
    last_of,
    reached,
    rights,
    stand_after,
)
from shared.contracts.loyalty import TierChanged
from shared.database.unit_of_work import UnitOfWork

# How many more standings a transaction of a pass looks at.
_STEP = 100


async def refresh(uow: UnitOfWork, customer_ids: Iterable[str]) -> None:
    """Book what the news of customers' families have changed, in every programme that has tiers.

    Args:
        uow: of the caller, who commits it; it holds the locks of the members.
        customer_ids: to whom something happened that may count.
    """
    ids = sorted(set(customer_ids))
    if not ids:
        return
    for programme_id, some in (await repository.schemes(uow.connection)).items():
        if any(scheme.tiers for scheme in some):
            await _refresh(uow, programme_id, some, ids)


async def anew(uow: UnitOfWork, customer_ids: Iterable[str]) -> None:
    """Book anew for customers who belong to others now, or no more, or take part from another moment on."""
    ids = sorted(set(customer_ids))
    await forget(uow, ids)
    await refresh(uow, ids)


async def forget(uow: UnitOfWork, customer_ids: Iterable[str]) -> None:
    """Trust nothing that is kept of customers' families any more."""
    await repository.forget(uow.connection, sorted(set(customer_ids)))


async def book(uow: UnitOfWork, now: datetime) -> bool:
    """Book tiers that ended with time, news that nobody looked at, and what a change of tiers brought; return whether there is more."""
    due: dict[str, list[str]] = defaultdict(list)
    lapsed = await repository.lapsed(uow.connection, now, _STEP)
    for programme_id, customer_id in lapsed or await repository.unheard(uow.connection, _STEP):
        due[programme_id].append(customer_id)
    if due:
        schemes = await repository.schemes(uow.connection)
        for programme_id, ids in due.items():
            await _refresh(uow, programme_id, schemes[programme_id], sorted(set(ids)))
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


@dataclass
class _Book:
    """What a look at families leads to."""

    gone: list[tuple[str, datetime]] = field(default_factory=list)
    new: list[tuple[str, Change]] = field(default_factory=list)
    standings: list[Stand] = field(default_factory=list)


async def _refresh(uow: UnitOfWork, programme_id: str, schemes: Sequence[Scheme], customer_ids: Sequence[str]) -> None:
    scheme = max(schemes, key=lambda scheme: scheme.version)
    found = sorted(await repository.lock(uow.connection, programme_id, customer_ids))
    made = _Book()
    some, steps = [], []
    for kept in found:
        if _is_true(kept, scheme) and kept.news_from is None:
            continue
        if _is_true(kept, scheme) and is_step(kept, scheme):
            steps.append(kept)
        else:
            some.append(kept)
    some += await _step(uow, programme_id, scheme, steps, made)
    await _look(uow, programme_id, schemes, some, made)
    await repository.book(uow.connection, programme_id, made.gone, made.new, made.standings)
    risen = [(root, change.tier, change.at) for root, change in made.new if change.tier is not None]
    await badges.award_for_tiers(uow, programme_id, risen)


def _is_true(kept: Kept, scheme: Scheme) -> bool:
    """Return whether what is kept was looked at by the last scheme and has not ended."""
    return kept.version == scheme.version and kept.told_tier == kept.tier and (kept.until is None or kept.until > kept.present)


async def _step(uow: UnitOfWork, programme_id: str, scheme: Scheme, steps: Sequence[Kept], made: _Book) -> list[Kept]:
    """Take news the shorter way; return those for which there is none."""
    left: list[Kept] = []
    windows: list[tuple[Kept, Window]] = []
    for kept in steps:
        if is_idle(kept, scheme):
            continue
        window = asked(kept, scheme)
        if window is None:
            left.append(kept)
        else:
            windows.append((kept, window))
    sums = await repository.sums(uow.connection, programme_id, scheme, [w for _, w in windows], [kept for kept, _ in windows])
    worth = [(window, found) for (_, window), found in zip(windows, sums, strict=True) if is_worth_counting(found)]
    await repository.count(uow.connection, programme_id, worth)
    counted = [(kept, window, found) for (kept, window), found in zip(windows, sums, strict=True)]
    reaching: list[tuple[Kept, int, datetime, Window]] = []
    for kept, found, last, window in await _with_last(uow, programme_id, scheme, counted, left):
        level = reached(kept, scheme, found, last)
        if level is None:
            left.append(kept)
        elif found.earned_at is not None and level > scheme.level(0):
            reaching.append((kept, level, found.earned_at, window))
        elif level > scheme.level_of(kept.tier):
            left.append(kept)
    for kept, level, had in await _with_rights(uow, programme_id, scheme, reaching, left):
        _keep(uow, kept, scheme, level, had, made, left)
    return left


async def _with_last(
    uow: UnitOfWork, programme_id: str, scheme: Scheme, counted: Sequence[tuple[Kept, Window, Sum]], left: list[Kept]
) -> list[tuple[Kept, Sum, Sum, Window]]:
    """Return news and their sums with the sum over the window of what was earned last, and that window."""
    found: list[tuple[Kept, Sum, Sum, Window]] = []
    others: list[tuple[Kept, Sum, Window]] = []
    for kept, window, total in counted:
        last = last_of(kept, scheme, total) if total.earned_at is not None else window
        if last is None:
            left.append(kept)
        elif kept.is_less or last.after == window.after:
            found.append((kept, total, total, last))
        else:
            others.append((kept, total, last))
    sums = await repository.sums(uow.connection, programme_id, scheme, [w for *_, w in others], [kept for kept, *_ in others])
    return found + [(kept, total, own, last) for (kept, total, last), own in zip(others, sums, strict=True)]


async def _with_rights(
    uow: UnitOfWork, programme_id: str, scheme: Scheme, reaching: Sequence[tuple[Kept, int, datetime, Window]], left: list[Kept]
) -> list[tuple[Kept, int, list[Right]]]:
    """Return news and places reached with the rights that they give."""
    left += [kept for kept, _, at, _ in reaching if not is_clear(scheme, at)]
    clear = [one for one in reaching if is_clear(scheme, one[2])]
    rolling = [one for one in clear if not holds_longest(scheme, one[2])]
    falls = await repository.falls(uow.connection, programme_id, scheme, [window for *_, window in rolling])
    told = {one[0].root: moments for one, moments in zip(rolling, falls, strict=True)}
    found: list[tuple[Kept, int, list[Right]]] = []
    for kept, level, at, _ in clear:
        had = rights(scheme, at, level, told.get(kept.root, ()))
        if had is None:
            left.append(kept)
        else:
            found.append((kept, level, had))
    return found


def _keep(uow: UnitOfWork, kept: Kept, scheme: Scheme, level: int, had: Sequence[Right], made: _Book, left: list[Kept]) -> None:
    stands, change = stand_after(kept, scheme, ahead_of(kept, scheme, level, had))
    if stands.until is not None and stands.until <= kept.present:
        left.append(kept)
        return
    if change is not None:
        made.new.append((kept.root, change))
        stands = stands._replace(sequence=kept.sequence + 1)
        _tell(uow, kept.root, change, stands.sequence)
    if stands != kept:
        made.standings.append(_stand(stands))


async def _look(uow: UnitOfWork, programme_id: str, schemes: Sequence[Scheme], some: Sequence[Kept], made: _Book) -> None:
    """Look at the histories of families from the first instant on that their news can change."""
    if not some:
        return
    since = {kept.root: _since(kept, schemes) for kept in some}
    last = max(schemes, key=lambda scheme: scheme.version)
    near = [kept for kept in some if since[kept.root] >= last.effective_from and (last.level(0) == 0 or kept.version == last.version)]
    told = await _short(uow, programme_id, last, {kept.root: since[kept.root] for kept in near})
    rest = sorted(set(since) - set(told))
    whole = await repository.histories(uow.connection, programme_id, schemes, rest) if rest else {}
    booked = await repository.booked_of(uow.connection, programme_id, sorted(since))
    for kept in some:
        is_short = kept.root in told
        rows, of = (told[kept.root], [last]) if is_short else (whole[kept.root], schemes)
        _compare(uow, kept, rows, of, since[kept.root], booked[kept.root], made, is_short=is_short)


async def _short(uow: UnitOfWork, programme_id: str, scheme: Scheme, since: Mapping[str, datetime]) -> dict[str, list[Row]]:
    """Return the histories of families as far back as one scheme needs them from instants on, where that is enough."""
    if not since:
        return {}
    first = min(since.values()) - scheme.reach if scheme.reach is not None else EVER
    found = await repository.histories(uow.connection, programme_id, [scheme], sorted(since), since=first)
    # A tier that a person gave does not tell whether the lowest had begun.
    return {root: rows for root, rows in found.items() if scheme.level(0) == 0 or not any(row.kind == "override" for row in rows)}


def _since(kept: Kept, schemes: Sequence[Scheme]) -> datetime:
    """Return the first instant at which what is booked of a family may not be true."""
    if kept.version == 0 or kept.told_tier != kept.tier:
        return EVER
    moments = [scheme.effective_from for scheme in schemes if scheme.version > kept.version]
    moments += [moment for moment in (kept.news_from, kept.until) if moment is not None and moment <= kept.present]
    return min(moments, default=EVER)


def _compare(
    uow: UnitOfWork,
    kept: Kept,
    rows: Sequence[Row],
    schemes: Sequence[Scheme],
    since: datetime,
    booked: Sequence[Change],
    made: _Book,
    *,
    is_short: bool,
) -> None:
    now = next(row.happened_at for row in rows if row.kind == "now")
    history = history_of(rows, with_visits=any(scheme.measure == "visits" for scheme in schemes))
    version = max(scheme.version for scheme in schemes)
    if not booked and not kept.told_tier and kept.version == version and is_out_of_reach(history, schemes):
        return
    before = [change for change in booked if change.at < since]
    if is_short and before and before[-1].tier is not None:
        # Who has a tier had the lowest one before, wherever the history that is looked at begins.
        history = replace(history, started_at=min(before[-1].at, history.started_at or before[-1].at))
    changes = chronicle(history, schemes, since, before[-1].tier if before else None)
    old = {(change.at, change.tier) for change in booked if change.at >= since}
    true = [change for change in changes if change.at <= now]
    first = min((at for at, _ in old ^ {(change.at, change.tier) for change in true}), default=None)
    fresh = [change for change in true if first is not None and change.at >= first]
    made.gone += [(kept.root, at) for at, _ in old if first is not None and at >= first]
    made.new += [(kept.root, change) for change in fresh]
    last = next(reversed([*before, *true]), None)
    ahead = next((change for change in changes if change.at > now), None)
    tier = last.tier if last is not None else None
    if not fresh and tier != kept.told_tier:
        # What was told last turns out not to have been so.
        at = last.at if last is not None else first or now
        fresh = [Change(at, tier, kept.told_tier, "returned", version)]
    for number, change in enumerate(fresh, kept.sequence + 1):
        _tell(uow, kept.root, change, number)
    stands = kept._replace(
        tier=tier,
        since=last.at if last is not None and tier is not None else None,
        steady_since=last.at if last is not None else None,
        until=ahead.at if ahead is not None else None,
        falls_to=ahead.tier if ahead is not None else None,
        version=version,
        told_tier=tier,
        sequence=kept.sequence + len(fresh),
    )
    if stands != kept:
        made.standings.append(_stand(stands))


def _stand(kept: Kept) -> Stand:
    return Stand(kept.root, kept.tier, kept.since, kept.steady_since, kept.until, kept.falls_to, kept.version, kept.sequence)


def _tell(uow: UnitOfWork, root: str, change: Change, number: int) -> None:
    event = TierChanged(
        customer_id=root,
        tier=change.tier,
        previous=change.previous,
        reason=change.reason,
        changed_at=change.at,
        scheme_version=change.version,
    )
    uow.publish(event, sequence=number)

"""Where members stand, read from what is kept of them as long as it is true, and worked out from their histories elsewhere."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from loyalty.tiers import repository
from loyalty.tiers.facts import history_of
from loyalty.tiers.rules import Scheme, Standing, Stood, in_force, standing, standing_on
from loyalty.tiers.steps import Kept, Window, window_begin
from shared.database.pool import Connection

_MICROSECOND = timedelta(microseconds=1)


async def now(connection: Connection, programme_id: str, customer_id: str, some: Sequence[Scheme]) -> tuple[Standing, datetime] | None:
    """Return where a member stands at present, and the instant; None where only his history tells."""
    scheme = max(some, key=lambda scheme: scheme.version, default=None)
    if scheme is None:
        return None
    kept = (await repository.kept_of(connection, programme_id, [customer_id]))[customer_id]
    after = window_begin(scheme, kept.present)
    if after is None or not is_true(kept, scheme):
        return None
    [found] = await repository.sums(connection, programme_id, scheme, [Window(kept.root, after, kept.present)], [kept])
    return standing_on(scheme, kept.tier, kept.since, kept.until, kept.falls_to, found.total), kept.present


def is_true(kept: Kept, scheme: Scheme) -> bool:
    """Return whether what is kept is true at present."""
    return (
        kept.version == scheme.version
        and scheme.effective_from <= kept.present
        and (kept.until is None or kept.until > kept.present)
        and (kept.news_from is None or kept.news_from > kept.present)
    )


async def stood_at(connection: Connection, programme_id: str, of: Sequence[tuple[str, datetime]], some: Sequence[Scheme]) -> list[Stood]:
    """Return what customers had at moments, before what happened at each; see `service.standings_at`."""
    scheme = max(some, key=lambda scheme: scheme.version)
    kept = await repository.kept_of(connection, programme_id, sorted({customer_id for customer_id, _ in of}))
    found: dict[int, Stood] = {}
    unsure: list[tuple[int, Window]] = []
    left: list[int] = []
    for place, (customer_id, moment) in enumerate(of):
        own = kept[customer_id]
        if not _holds(own, scheme, moment):
            left.append(place)
        elif own.news_from is None or own.news_from >= moment or own.tier == scheme.code(len(scheme.tiers)):
            found[place] = Stood(tier=own.tier, scheme=scheme)
        else:
            after = window_begin(scheme, own.news_from)
            if after is None:
                left.append(place)
            else:
                unsure.append((place, Window(own.root, after, moment - _MICROSECOND)))
    windows, owners = [window for _, window in unsure], [kept[of[place][0]] for place, _ in unsure]
    sums = await repository.sums(connection, programme_id, scheme, windows, owners)
    for (place, _), total in zip(unsure, sums, strict=True):
        own = kept[of[place][0]]
        assert own.news_from is not None
        is_settled = total.moved_at is None or total.moved_at <= own.news_from
        if is_settled and scheme.level(total.total) <= scheme.level_of(own.tier):
            found[place] = Stood(tier=own.tier, scheme=scheme)
        else:
            left.append(place)
    found |= await _looked_up(connection, programme_id, of, some, kept, sorted(left))
    return [found[place] for place in range(len(of))]


def _holds(kept: Kept, scheme: Scheme, moment: datetime) -> bool:
    """Return whether what is kept is true before a moment, but for what was added until then."""
    return (
        kept.version == scheme.version
        and scheme.effective_from <= moment
        # What a person gave at the very moment counts before what happened at it.
        and not kept.is_given
        and (kept.steady_since is None or kept.steady_since < moment)
        and (kept.until is None or kept.until > moment)
        and (kept.news_from is None or kept.news_from >= moment or _only_grew(kept, scheme))
    )


def _only_grew(kept: Kept, scheme: Scheme) -> bool:
    news = kept.news_from
    assert news is not None
    return not kept.is_less and news >= scheme.effective_from and (kept.steady_since is None or kept.steady_since <= news)


async def _looked_up(
    connection: Connection,
    programme_id: str,
    of: Sequence[tuple[str, datetime]],
    some: Sequence[Scheme],
    kept: dict[str, Kept],
    places: Sequence[int],
) -> dict[int, Stood]:
    """Return what customers had at moments by their histories; only as far back as can matter where nothing but the last scheme does."""
    if not places:
        return {}
    last = max(some, key=lambda scheme: scheme.version)
    moments = [of[place][1] for place in places]
    is_short = last.reach is not None and last.level(0) == 0 and min(moments) >= last.effective_from
    schemes = [last] if is_short else some
    more = {"since": min(moments) - last.reach} if is_short and last.reach is not None else {}
    ids = sorted({of[place][0] for place in places})
    rows = await repository.histories(connection, programme_id, schemes, ids, max(moments), **more)
    told = {root: history_of(own) for root, own in rows.items()}
    found: dict[int, Stood] = {}
    for place in places:
        customer_id, moment = of[place]
        stood = standing(told[kept[customer_id].root].before(moment), schemes, moment)
        found[place] = Stood(tier=stood.tier, scheme=in_force(some, moment))
    return found

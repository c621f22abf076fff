"""Answers who bought lately, often and for much."""

import time
from collections import OrderedDict
from datetime import date, datetime, timedelta
from typing import NamedTuple

from analytics.history.repository import HistoryRepository
from analytics.metrics.rules import ZONE, Window, horizon
from analytics.rfm.repository import RfmRepository, Scored
from analytics.rfm.rules import DEFINITION, by_score, named_segments
from analytics.rfm.schemas import Frequency, GroupOut, Money, Recency, RfmAnswer, SegmentOut
from shared.database.pool import Connection
from shared.figures.schemas import definition_out, window_out

# While events stream in, an answer may be this old; it says when it was computed. Half of what "visible within a second" leaves.
FRESH_SECONDS = 0.5
_MOST_SNAPSHOTS = 64


class _Snapshot(NamedTuple):
    version: int
    taken_at_seconds: float
    computed_at: datetime
    scored: Scored


class Snapshots:
    """Scores that were computed before: scoring reads every customer, so it is done once for each state of the projection."""

    def __init__(self, fresh_seconds: float = FRESH_SECONDS) -> None:
        self._fresh_seconds = fresh_seconds
        self._taken: OrderedDict[tuple[str, date | None], _Snapshot] = OrderedDict()
        self._under_way: set[tuple[str, date | None]] = set()

    async def scored(
        self, repository: RfmRepository, currency: str, until: date | None, version: int, now: datetime
    ) -> tuple[Scored, datetime]:
        """Return the scores and when they were computed.

        Args:
            repository: to read from.
            currency: of the orders and money.
            until: day by whose end customers are scored; None for all that is known.
            version: of the projection, read before.
            now: the present moment.
        """
        key = (currency, until)
        known = self._taken.get(key)
        if known is not None and (known.version == version or self._is_fresh(known) or key in self._under_way):
            return known.scored, known.computed_at
        self._under_way.add(key)
        started_at_seconds = time.monotonic()
        try:
            scored = await repository.scored(currency, until)
        finally:
            self._under_way.discard(key)
        self._keep(key, _Snapshot(version, started_at_seconds, now, scored))
        return scored, now

    def _is_fresh(self, snapshot: _Snapshot) -> bool:
        return time.monotonic() - snapshot.taken_at_seconds < self._fresh_seconds

    def _keep(self, key: tuple[str, date | None], snapshot: _Snapshot) -> None:
        self._taken[key] = snapshot
        self._taken.move_to_end(key)
        while len(self._taken) > _MOST_SNAPSHOTS:
            self._taken.popitem(last=False)


async def read(connection: Connection, snapshots: Snapshots, *, as_of_day: date | None, currency: str | None, now: datetime) -> RfmAnswer:
    """Return cut points, scores and segments.

    Args:
        connection: to read from.
        snapshots: what was computed before.
        as_of_day: day by whose end customers are scored; the day of the latest order when None.
        currency: of the orders and money; that with the most orders when None.
        now: the present moment.
    """
    state = await HistoryRepository(connection).state()
    as_of = horizon(state.latest_order_at, now)
    repository = RfmRepository(connection)
    currency = currency or await repository.main_currency()
    scored, computed_at, day = Scored([]), now, as_of_day
    if as_of is not None and state.latest_order_at is not None and currency is not None:
        day = as_of_day or as_of.date()
        until = day if day < state.latest_order_at.date() else None
        scored, computed_at = await snapshots.scored(repository, currency, until, state.version, now)
    return _answer(scored, day, currency, as_of, computed_at)


def _answer(scored: Scored, day: date | None, currency: str | None, as_of: datetime | None, computed_at: datetime) -> RfmAnswer:
    groups = scored.groups
    return RfmAnswer(
        definition=definition_out(DEFINITION.of(currency=currency)),
        window=window_out(Window(None, _after(day))),
        zone=ZONE,
        as_of=as_of,
        computed_at=computed_at,
        as_of_day=day,
        currency=currency,
        customers=sum(group.customers for group in groups),
        recency=Recency(
            cut_points=list(scored.last_days),
            cut_points_days=[(day - last_day).days for last_day in scored.last_days] if day else [],
            customers=by_score(groups, "recency"),
        ),
        frequency=Frequency(cut_points=list(scored.orders), customers=by_score(groups, "frequency")),
        money=Money(cut_points_minor=list(scored.revenue_minor), customers=by_score(groups, "money")),
        groups=[GroupOut.model_validate(group) for group in groups],
        segments=[SegmentOut.model_validate(segment) for segment in named_segments(groups)],
    )


def _after(day: date | None) -> date | None:
    return None if day is None or day == date.max else day + timedelta(days=1)

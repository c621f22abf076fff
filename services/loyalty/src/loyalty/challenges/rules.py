"""When challenges are met and how long streaks are: functions of what counts, in whatever order it was told. Pure.

1. What counts of an order is what is left of it after returns, as if the rest had never been bought; conditions are looked at again.
2. Amounts add up in the order of time. A challenge is met when their sum reaches the target; what is beyond it counts for the next time.
   With `within_days` only what lies so close together adds up, and the next time begins anew.
3. A streak is a row of days, weeks or months with anything in them; up to `grace` of them in a row may be missed, and do not count. It is
   met when it is so long, and again when it is twice as long.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from loyalty.rules.conditions import Scene
from loyalty.rules.rules import Occasion
from loyalty.tiers.periods import shift

Kind = Literal["count", "spend", "quantity", "streak"]
Unit = Literal["day", "week", "month"]
# Beyond that somebody counts wrongly.
_MOST = 10_000


@dataclass(frozen=True)
class Challenge:
    """What is to be done, from when to when.

    Attributes:
        id: `chl_…`.
        programme_id: whose.
        trigger: which events are looked at.
        kind: how many of them, the money or the pieces of orders, or periods in a row.
        target: so many.
        starts_at: what happens from then on counts ...
        ends_at: ... until then.
        zone: by which days are told apart.
        condition: in CEL; what does not meet it counts nothing.
        skus: only these articles of orders ...
        categories: ... and only these categories; all when both are empty.
        within_days: what adds up lies within so many days; anything when None.
        unit: of a streak.
        grace: periods of a streak that may be missed in a row.
        max_times: how often it can be met; any number of times when None.
    """

    id: str
    programme_id: str
    trigger: str
    kind: Kind
    target: int
    starts_at: datetime
    ends_at: datetime | None
    zone: ZoneInfo
    condition: str | None = None
    skus: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    within_days: int | None = None
    unit: Unit = "day"
    grace: int = 0
    max_times: int | None = 1

    def counts(self, trigger: str, moment: datetime) -> bool:
        """Return whether it looks at such an event of a moment."""
        return self.trigger == trigger and self.starts_at <= moment and (self.ends_at is None or moment < self.ends_at)


class Fact(NamedTuple):
    """Something that counts."""

    occurred_at: datetime
    source_id: str
    amount: int


@dataclass(frozen=True, slots=True)
class Tally:
    """How far somebody is after all that counts until something: what comes later can be counted from there.

    Attributes:
        met: how often the challenge was met.
        value: the sum of all amounts, or the periods of the present streak.
        place: the last period of the streak.
        counted_to: the last thing that counted, by its moment and source.
        met_by: the thing by which it was met last, where what adds up has to lie close together ...
        open: ... and what came after it and may still add up.
    """

    met: int = 0
    value: int = 0
    place: int | None = None
    counted_to: tuple[datetime, str] | None = None
    met_by: tuple[datetime, str] | None = None
    open: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class Progress:
    """How far somebody is: `value` of the target, towards the next time that it is met."""

    value: int
    completed: Sequence[datetime]


@dataclass(frozen=True)
class Streak:
    """How many periods in a row.

    Attributes:
        current: up to now; 0 when it has broken.
        longest: ever.
        last_at: the last thing that counted.
        breaks_at: when the present one breaks unless something happens before.
    """

    current: int
    longest: int
    last_at: datetime | None
    breaks_at: datetime | None


def amount_of(challenge: Challenge, occasion: Occasion, scene: Scene | None = None) -> int:
    """Return how much of an event counts for a challenge.

    Args:
        challenge: what is to be done.
        occasion: the event.
        scene: of the occasion, where several challenges look at it.
    """
    if not challenge.counts(occasion.trigger, occasion.occurred_at):
        return 0
    if not (scene or Scene(occasion.variables, [challenge.condition])).holds(challenge.condition):
        return 0
    lines = _lines(challenge, occasion.facts)
    chosen = bool(challenge.skus or challenge.categories)
    match challenge.kind:
        case "spend":
            money = sum(line["amount_minor"] for line in lines) if chosen else occasion.facts.get("amount_minor", 0)
            return max(money, 0)
        case "quantity":
            return max(sum(line["quantity"] for line in lines), 0)
        case _:
            return int(bool(lines) or not chosen)


def _lines(challenge: Challenge, facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        line
        for line in facts.get("lines", ())
        if (not challenge.skus or line["sku"] in challenge.skus)
        and (not challenge.categories or line.get("category") in challenge.categories)
    ]


def progress(challenge: Challenge, facts: Iterable[Fact], at: datetime | None = None) -> Progress:
    """Return when a challenge was met and how far it is to the next time.

    Args:
        challenge: what is to be done.
        facts: in any order.
        at: what happened later does not count; a streak that has broken by then counts for nothing.
    """
    tally, met = advance(challenge, Tally(), (fact for fact in facts if at is None or fact.occurred_at <= at))
    if challenge.kind == "streak":
        is_broken = at is not None and tally.place is not None and _is_broken(challenge, tally.place, at)
        value = 0 if is_broken else tally.value % challenge.target
    elif challenge.within_days is not None:
        value = sum(one.amount for one in tally.open if at is None or _is_near(challenge, one, at))
    else:
        value = tally.value - challenge.target * tally.met
    return Progress(_left(challenge, value, met), met)


def advance(challenge: Challenge, tally: Tally, facts: Iterable[Fact]) -> tuple[Tally, list[datetime]]:
    """Return how far somebody is after more things, and when they met the challenge.

    Counting on from a tally gives what counting everything gives.

    Args:
        challenge: what is to be done.
        tally: of everything that was before the first of them, by moment and source.
        facts: in any order.
    """
    step = _and_streak if challenge.kind == "streak" else _and_sum if challenge.within_days is None else _and_near
    met: list[datetime] = []
    ordered = sorted(fact for fact in facts if fact.amount > 0)
    for fact in ordered:
        before = tally.met
        tally = step(challenge, tally, fact)
        met += [fact.occurred_at] * (tally.met - before)
    return (replace(tally, counted_to=(ordered[-1].occurred_at, ordered[-1].source_id)), met) if ordered else (tally, met)


def told_tally(tally: Tally, zone: str) -> dict[str, Any]:
    """Return a tally as it is kept, with the name of the zone that it goes by; what may still add up is found among what counts."""
    told: dict[str, Any] = {"met": tally.met, "value": tally.value, "place": tally.place, "zone": zone}
    for name, at in (("counted", tally.counted_to), ("met", tally.met_by)):
        if at is not None:
            told |= {f"{name}_at": at[0].isoformat(), f"{name}_source": at[1]}
    return told


def tally_of(told: Mapping[str, Any], facts: Sequence[Fact]) -> tuple[Tally, list[Fact]]:
    """Return a tally that was kept, and what is later than all that it has counted.

    Args:
        told: it, with anything counted.
        facts: of those that it has counted all that may still add up, and the later ones.
    """
    counted_to = datetime.fromisoformat(told["counted_at"]), told["counted_source"]
    met_by = (datetime.fromisoformat(told["met_at"]), told["met_source"]) if "met_at" in told else None
    before = sorted(fact for fact in facts if (fact.occurred_at, fact.source_id) <= counted_to)
    later = [fact for fact in facts if (fact.occurred_at, fact.source_id) > counted_to]
    return Tally(told["met"], told["value"], told["place"], counted_to, met_by, tuple(before)), later


def _and_sum(challenge: Challenge, tally: Tally, fact: Fact) -> Tally:
    value = tally.value + fact.amount
    return replace(tally, value=value, met=min(value // challenge.target, _limit(challenge)))


def _and_near(challenge: Challenge, tally: Tally, fact: Fact) -> Tally:
    near = (*(one for one in tally.open if _is_near(challenge, one, fact.occurred_at)), fact)
    if tally.met < _limit(challenge) and sum(one.amount for one in near) >= challenge.target:
        return replace(tally, met=tally.met + 1, met_by=(fact.occurred_at, fact.source_id), open=())
    return replace(tally, open=near)


def _and_streak(challenge: Challenge, tally: Tally, fact: Fact) -> Tally:
    place = _place(fact.occurred_at, challenge.unit, challenge.zone)
    if place == tally.place:
        return tally
    length = tally.value + 1 if tally.place is not None and place - tally.place <= challenge.grace + 1 else 1
    is_met = length % challenge.target == 0 and tally.met < _limit(challenge)
    return replace(tally, value=length, place=place, met=tally.met + is_met)


def _is_near(challenge: Challenge, fact: Fact, moment: datetime) -> bool:
    return moment < shift(fact.occurred_at, challenge.zone, days=challenge.within_days or 0)


def _is_broken(challenge: Challenge, place: int, at: datetime) -> bool:
    return _place(at, challenge.unit, challenge.zone) - place > challenge.grace + 1


def streak(challenge: Challenge, facts: Iterable[Fact], at: datetime) -> Streak:
    """Return how long the present streak is and the longest was.

    Args:
        challenge: a streak.
        facts: in any order.
        at: what happened later does not count.
    """
    ordered = sorted(fact for fact in facts if fact.amount > 0 and fact.occurred_at <= at)
    length = longest = 0
    last: int | None = None
    for fact in ordered:
        place = _place(fact.occurred_at, challenge.unit, challenge.zone)
        if place != last:
            length = length + 1 if last is not None and place - last <= challenge.grace + 1 else 1
            last, longest = place, max(longest, length)
    if last is None:
        return Streak(0, 0, None, None)
    breaks_at = _begin(last + challenge.grace + 2, challenge.unit, challenge.zone)
    is_alive = at < breaks_at
    return Streak(length if is_alive else 0, longest, ordered[-1].occurred_at, breaks_at if is_alive else None)


def _limit(challenge: Challenge) -> int:
    return _MOST if challenge.max_times is None else challenge.max_times


def _left(challenge: Challenge, value: int, met: Sequence[datetime]) -> int:
    """Who has met it as often as possible is at the target, and stays there."""
    return challenge.target if len(met) >= _limit(challenge) else min(value, challenge.target)


def _place(moment: datetime, unit: Unit, zone: ZoneInfo) -> int:
    local = moment.astimezone(zone).date()
    match unit:
        case "day":
            return local.toordinal()
        case "week":
            # The first day of the calendar was a Monday.
            return (local.toordinal() - 1) // 7
        case _:
            return local.year * 12 + local.month - 1


def _begin(place: int, unit: Unit, zone: ZoneInfo) -> datetime:
    match unit:
        case "day":
            first = date.fromordinal(place)
        case "week":
            first = date.fromordinal(place * 7 + 1)
        case _:
            first = date(place // 12, place % 12 + 1, 1)
    # Midnight, or the first moment after it where the clocks skip it.
    midnight = datetime(first.year, first.month, first.day, tzinfo=zone)
    return shift(midnight - timedelta(days=1), zone, days=1)

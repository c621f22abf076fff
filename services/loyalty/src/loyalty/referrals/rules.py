"""Where a referral stands by what is known: the same facts lead to the same state, in whatever order they were told. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from loyalty.relations.rules import Relation, is_of_relation, suspicions_of
from loyalty.rules.conditions import holds, variables_of

# Nothing that is told later changes these.
FINAL = frozenset({"refused", "reversing", "reversed"})
_DAY = timedelta(days=1)
_BEGIN, _END = datetime(1900, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Bought:
    """An order of who was referred; conditions see its `facts`, and the `segments` that he belonged to when he placed it."""

    order_id: str
    placed_at: datetime
    amount_minor: int
    returned_minor: int
    is_cancelled: bool
    facts: Mapping[str, Any] = field(default_factory=dict)
    segments: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """A referral and what is known of it.

    Attributes:
        state: where it stands.
        used_at: when the code was used.
        lapses_at: until when the condition can be met.
        order_id: the order that met it.
        enrolled_at: when the referred one registered, as far as that was heard.
        is_closed: one of the two is gone.
        is_same_person: they turned out to be one person.
        suspicions: why somebody should look at it, as was noted.
        cleared: those that somebody looked at and found nothing.
        relation: how the two relate, as is known now.
        orders: of the referred one, those that can meet the condition or say that he was no new customer.
        traits: what conditions see of him.
        now: the moment.
    """

    state: str
    used_at: datetime
    lapses_at: datetime
    order_id: str | None
    enrolled_at: datetime | None
    is_closed: bool
    is_same_person: bool
    suspicions: Sequence[str]
    cleared: Sequence[str]
    relation: Relation
    orders: Sequence[Bought]
    traits: Mapping[str, Any]
    now: datetime


class Verdict(NamedTuple):
    """Where it should stand: the state, why, the order that met the condition, and when it cannot be returned any more."""

    state: str
    reason: str | None = None
    order_id: str | None = None
    due_at: datetime | None = None


def judge(terms: Mapping[str, Any], known: Known) -> Verdict | None:
    """Return where a referral should stand; None when nothing changes it any more.

    Args:
        terms: of the scheme on the day on which the code was used.
        known: all that is known.
    """
    if known.state in FINAL:
        return None
    if known.state == "completed":
        return _after_completion(terms, known)
    if known.is_closed:
        return Verdict("refused", "membership_ended")
    if known.is_same_person:
        return Verdict("refused", "referral_self")
    if is_refused(terms, known.relation):
        return Verdict("refused", "referral_shared_identity")
    if not is_new(terms, known):
        return Verdict("refused", "referral_not_new")
    met = _met(terms, known)
    if met is None:
        return Verdict("lapsed" if known.now >= known.lapses_at else "pending")
    moment, order_id = met
    state = "waiting" if open_suspicions(terms, known) else "qualified"
    return Verdict(state, None, order_id, moment + terms["waiting_days"] * _DAY)


def suspicions_now(terms: Mapping[str, Any], known: Known) -> list[str]:
    """Return why somebody should look at a referral: what was noted once, and how the two relate now."""
    return [each for each in known.suspicions if not is_of_relation(each)] + of_relation(terms, known.relation)


def open_suspicions(terms: Mapping[str, Any], known: Known) -> list[str]:
    """Return the suspicions that nobody has looked at yet."""
    return [each for each in suspicions_now(terms, known) if each not in known.cleared]


def of_relation(terms: Mapping[str, Any], relation: Relation) -> list[str]:
    """Return what speaks against two customers being strangers, as far as the scheme asks for it."""
    return [] if terms["on_shared_identity"] == "ignore" else suspicions_of(relation, terms["suspected_from_score"])


def is_refused(terms: Mapping[str, Any], relation: Relation) -> bool:
    """Return whether the scheme wants no referral between two who relate so."""
    return terms["on_shared_identity"] == "refuse" and bool(of_relation(terms, relation))


def is_new(terms: Mapping[str, Any], known: Known) -> bool:
    """Return whether the referred one was no customer before: he registered not long before, and had bought nothing."""
    if known.enrolled_at is not None and known.enrolled_at < known.used_at - terms["new_customer_days"] * _DAY:
        return False
    return all(order.placed_at >= known.used_at for order in known.orders)


def share(template: Mapping[str, str], url: str | None, code: str) -> tuple[dict[str, str], str | None]:
    """Return the texts to share and the link, with the code and the link filled in."""
    link = url.replace("{code}", code) if url is not None else None
    return {tag: text.replace("{code}", code).replace("{url}", link or "") for tag, text in template.items()}, link


def offending_field(terms: Mapping[str, Any]) -> str | None:
    """Return the field of a scheme's terms that does not go with the others, or None."""
    if terms["condition"] == "registered" and (terms["order_condition"] is not None or terms["min_order_minor"] > 0):
        return "order_condition" if terms["order_condition"] is not None else "min_order_minor"
    if terms["share_url"] is not None and "{code}" not in terms["share_url"]:
        return "share_url"
    return None


def _after_completion(terms: Mapping[str, Any], known: Known) -> Verdict | None:
    if known.is_same_person:
        return Verdict("reversing", "referral_self")
    if known.order_id is None or terms["on_return"] != "take_back":
        return None
    own = [order for order in known.orders if order.order_id == known.order_id]
    return Verdict("reversing", "order_returned") if any(not _suffices(terms, order, known.traits) for order in own) else None


def _met(terms: Mapping[str, Any], known: Known) -> tuple[datetime, str | None] | None:
    # Who has not registered yet, as far as is known, may turn out to be an old customer.
    if known.enrolled_at is None:
        return None
    if terms["condition"] == "registered":
        moment = max(known.enrolled_at, known.used_at)
        return (moment, None) if moment <= known.lapses_at else None
    fitting = [order for order in known.orders if order.placed_at <= known.lapses_at and _suffices(terms, order, known.traits)]
    first = min(fitting, key=lambda order: (order.placed_at, order.order_id), default=None)
    return (first.placed_at, first.order_id) if first is not None else None


def _suffices(terms: Mapping[str, Any], order: Bought, traits: Mapping[str, Any]) -> bool:
    left = order.amount_minor - order.returned_minor
    if order.is_cancelled or left < max(terms["min_order_minor"], 1):
        return False
    event = {**order.facts, "amount_minor": left}
    return holds(terms["order_condition"], variables_of(event, {**traits, "segments": order.segments}))


def period(kind: str, moment: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the day, month or year that a moment lies in where the programme is at home; of `ever` all time."""
    local = moment.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    match kind:
        case "day":
            return local, local + _DAY
        case "month":
            first = local.replace(day=1)
            return first, (first + 32 * _DAY).replace(day=1)
        case "year":
            first = local.replace(month=1, day=1)
            return first, first.replace(year=first.year + 1)
        case _:
            return _BEGIN, _END

"""The tracks that customers move on, and what moves them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, get_args

from customers.stages.errors import PeriodInvalid, StageRulesInvalid, StageUnknown

Lifecycle = Literal["identified", "attracted", "converted", "retained", "grown"]
Journey = Literal["attention", "consideration", "decision", "purchase", "service", "advocacy"]
Track = Literal["lifecycle", "journey"]
When = Literal[
    "customer_registered",
    "consent_granted",
    "interaction_recorded",
    "material_progressed",
    "order_placed",
    "order_returned",
    "response_recorded",
    "referral_completed",
]

LIFECYCLE: tuple[str, ...] = get_args(Lifecycle)
JOURNEY: tuple[str, ...] = get_args(Journey)
TRACKS: Mapping[str, tuple[str, ...]] = {"lifecycle": LIFECYCLE, "journey": JOURNEY}
# The reason of a move that a person made.
MANUAL = "manual"
MAX_PERIOD = timedelta(days=366)
# Conditions and what they compare with: one of a list, at least a number, or exactly a truth.
_ONE_OF: Mapping[str, str] = {"kinds": "kind", "directions": "direction", "questions": "question"}
_AT_LEAST: Mapping[str, str] = {
    "min_score": "score",
    "min_purchase_days": "purchase_days",
    "min_growth_percent": "growth_percent",
}
_EXACTLY: Mapping[str, str] = {"new_category": "new_category"}


@dataclass(frozen=True, slots=True)
class Rule:
    """What moves a customer to a stage.

    Attributes:
        name: the reason of the moves that it makes.
        track: lifecycle or journey.
        when: the kind of fact that it looks at.
        stage: where to; None: the stage that the fact names itself, on the journey.
        conditions: what the fact must be like; all must hold.
        may_go_back: whether it also moves to an earlier stage; then it says where the customer is now, and of several such rules the
            first that fits decides. Else the furthest stage of all that fit counts.
    """

    name: str
    track: Track
    when: When
    stage: str | None = None
    conditions: Mapping[str, Any] = field(default_factory=dict)
    may_go_back: bool = False


class Fact(NamedTuple):
    """Something that happened with a customer.

    Attributes:
        customer_id: the record that it happened to.
        when: its kind.
        occurred_at: UTC.
        details: what conditions look at.
    """

    customer_id: str
    when: str
    occurred_at: datetime
    details: Mapping[str, Any] = {}


class Place(NamedTuple):
    """Where a customer is on a track."""

    stage: str
    entered_at: datetime
    reason: str


class State(NamedTuple):
    """Where a record is on both tracks.

    Attributes:
        customer_id: the record.
        version: number of its last move.
        places: by track.
    """

    customer_id: str
    version: int
    places: Mapping[str, Place]


class Move(NamedTuple):
    """A step from a stage to another."""

    customer_id: str
    number: int
    track: str
    stage: str
    previous: str | None
    entered_at: datetime
    reason: str
    actor: str | None = None
    explanation: str | None = None


def _rule(name: str, track: Track, when: When, stage: str | None, *, may_go_back: bool = False, **conditions: Any) -> Rule:
    return Rule(name, track, when, stage, conditions, may_go_back)


_INBOUND = ("inbound", "unknown")
_CONSIDERING = ("product_question", "question", "chat", "call", "email", "visit", "demo", "meeting", "download")
_DECIDING = ("cart", "cart_add", "checkout", "quote", "offer", "trial", "configurator")
_SERVING = ("support", "support_request", "complaint", "ticket", "repair", "claim", "warranty", "delivery")
# Holds until somebody sets others.
DEFAULT_RULES: tuple[Rule, ...] = (
    _rule("registered", "lifecycle", "customer_registered", "identified"),
    _rule("first_consent", "lifecycle", "consent_granted", "attracted"),
    _rule("first_touch", "lifecycle", "interaction_recorded", "attracted", directions=_INBOUND),
    _rule("first_lesson", "lifecycle", "material_progressed", "attracted"),
    _rule("first_order", "lifecycle", "order_placed", "converted"),
    _rule("second_purchase_day", "lifecycle", "order_placed", "retained", min_purchase_days=2),
    _rule("new_category", "lifecycle", "order_placed", "grown", min_purchase_days=2, new_category=True),
    _rule("growing_value", "lifecycle", "order_placed", "grown", min_purchase_days=2, min_growth_percent=50),
    _rule("told", "journey", "interaction_recorded", None, may_go_back=True),
    _rule("page_viewed", "journey", "interaction_recorded", "attention", may_go_back=True, kinds=("page_view", "ad_click", "search")),
    _rule("deciding", "journey", "interaction_recorded", "decision", may_go_back=True, kinds=_DECIDING, directions=_INBOUND),
    _rule("served", "journey", "interaction_recorded", "service", may_go_back=True, kinds=_SERVING, directions=_INBOUND),
    _rule("recommending", "journey", "interaction_recorded", "advocacy", may_go_back=True, kinds=("review", "referral", "recommendation")),
    _rule("asking", "journey", "interaction_recorded", "consideration", may_go_back=True, kinds=_CONSIDERING, directions=_INBOUND),
    _rule("learning", "journey", "material_progressed", None, may_go_back=True),
    _rule("bought", "journey", "order_placed", "purchase", may_go_back=True),
    _rule("returned", "journey", "order_returned", "service", may_go_back=True),
    _rule("promoter", "journey", "response_recorded", "advocacy", may_go_back=True, questions=("nps",), min_score=9),
    _rule("rewarded_advocate", "journey", "referral_completed", "advocacy", may_go_back=True),
)


def check_rules(rules: Sequence[Rule]) -> None:
    """Refuse rules that could never be told apart or never move anybody.

    Raises:
        StageRulesInvalid: names the rule by its place.
    """
    names: set[str] = {MANUAL}
    for place, rule in enumerate(rules):
        if rule.name in names:
            raise StageRulesInvalid("Each rule has a name of its own.", pointer=f"/rules/{place}/name")
        names.add(rule.name)
        if rule.stage is None:
            if rule.track != "journey" or rule.when not in {"interaction_recorded", "material_progressed"}:
                raise StageRulesInvalid("Facts of this kind name no stage of this track.", pointer=f"/rules/{place}/stage")
        elif rule.stage not in TRACKS[rule.track]:
            raise StageRulesInvalid("The track has no such stage.", pointer=f"/rules/{place}/stage")


def check_stage(track: str, stage: str) -> None:
    """Refuse a stage that is not of the track.

    Raises:
        StageUnknown: it is of none, or of the other.
    """
    if stage not in TRACKS[track]:
        raise StageUnknown(pointer="/stage")


def check_period(starts_at: datetime, ends_at: datetime) -> None:
    """Refuse a period that is empty or too long.

    Raises:
        PeriodInvalid: it is.
    """
    if not starts_at < ends_at <= starts_at + MAX_PERIOD:
        raise PeriodInvalid(location="query")


def matches(rule: Rule, fact: Fact) -> bool:
    """Tell whether a fact is what a rule looks for."""
    if rule.when != fact.when or (rule.stage is None and fact.details.get("journey_stage") not in JOURNEY):
        return False
    for name, wanted in rule.conditions.items():
        if name in _ONE_OF:
            holds = (fact.details.get(_ONE_OF[name]) or "unknown") in wanted
        elif name in _AT_LEAST:
            value = fact.details.get(_AT_LEAST[name])
            holds = value is not None and value >= wanted
        else:
            holds = bool(fact.details.get(_EXACTLY[name])) == wanted
        if not holds:
            return False
    return True


def advanced(state: State, facts: Iterable[Fact], rules: Sequence[Rule]) -> tuple[State, list[Move]]:
    """Return where a record is after some facts, and its moves.

    A rule that only moves forward does so whenever it hears of the fact. One that may go back follows what happened last: a fact
    from before the present stage was entered changes nothing. What a person decided stands until something newer happens.

    Args:
        state: where it is.
        facts: of this record, in any order.
        rules: in the order in which they are looked at.
    """
    moves: list[Move] = []
    told = [(fact, [rule for rule in rules if matches(rule, fact)]) for fact in facts]
    for fact, fitting in sorted(told, key=lambda one: _turn(*one)):
        for track in TRACKS:
            found = _target(state.places.get(track), track, fact, [rule for rule in fitting if rule.track == track])
            if found is not None:
                state, move = moved(state, track, found[0], fact.occurred_at, found[1])
                if moves and move.track == moves[0].track and move.entered_at < moves[0].entered_at:
                    moves[0] = moves[0]._replace(entered_at=move.entered_at)
                moves.append(move)
    return state, moves


def _turn(fact: Fact, fitting: Sequence[Rule]) -> tuple[Any, ...]:
    """Return what facts are sorted by: who is registered with orders of years ago was known before he is anything else.

    Of facts of one moment the one that leads furthest comes last and stands, in whatever order they were told.
    """
    ranks = []
    for track, stages in TRACKS.items():
        leading = next((rule.stage or fact.details["journey_stage"] for rule in fitting if rule.track == track and rule.may_go_back), None)
        ranks.append(-1 if leading is None else stages.index(leading))
    return (fact.when != "customer_registered", fact.occurred_at, *ranks)


def _target(place: Place | None, track: str, fact: Fact, fitting: Sequence[Rule]) -> tuple[str, str] | None:
    """Return the stage to go to and the rule that says so."""
    stages = TRACKS[track]
    rank = -1 if place is None else stages.index(place.stage)
    if place is not None and place.reason == MANUAL and fact.occurred_at <= place.entered_at:
        return None
    best: tuple[str, str] | None = None
    is_told = False
    for rule in fitting:
        stage = rule.stage or fact.details["journey_stage"]
        ahead = stages.index(stage) - rank
        if rule.may_go_back:
            is_newest = place is None or fact.occurred_at > place.entered_at or (fact.occurred_at == place.entered_at and ahead > 0)
            if not is_told and is_newest and ahead and best is None:
                best = (stage, rule.name)
            is_told = True
        elif ahead > 0 and (best is None or stages.index(stage) > stages.index(best[0])):
            best = (stage, rule.name)
    return best


def moved(
    state: State, track: str, stage: str, at: datetime, reason: str, *, actor: str | None = None, explanation: str | None = None
) -> tuple[State, Move]:
    """Return where a record is after a move, and the move.

    The first stage of all is taken to have been entered no later than what followed: orders of years ago are told after the
    registration.
    """
    place = state.places.get(track)
    if place is not None and state.version > 1:
        at = max(at, place.entered_at)
    move = Move(state.customer_id, state.version + 1, track, stage, place and place.stage, at, reason, actor, explanation)
    return State(state.customer_id, move.number, {**state.places, track: Place(stage, at, reason)}), move


def furthest(states: Iterable[State]) -> dict[str, tuple[str, Place]]:
    """Return where a customer is whose records are at different places, with the record that is there.

    On the lifecycle the furthest stage counts, on the journey the one entered last.
    """
    found: dict[str, tuple[str, Place]] = {}
    for state in states:
        for track, place in state.places.items():
            if track not in found or _is_beyond(track, place, found[track][1]):
                found[track] = (state.customer_id, place)
    return found


def _is_beyond(track: str, place: Place, other: Place) -> bool:
    if track == "lifecycle":
        return LIFECYCLE.index(place.stage) > LIFECYCLE.index(other.stage)
    return place.entered_at > other.entered_at

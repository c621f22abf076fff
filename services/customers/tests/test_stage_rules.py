"""Stages, the rules: what moves customers on the two tracks, whatever comes first."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from customers.stages.errors import PeriodInvalid, StageRulesInvalid
from customers.stages.rules import (
    DEFAULT_RULES,
    JOURNEY,
    LIFECYCLE,
    MANUAL,
    TRACKS,
    Fact,
    Place,
    Rule,
    State,
    advanced,
    check_period,
    check_rules,
    furthest,
    matches,
    moved,
)

AT = datetime(2026, 2, 1, 9, tzinfo=UTC)
NEW = State("cus_1", 0, {})


def fact(when: str, hours: float = 0, **details) -> Fact:
    return Fact("cus_1", when, AT + timedelta(hours=hours), details)


def walk(*facts: Fact, state: State = NEW, rules=DEFAULT_RULES) -> list[tuple[str, str]]:
    return [(move.stage, move.reason) for move in advanced(state, facts, rules)[1]]


FACTS = st.builds(
    fact,
    st.sampled_from(["customer_registered", "interaction_recorded", "order_placed", "order_returned", "response_recorded"]),
    st.integers(0, 100),
    kind=st.sampled_from(["page_view", "chat", "cart", "support"]),
    direction=st.sampled_from(["inbound", "outbound", None]),
    journey_stage=st.sampled_from([*JOURNEY, None]),
    question=st.just("nps"),
    score=st.integers(0, 10),
    purchase_days=st.integers(1, 2),
    new_category=st.booleans(),
    growth_percent=st.integers(-50, 100) | st.none(),
)


@given(st.lists(FACTS, max_size=12), st.integers(0, 12))
def test_a_history_has_no_gaps(facts, cut):
    state, moves = advanced(NEW, facts[:cut], DEFAULT_RULES)
    state, more = advanced(state, facts[cut:], DEFAULT_RULES)
    moves += more
    assert [move.number for move in moves] == list(range(1, len(moves) + 1))
    assert state.version == len(moves)
    for track in TRACKS:
        steps = [move for move in moves if move.track == track]
        assert [step.previous for step in steps] == [None, *(step.stage for step in steps)][: len(steps)]
        assert all(step.stage != step.previous for step in steps)
        # The first of all may have been entered earlier than it was told.
        times = [step.entered_at for step in steps if step.number > 1]
        assert times == sorted(times)
        if steps:
            assert state.places[track] == Place(steps[-1].stage, steps[-1].entered_at, steps[-1].reason)
    ranks = [LIFECYCLE.index(move.stage) for move in moves if move.track == "lifecycle"]
    # By the default rules nobody falls back on the lifecycle.
    assert ranks == sorted(set(ranks))


@example(
    [
        fact("order_placed", 1),
        fact("interaction_recorded", 1, kind="support", direction="outbound", journey_stage="attention"),
        fact("order_placed", 0),
    ]
)
@given(st.lists(FACTS, max_size=8))
def test_facts_heard_twice_change_nothing(facts):
    once, _ = advanced(NEW, facts, DEFAULT_RULES)
    assert advanced(once, facts, DEFAULT_RULES) == (once, [])


def test_the_default_rules():
    assert walk(fact("customer_registered")) == [("identified", "registered")]
    assert walk(fact("interaction_recorded", direction="outbound", kind="email")) == []
    assert walk(fact("interaction_recorded", direction="inbound", kind="chat")) == [
        ("attracted", "first_touch"),
        ("consideration", "asking"),
    ]
    assert walk(fact("order_placed", purchase_days=1)) == [("converted", "first_order"), ("purchase", "bought")]
    assert walk(fact("order_placed", purchase_days=2)) == [("retained", "second_purchase_day"), ("purchase", "bought")]
    assert walk(fact("order_placed", purchase_days=2, new_category=True))[0] == ("grown", "new_category")
    assert walk(fact("order_placed", purchase_days=2, growth_percent=50))[0] == ("grown", "growing_value")
    assert walk(fact("order_placed", purchase_days=2, growth_percent=49))[0] == ("retained", "second_purchase_day")
    assert walk(fact("order_returned")) == [("service", "returned")]
    assert walk(fact("response_recorded", question="nps", score=9)) == [("advocacy", "promoter")]
    assert walk(fact("response_recorded", question="nps", score=8)) == []
    assert walk(fact("response_recorded", question="csat", score=9)) == []
    assert walk(fact("referral_completed")) == [("advocacy", "rewarded_advocate")]


def test_the_journey_goes_where_the_customer_was_last():
    told = fact("interaction_recorded", 1, kind="cart", direction="inbound", journey_stage="service")
    assert walk(told)[1] == ("service", "told")
    assert walk(fact("order_placed", 2), fact("interaction_recorded", 3, kind="page_view"), fact("order_returned", 1)) == [
        ("service", "returned"),
        ("converted", "first_order"),
        ("purchase", "bought"),
        ("attention", "page_viewed"),
    ]
    state, _ = advanced(NEW, [fact("order_placed", 5)], DEFAULT_RULES)
    # What comes late was not last.
    assert walk(fact("interaction_recorded", 4, kind="page_view"), state=state) == []
    assert walk(fact("interaction_recorded", 5, kind="review"), state=state) == [("advocacy", "recommending")]


def test_orders_of_years_ago_make_the_customer_known_since_then():
    registered, _ = advanced(NEW, [fact("customer_registered", 100)], DEFAULT_RULES)
    state, moves = advanced(registered, [fact("order_placed", -1000, purchase_days=1)], DEFAULT_RULES)
    assert [(move.stage, move.previous) for move in moves] == [("converted", "identified"), ("purchase", None)]
    assert state.places["lifecycle"].entered_at == AT - timedelta(hours=1000)
    together, moves = advanced(NEW, [fact("order_placed", -1000, purchase_days=1), fact("customer_registered", 100)], DEFAULT_RULES)
    assert together.places == state.places
    assert moves[0].entered_at == moves[1].entered_at


def test_what_a_person_decided_stands_until_something_newer_happens():
    converted, _ = advanced(NEW, [fact("order_placed", 1)], DEFAULT_RULES)
    back, move = moved(converted, "lifecycle", "attracted", AT + timedelta(hours=10), MANUAL, actor="staff:1")
    assert (move.previous, move.stage) == ("converted", "attracted")
    assert walk(fact("order_placed", 9, purchase_days=2), state=back) == []
    assert walk(fact("order_placed", 11, purchase_days=2), state=back)[0] == ("retained", "second_purchase_day")


def test_of_many_records_the_furthest_counts():
    early = State("cus_1", 1, {"lifecycle": Place("grown", AT, "x"), "journey": Place("service", AT, "x")})
    late = State("cus_2", 1, {"lifecycle": Place("identified", AT, "x"), "journey": Place("attention", AT + timedelta(1), "x")})
    for states in ([early, late], [late, early]):
        found = furthest(states)
        assert found["lifecycle"] == ("cus_1", early.places["lifecycle"])
        assert found["journey"] == ("cus_2", late.places["journey"])
    assert furthest([]) == {}


@pytest.mark.parametrize(
    ("rules", "pointer"),
    [
        ([Rule("a", "lifecycle", "order_placed", "grown"), Rule("a", "journey", "order_placed", "purchase")], "/rules/1/name"),
        ([Rule("manual", "lifecycle", "order_placed", "grown")], "/rules/0/name"),
        ([Rule("a", "lifecycle", "order_placed", "purchase")], "/rules/0/stage"),
        ([Rule("a", "journey", "order_placed", None)], "/rules/0/stage"),
    ],
)
def test_rules_that_do_not_fit_are_refused(rules, pointer):
    with pytest.raises(StageRulesInvalid) as refused:
        check_rules(rules)
    assert refused.value.pointer == pointer


def test_the_default_rules_fit_and_periods_end():
    check_rules(DEFAULT_RULES)
    check_period(AT, AT + timedelta(days=366))
    for end in (AT, AT + timedelta(days=367)):
        with pytest.raises(PeriodInvalid):
            check_period(AT, end)
    assert not matches(Rule("a", "lifecycle", "order_placed", "grown", {"new_category": False}), fact("order_placed", new_category=True))

"""Where a referral stands, whatever is told of it in whatever order."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.referrals.rules import Bought, Known, judge, offending_field, period, share
from loyalty.referrals.schemas import SchemeTerms
from loyalty.relations.rules import Relation

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def terms_of(**more: Any) -> dict[str, Any]:
    return SchemeTerms.model_validate({"referrer_points": 500, "referred_points": 100} | more).model_dump(mode="json")


def known_of(**more: Any) -> Known:
    values: dict[str, Any] = {
        "state": "pending",
        "used_at": NOW,
        "lapses_at": NOW + 30 * DAY,
        "order_id": None,
        "enrolled_at": NOW,
        "is_closed": False,
        "is_same_person": False,
        "suspicions": [],
        "cleared": [],
        "relation": Relation(),
        "orders": [],
        "traits": {},
        "now": NOW + DAY,
    }
    return Known(**(values | more))


def bought(
    order: str = "ord_1", days: float = 1, amount: int = 5_000, returned: int = 0, *, cancelled: bool = False, **facts: Any
) -> Bought:
    return Bought(order, NOW + days * DAY, amount, returned, cancelled, facts)


# Rules


@pytest.mark.parametrize(
    ("terms", "known", "state", "reason", "order"),
    [
        ({}, {}, "pending", None, None),
        ({}, {"now": NOW + 30 * DAY}, "lapsed", None, None),
        ({}, {"orders": [bought()]}, "qualified", None, "ord_1"),
        ({}, {"orders": [bought()], "enrolled_at": None}, "pending", None, None),
        ({}, {"orders": [bought()], "state": "lapsed", "now": NOW + 99 * DAY}, "qualified", None, "ord_1"),
        ({}, {"orders": [bought(days=31)]}, "pending", None, None),
        ({}, {"orders": [bought(days=-1)]}, "refused", "referral_not_new", None),
        ({}, {"enrolled_at": NOW - 8 * DAY}, "refused", "referral_not_new", None),
        ({}, {"enrolled_at": NOW - 7 * DAY, "orders": [bought()]}, "qualified", None, "ord_1"),
        ({}, {"orders": [bought(cancelled=True)]}, "pending", None, None),
        ({"min_order_minor": 5_000}, {"orders": [bought(), bought("ord_2", 0.5, 4_999)]}, "qualified", None, "ord_1"),
        ({"min_order_minor": 5_000}, {"orders": [bought(returned=1)], "state": "qualified", "order_id": "ord_1"}, "pending", None, None),
        ({"order_condition": "event.channel == 'app'"}, {"orders": [bought(channel="web")]}, "pending", None, None),
        ({"order_condition": "event.channel == 'app'"}, {"orders": [bought(channel="app")]}, "qualified", None, "ord_1"),
        ({"condition": "registered"}, {}, "qualified", None, None),
        ({}, {"orders": [bought()], "suspicions": ["referral_velocity"]}, "waiting", None, "ord_1"),
        ({}, {"orders": [bought()], "suspicions": ["referral_velocity"], "cleared": ["referral_velocity"]}, "qualified", None, "ord_1"),
        ({}, {"orders": [bought()], "suspicions": ["a", "b"], "cleared": ["a"]}, "waiting", None, "ord_1"),
        ({}, {"orders": [bought()], "relation": Relation(60)}, "waiting", None, "ord_1"),
        ({}, {"orders": [bought()], "relation": Relation(59)}, "qualified", None, "ord_1"),
        ({}, {"orders": [bought()], "relation": Relation(shared=["card"])}, "waiting", None, "ord_1"),
        ({}, {"orders": [bought()], "relation": Relation(shared=["card"]), "cleared": ["shared_card"]}, "qualified", None, "ord_1"),
        # What was noted of how they relate holds no more.
        ({}, {"orders": [bought()], "suspicions": ["suspected_duplicate"]}, "qualified", None, "ord_1"),
        ({"on_shared_identity": "refuse"}, {"relation": Relation(60)}, "refused", "referral_shared_identity", None),
        ({"on_shared_identity": "ignore"}, {"orders": [bought()], "relation": Relation(99, ["card"])}, "qualified", None, "ord_1"),
        ({}, {"is_closed": True}, "refused", "membership_ended", None),
        ({}, {"is_same_person": True}, "refused", "referral_self", None),
        ({}, {"state": "completed", "order_id": "ord_1", "orders": [bought(returned=5_000)]}, "reversing", "order_returned", None),
        ({}, {"state": "completed", "order_id": "ord_1", "is_same_person": True}, "reversing", "referral_self", None),
    ],
)
def test_where_a_referral_stands(terms, known, state, reason, order):
    verdict = judge(terms_of(**terms), known_of(**known))
    assert verdict is not None
    assert (verdict.state, verdict.reason, verdict.order_id) == (state, reason, order)


@pytest.mark.parametrize(
    ("terms", "known"),
    [
        ({}, {"state": "refused"}),
        ({}, {"state": "reversed", "orders": [bought()]}),
        ({}, {"state": "completed", "order_id": "ord_1", "orders": [bought(returned=100)]}),
        ({"on_return": "keep"}, {"state": "completed", "order_id": "ord_1", "orders": [bought(cancelled=True)]}),
    ],
)
def test_what_nothing_changes_any_more(terms, known):
    assert judge(terms_of(**terms), known_of(**known)) is None


orders = st.lists(
    st.builds(
        bought, st.sampled_from(["ord_1", "ord_2", "ord_3"]), st.integers(0, 40), st.integers(0, 9_000), st.integers(0, 9_000),
        cancelled=st.booleans(),
    ),
    unique_by=lambda order: order.order_id,
)  # fmt: skip


@given(orders, st.integers(0, 5_000), st.randoms())
def test_the_order_in_which_orders_are_told_makes_no_difference(told, least, random: Random):
    shuffled = random.sample(told, len(told))
    terms = terms_of(min_order_minor=least)
    verdict = judge(terms, known_of(orders=told))
    assert verdict == judge(terms, known_of(orders=shuffled))
    # Once more from where it led to, nothing moves.
    assert verdict is not None
    assert judge(terms, known_of(orders=told, state=verdict.state, order_id=verdict.order_id)) == (
        None if verdict.state == "refused" else verdict
    )


def test_periods_and_texts():
    riga = ZoneInfo("Europe/Riga")
    start, end = period("month", datetime(2026, 3, 31, 22, tzinfo=UTC), riga)
    assert (start.isoformat(), end.isoformat()) == ("2026-04-01T00:00:00+03:00", "2026-05-01T00:00:00+03:00")
    assert period("year", NOW, riga)[1].year == 2027
    assert period("ever", NOW, riga)[0] < NOW < period("day", NOW, riga)[1]
    texts, link = share({"en": "Join: {url} ({code})"}, "https://x.lv/?c={code}", "ABC")
    assert (texts, link) == ({"en": "Join: https://x.lv/?c=ABC (ABC)"}, "https://x.lv/?c=ABC")
    assert offending_field(terms_of(condition="registered", min_order_minor=1)) == "min_order_minor"
    assert offending_field(terms_of(share_url="https://x.lv/")) == "share_url"


# Over HTTP and events

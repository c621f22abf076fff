"""How a batch is heard: as if each of it were heard alone, in the same order, and from wherever a family stands."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_challenges import put
from test_earning import publish

from loyalty.app import SERVICE
from loyalty.rules.conditions import Scene, compiled
from loyalty.rules.rules import Occasion
from loyalty.verification.rules import is_sound
from shared.contracts.customers import CustomerMerged, CustomerUnmerged, Line, OrderPlaced
from shared.testing.bus import deliver

BASE = {"trigger": "order_placed", "effect": {"kind": "per_amount", "points": 1, "per": 100}}
TEA = {
    "trigger": "order_placed",
    "effect": {"kind": "multiplier", "factor": "2"},
    "condition": "event.lines.exists(l, l.category == 'tea')",
}
CAPPED = BASE | {"per_customer": {"points": 30, "period": "month"}, "budget": 90}
WELCOME = {"trigger": "order_placed", "effect": {"kind": "fixed", "points": 7}, "condition": "event.first_purchase"}
DONE = {"trigger": "challenge_completed", "effect": {"kind": "fixed", "points": 3}}
GOALS = (
    {"goal": {"kind": "spend", "target": 1_500}, "reward": {"points": 5}},
    {"goal": {"kind": "count", "target": 2, "within_days": 3, "categories": ["tea"]}, "reward": {"points": 11}, "max_times": 2},
    {"goal": {"kind": "streak", "target": 2, "unit": "day", "grace": 1}, "reward": {"points": 2}},
    {"goal": {"kind": "quantity", "target": 3}, "condition": "event.first_purchase == false", "reward": {"points": 1}},
)
FIRST = datetime(2026, 2, 1, 22, tzinfo=UTC)
orders = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 900), st.sampled_from(["cus_1", "cus_2"]), st.booleans()), min_size=1, max_size=9
)
_AMPLE = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
_COMPLETIONS = """
SELECT challenge_id, customer_id, number, completed_at, sequence, points, revoked_at IS NULL AS stands FROM challenge_completions
ORDER BY 1, 2, 3
"""
_AWARDS = """
SELECT source_id, rule_id, rule_version, wallet, earned, allowed, kept, entry_id IS NULL AS is_without FROM awards
WHERE trigger = 'order_placed' ORDER BY 1, 2
"""
_OCCASIONS = "SELECT source_id, programme_id, facts, traits, rules FROM occasions WHERE trigger = 'order_placed' ORDER BY 1, 2"
_BALANCES = "SELECT customer_id, wallet, balance, lifetime FROM accounts WHERE kind = 'member' ORDER BY 1, 2"
_FACTS = "SELECT challenge_id, source_id, customer_id, occurred_at, amount FROM challenge_facts ORDER BY 1, 2"


def placed(number: int, told: tuple[int, int, str, bool]) -> OrderPlaced:
    hours, amount, customer, is_tea = told
    line = Line(sku="T" if is_tea else "C", quantity=1, amount_minor=amount, category="tea" if is_tea else "cup")
    # Of two at one instant, one after the other both would be a first purchase.
    at = FIRST + timedelta(hours=hours * 3, minutes=number)
    return OrderPlaced(order_id=f"ord_{number}", customer_id=customer, placed_at=at, currency="EUR", amount_minor=amount, lines=[line])


async def set_up(ledger) -> None:
    await publish(ledger, CAPPED, TEA, WELCOME, DONE)
    for number, terms in enumerate(GOALS):
        await put(ledger, f"chl_{number}", **terms)


async def ends(ledger, *statements: str) -> list:
    """What has become of everything, without what draws a new id each time."""
    assert is_sound(await ledger.proof())
    return [[tuple(row) for row in await ledger.fetch(statement)] for statement in (*statements, _BALANCES)]


# Whatever a condition may ask for, also what is not there, and parts of what happened as a whole.
_ASKED = (
    *("event.channel == 'app'", "event.amount_minor >= 500", "event.lines.exists(l, l.category == 'tea')", "event.nothing == 1"),
    *("event.exists(name, name == 'shop')", "event['channel'] == 'app'", "has(event.shop)", "customer.country == 'LV'", "tier == 'gold'"),
    *("'vip' in segments", "'vip' in customer.segments", "size(customer) > 2", "event == customer", "customer.stages.care == 'new'"),
    *(
        "event.lines.exists(event, event.sku == 'T')",
        "event . channel == 'web'",
        "'event' == \"event\"",
        "event.occurred_at > customer.since",
    ),
    *("event.lines.map(l, l.sku)[0] == 'T'", "event.trigger == 'order_placed' ? tier == 'gold' : false", "event.lines[0].channel == 'app'"),
)


@settings(max_examples=300, deadline=None)
@given(
    parts=st.lists(st.sampled_from(_ASKED), min_size=1, max_size=4),
    joint=st.sampled_from([" && ", " || "]),
    event=st.dictionaries(st.sampled_from(["channel", "shop", "amount_minor", "lines"]), st.sampled_from(["app", 700, [{"sku": "T"}]])),
    traits=st.dictionaries(
        st.sampled_from(["country", "segments", "stages", "tier"]), st.sampled_from(["LV", ["vip"], {"care": "new"}, "gold"])
    ),
)
def test_what_no_condition_asks_for_is_missed_by_none(parts, joint, event, traits):
    occasion = Occasion("order_placed", "ord_1", "cus_1", FIRST, event, traits)
    conditions = [*parts, joint.join(parts)]
    scene = Scene(occasion.variables, conditions)
    assert [scene.holds(one) for one in conditions] == [_holds(one, occasion.variables()) for one in conditions]


def _holds(condition: str, variables: dict) -> bool:
    try:
        return compiled(condition).execute(variables) is True
    except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError):
        return False


@_AMPLE
@given(some=orders, seed=st.integers(0, 2**32))
async def test_a_family_that_is_counted_on_ends_where_counting_anew_ends(empty_ledger, some, seed):
    told = [placed(number, one) for number, one in enumerate(some)]
    ways = []
    for is_anew in (False, True):
        random = Random(seed)
        events = random.sample(told, len(told))
        async with empty_ledger() as ledger:
            await set_up(ledger)
            while events:
                size = random.randint(1, 4)
                batch, events = events[:size], events[size:]
                if is_anew:
                    await ledger.fetch("UPDATE challenge_locks SET tally = NULL")
                await ledger.hear(*batch)
            ways.append(await ends(ledger, _COMPLETIONS, _FACTS, _AWARDS))
    assert ways[0] == ways[1]


@_AMPLE
@given(some=orders)
async def test_a_batch_ends_as_one_after_the_other_in_its_order(empty_ledger, some):
    told = [placed(number, one) for number, one in enumerate(sorted(some, key=lambda one: one[0]))]
    ways = []
    for size in (1, len(told)):
        async with empty_ledger() as ledger:
            await set_up(ledger)
            for start in range(0, len(told), size):
                await ledger.hear(*told[start : start + size])
            await ledger.hear(*told)
            ways.append(await ends(ledger, _COMPLETIONS, _FACTS, _AWARDS, _OCCASIONS))
    assert ways[0] == ways[1]


_MERGES = st.lists(st.sampled_from([("cus_1", "cus_2"), ("cus_2", "cus_3"), ("cus_1", "cus_3")]), min_size=1, max_size=4)


@_AMPLE
@given(some=orders, merges=_MERGES, seed=st.integers(0, 2**32))
async def test_families_that_grow_and_part_are_counted_as_if_anew(empty_ledger, some, merges, seed):
    told = [placed(number, one) for number, one in enumerate(some)]
    ways = []
    for is_anew in (False, True):
        random = Random(seed)
        links: list[CustomerMerged] = []
        told_of: Counter[str] = Counter()
        events: list = [*told, *merges]
        random.shuffle(events)
        async with empty_ledger() as ledger:
            await set_up(ledger)
            for place, event in enumerate(events):
                if is_anew:
                    await ledger.fetch("UPDATE challenge_locks SET tally = NULL")
                if isinstance(event, OrderPlaced):
                    await ledger.hear(event)
                    continue
                told_of[event[1]] += 1
                if all(link.merged_id != event[1] for link in links):
                    merge = CustomerMerged(merge_id=f"mrg_{place}", survivor_id=event[0], merged_id=event[1], merged_at=FIRST)
                    links.append(merge)
                    await deliver(ledger.database, SERVICE, [(merge, told_of[event[1]])])
                else:
                    merge = next(link for link in links if link.merged_id == event[1])
                    links.remove(merge)
                    undone = CustomerUnmerged(
                        merge_id=merge.merge_id, survivor_id=merge.survivor_id, merged_id=merge.merged_id, unmerged_at=FIRST
                    )
                    await deliver(ledger.database, SERVICE, [(undone, told_of[event[1]])])
            linked = {
                row["customer_id"] for row in await ledger.fetch("SELECT customer_id FROM customer_links WHERE root_id <> customer_id")
            }
            assert linked == {link.merged_id for link in links}
            ways.append(await ends(ledger, _COMPLETIONS, _FACTS, _AWARDS))
    assert ways[0] == ways[1]

"""Challenges, streaks and badges over HTTP and by events: met once, in any order, less what came back."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import permutations
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty.app import SERVICE
from loyalty.privacy import service as privacy
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.verification.rules import is_sound
from shared.contracts.customers import CustomerMerged, CustomerUnmerged, InteractionRecorded, Line, OrderCancelled
from shared.testing.bus import deliver

NAME = {"en": "Big spender", "ru": "Щедрый", "zh": "大手笔", "lv": "Dāsnais"}
SINCE = "2026-01-01T00:00:00Z"


async def make(client, **wanted):
    answer = await client.post("/v1/challenges", json={"name": NAME, "starts_at": SINCE} | wanted)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def put(ledger, challenge_id="chl_1", **terms):
    """Make a challenge as the interface does."""
    reward = {"points": 0, "wallet": "points", "expires_days": None, "badge": None, "voucher_batch_id": None}
    stored = {"condition": None, "max_times": None} | terms
    stored["reward"] = reward | terms.get("reward", {})
    await ledger.fetch(
        """INSERT INTO challenges (id, programme_id, name, terms, starts_at)
        VALUES ($1, $2, '{"en": "A challenge"}', $3, '2026-01-01')""",
        challenge_id,
        PROGRAMME_ID,
        stored,
    )


def cancelled(order):
    return OrderCancelled(
        order_id=order.order_id,
        customer_id=order.customer_id,
        placed_at=order.placed_at,
        cancelled_at=order.placed_at + timedelta(days=8),
        reason="cancelled",
        currency="EUR",
        order_amount_minor=order.amount_minor,
        returned_total_minor=0,
    )


def visit(number, day, customer="cus_1", kind="visit"):
    at = datetime(2026, 2, 1, 12, tzinfo=UTC) + timedelta(days=day)
    return InteractionRecorded(interaction_id=f"itr_{number}", customer_id=customer, kind=kind, occurred_at=at)


async def told(ledger, *kinds):
    rows = await ledger.told()
    return [(kind, sequence) for _, kind, sequence in rows if kind.startswith(kinds or ("challenge", "badge"))]


async def live(ledger):
    rows = await ledger.fetch("SELECT number, completed_at FROM challenge_completions WHERE revoked_at IS NULL ORDER BY 1")
    return [tuple(row) for row in rows]


async def test_a_challenge_gives_points_and_a_badge_once_and_is_shown(client, ledger, story, token_of):
    await client.post("/v1/badges", json={"code": "spender", "name": NAME, "image_url": "https://cdn.example.com/s.png"})
    made = await make(client, goal={"kind": "spend", "target": 5_000}, reward={"points": 300, "badge": "spender"})
    first, second = story.placed("ord_1", 3_000, on=1), story.placed("ord_2", 2_500, on=2)
    await ledger.hear(story.registered(), first)
    headers = {"authorization": f"Bearer {token_of('cus_1')}"}
    [shown] = (await client.get("/v1/members/cus_1/challenges", params={"language": "lv"}, headers=headers)).json()["data"]
    assert (shown["title"], shown["value"], shown["target"], shown["completed"]) == ("Dāsnais", 3_000, 5_000, 0)
    await ledger.hear(second)
    await ledger.hear(second, first)
    [shown] = (await client.get("/v1/members/cus_1/challenges")).json()["data"]
    assert (shown["challenge_id"], shown["value"], shown["completed"]) == (made["id"], 5_000, 1)
    assert shown["completed_at"] == "2026-01-03T09:30:00Z"
    assert await ledger.member("cus_1") == (355, 355)
    [badge] = (await client.get("/v1/members/cus_1/badges", params={"language": "ru"}, headers=headers)).json()["data"]
    assert (badge["badge"], badge["title"], badge["source"], badge["awarded_at"]) == (
        "spender",
        "Щедрый",
        "challenge",
        "2026-01-03T09:30:00Z",
    )
    assert await told(ledger) == [("badge_awarded", 1), ("challenge_completed", 1)]
    assert is_sound(await ledger.proof())


async def test_rules_give_for_challenges_that_are_met(client, ledger, story):
    terms = {"trigger": "challenge_completed", "effect": {"kind": "fixed", "points": 50}, "condition": "event.number == 2"}
    rule = (await client.post("/v1/rules", json={"name": "Twice", **terms})).json()
    await client.post(f"/v1/rules/{rule['id']}/publish", json={"effective_from": SINCE})
    await put(ledger, goal={"kind": "count", "target": 1, "trigger": "interaction_recorded"}, condition="event.kind == 'visit'")
    await ledger.hear(visit(1, 1), visit(2, 2, kind="call"), visit(3, 3))
    assert [number for number, _ in await live(ledger)] == [1, 2]
    assert await ledger.member("cus_1") == (50, 50)


async def test_in_any_order_of_orders_returns_and_cancellations_the_end_is_the_same(empty_ledger, story):
    first, second, third = (story.placed(f"ord_{n}", 2_000, on=n) for n in (1, 2, 3))
    events = [first, second, third, story.returned(second, "ret_1", 1_500, on=5), cancelled(third)]
    ends = set()
    for order in permutations(events):
        async with empty_ledger() as ledger:
            await put(ledger, goal={"kind": "spend", "target": 2_000}, reward={"points": 100})
            await ledger.hear(*order)
            assert is_sound(await ledger.proof())
            numbers = await ledger.fetch("SELECT sequence FROM challenge_completions")
            sequences = [sequence for _, sequence in await told(ledger, "challenge")]
            assert sorted(sequences) == sorted(n for row in numbers for n in range(1, row["sequence"] + 1))
            ends.add((tuple(await live(ledger)), await ledger.member("cus_1")))
    # 20.00 and 5.00 are left: met once, and 25 points for the orders.
    assert ends == {(((1, datetime(2026, 1, 2, 9, 30, tzinfo=UTC)),), (125, 125))}


async def test_what_a_return_took_is_had_again_when_it_is_earned_again(ledger, story):
    await put(ledger, goal={"kind": "count", "target": 2}, reward={"points": 100}, max_times=1)
    first, second = story.placed("ord_1", 100, on=1), story.placed("ord_2", 100, on=2)
    await ledger.hear(first, second)
    assert await ledger.member("cus_1") == (102, 102)
    await ledger.hear(story.returned(second, "ret_1", 100))
    assert (await live(ledger), await ledger.member("cus_1")) == ([], (1, 1))
    await ledger.hear(story.placed("ord_3", 100, on=3))
    assert (len(await live(ledger)), await ledger.member("cus_1")) == (1, (102, 102))
    assert await told(ledger) == [("challenge_completed", 1), ("challenge_taken", 2), ("challenge_completed", 3)]
    assert is_sound(await ledger.proof())


async def test_pieces_of_a_category_count_by_what_is_left(ledger, story):
    await put(ledger, goal={"kind": "quantity", "target": 3, "categories": ["tea"]})
    lines = [Line(sku="T", quantity=3, amount_minor=900, category="tea"), Line(sku="C", quantity=9, amount_minor=100, category="cup")]
    order = story.placed("ord_1", 1_000).model_copy(update={"lines": lines})
    back = story.returned(order, "ret_1", 300).model_copy(update={"lines": [Line(sku="T", quantity=1, amount_minor=300)]})
    await ledger.hear(order)
    assert len(await live(ledger)) == 1
    await ledger.hear(back)
    assert await live(ledger) == []
    [row] = await ledger.fetch("SELECT amount FROM challenge_facts")
    assert row["amount"] == 2


async def test_streaks_are_shown_with_the_moment_at_which_they_break(client, clock, ledger, story):
    await put(ledger, goal={"kind": "streak", "target": 3, "unit": "day", "grace": 0, "trigger": "interaction_recorded"})
    await ledger.hear(story.registered(), *(visit(n, day) for n, day in enumerate([0, 1, 2, 4, 27, 28])))
    [shown] = (await client.get("/v1/members/cus_1/streaks")).json()["data"]
    # Noon of 2 March: the last visit was on the first.
    assert (shown["current"], shown["longest"], shown["breaks_at"]) == (2, 3, "2026-03-03T00:00:00Z")
    assert [number for number, _ in await live(ledger)] == [1]
    clock.advance(timedelta(days=1))
    [shown] = (await client.get("/v1/members/cus_1/streaks")).json()["data"]
    assert (shown["current"], shown["longest"], shown["breaks_at"]) == (0, 3, None)


async def test_a_voucher_of_a_batch_is_only_his(client, ledger, story):
    batch = (await client.post("/v1/voucher-batches", json={"campaign": "tea", "count": 3, "limit_per_code": 1})).json()
    await put(ledger, goal={"kind": "count", "target": 1}, reward={"voucher_batch_id": batch["id"]})
    await ledger.hear(*(story.placed(f"ord_{n}", 100, f"cus_{n}") for n in range(4)))
    rows = await ledger.fetch("SELECT customer_id FROM vouchers ORDER BY customer_id NULLS LAST")
    assert len({row["customer_id"] for row in rows}) == 3
    # The fourth found none left; he met it all the same.
    assert len(await live(ledger)) == 4


async def test_merged_customers_count_together_and_keep_what_each_has_met(client, ledger, story):
    await put(ledger, goal={"kind": "count", "target": 2}, reward={"points": 10})
    await ledger.hear(story.placed("ord_1", 100, "cus_1", on=1), *(story.placed(f"ord_{n}", 100, "cus_2", on=n) for n in (2, 3, 4)))
    merge = CustomerMerged(merge_id="mrg_1", survivor_id="cus_1", merged_id="cus_2", merged_at=datetime.now(UTC))
    assert [number for number, _ in await live(ledger)] == [1]
    await deliver(ledger.database, SERVICE, [(merge, 1)])
    assert len(await live(ledger)) == 2
    for customer in ("cus_1", "cus_2"):
        [shown] = (await client.get(f"/v1/members/{customer}/challenges")).json()["data"]
        assert (shown["value"], shown["completed"]) == (0, 2)
    undone = CustomerUnmerged(merge_id="mrg_1", survivor_id="cus_1", merged_id="cus_2", unmerged_at=datetime.now(UTC))
    await deliver(ledger.database, SERVICE, [(undone, 2)])
    assert len(await live(ledger)) == 2


async def test_fifty_events_at_once_meet_a_challenge_exactly_once(committed_ledger, story):
    await put(committed_ledger, goal={"kind": "count", "target": 50}, reward={"points": 1_000}, max_times=1)
    await committed_ledger.hear(story.registered())
    orders = [story.placed(f"ord_{n}", 1, on=n % 20) for n in range(50)]
    gate = asyncio.Semaphore(8)

    async def hear(order):
        async with gate:
            await committed_ledger.hear(order)

    await asyncio.gather(*(hear(order) for order in [*orders, *orders]))
    assert len(await live(committed_ledger)) == 1
    assert await committed_ledger.member("cus_1") == (1_000, 1_000)
    assert await told(committed_ledger) == [("challenge_completed", 1)]


async def test_fifty_completions_at_once_give_fifty_rewards(committed_ledger, story):
    await put(committed_ledger, goal={"kind": "count", "target": 1, "trigger": "interaction_recorded"}, reward={"points": 3})
    await committed_ledger.hear(story.registered())
    gate = asyncio.Semaphore(8)

    async def hear(number):
        async with gate:
            await committed_ledger.hear(visit(number, number % 10))

    await asyncio.gather(*(hear(number) for number in range(50)))
    assert [number for number, _ in await live(committed_ledger)] == list(range(1, 51))
    assert await committed_ledger.member("cus_1") == (150, 150)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    sums=st.lists(st.tuples(st.integers(1, 900), st.integers(0, 900)), min_size=1, max_size=6),
    target=st.integers(100, 1_500),
    seed=st.integers(0, 2**32),
)
async def test_any_history_told_in_any_way_ends_as_counting_what_was_kept(empty_ledger, story, sums, target, seed):
    chance, events = Random(seed), []
    for number, (amount, back) in enumerate(sums):
        order = story.placed(f"ord_{number}", amount, on=number)
        events.append(order)
        if back:
            events.append(story.returned(order, f"ret_{number}", min(back, amount), on=number + 1))
    kept = sum(amount - min(back, amount) for amount, back in sums)
    async with empty_ledger() as ledger:
        await put(ledger, goal={"kind": "spend", "target": target}, reward={"points": 1_000})
        for event in chance.sample(events + events, 2 * len(events)):
            await ledger.hear(event)
        assert len(await live(ledger)) == kept // target
        points = sum((amount - min(back, amount)) // 100 for amount, back in sums)
        assert await ledger.member("cus_1") == (1_000 * (kept // target) + points,) * 2
        assert is_sound(await ledger.proof())


async def test_badges_are_given_by_tiers_and_by_hand_and_taken(client, ledger, story):
    await client.post("/v1/tiers", json={"code": "gold", "name": NAME, "rank": 1, "threshold": 1_000, "effective_from": SINCE})
    badge = await client.post("/v1/badges", json={"code": "golden", "name": NAME, "tier": "gold"})
    assert (badge.status_code, badge.headers["location"]) == (201, "/v1/badges/golden")
    await client.post("/v1/badges", json={"code": "friend", "name": NAME})
    assert (await client.post("/v1/badges", json={"code": "friend", "name": NAME})).json()["code"] == "badge_exists"
    await ledger.hear(story.placed("ord_1", 1_000, on=1))
    for _ in range(2):
        given_badge = await client.post("/v1/members/cus_1/badges", json={"badge": "friend", "reason": "Kind"})
        assert given_badge.status_code == 204
    own = (await client.get("/v1/members/cus_1/badges")).json()["data"]
    assert [(one["badge"], one["source"]) for one in own] == [("friend", "hand"), ("golden", "tier")]
    assert (await client.delete("/v1/members/cus_1/badges/friend")).status_code == 204
    assert (await client.delete("/v1/members/cus_1/badges/friend")).json()["code"] == "badge_not_awarded"
    changed = await client.patch("/v1/badges/golden", json={"tier": None}, headers={"if-match": badge.headers["etag"]})
    assert (changed.status_code, changed.json()["tier"]) == (200, None)
    assert await told(ledger, "badge") == [("badge_awarded", 1), ("badge_awarded", 1), ("badge_taken_back", 2)]


async def test_what_is_kept_of_a_customer_is_shown_and_deleted(client, ledger, story):
    await client.post("/v1/badges", json={"code": "spender", "name": NAME})
    await put(ledger, goal={"kind": "count", "target": 1}, reward={"badge": "spender"})
    order = story.placed("ord_1", 100)
    await ledger.hear(order, story.returned(order, "ret_1", 40))
    async with ledger.database.acquire() as connection:
        kept = await privacy.collect(connection, ["cus_1"])
        assert [len(kept[name]) for name in ("challenge_orders", "challenge_facts", "challenge_completions", "badge_awards")] == [1] * 4
        erased = {**await privacy.challenges.erase(connection, ["cus_1"]), **await privacy.badges.erase(connection, ["cus_1"])}
    assert erased == {
        "challenge_orders": 1,
        "challenge_returns": 1,
        "challenge_facts": 1,
        "challenge_completions": 0,
        "badge_awards": 1,
    }


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"condition": "event."}, 422, "condition_invalid"),
        ({"reward": {"badge": "nothing"}}, 422, "challenge_invalid"),
        ({"reward": {"voucher_batch_id": "vbt_none"}}, 422, "challenge_invalid"),
        ({"reward": {"points": 1, "wallet": "nothing"}}, 404, "wallet_not_found"),
        ({"ends_at": "2025-01-01T00:00:00Z"}, 422, "challenge_invalid"),
        ({"goal": {"kind": "streak", "target": 1, "unit": "day"}}, 422, "validation_failed"),
        ({"goal": {"kind": "jump", "target": 1}}, 422, "validation_failed"),
    ],
)
async def test_a_challenge_that_cannot_be_is_refused(client, change, status, code):
    wanted = {"name": NAME, "starts_at": SINCE, "goal": {"kind": "count", "target": 2}} | change
    answer = await client.post("/v1/challenges", json=wanted)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_challenges_are_listed_and_changed_but_not_what_they_ask(client, ledger, story):
    made = await make(client, goal={"kind": "count", "target": 2})
    path = f"/v1/challenges/{made['id']}"
    read = await client.get(path)
    assert read.json() == made == (await client.get("/v1/challenges")).json()["data"][0]
    match = {"if-match": read.headers["etag"]}
    assert (await client.patch(path, json={"goal": {"kind": "count", "target": 1}}, headers=match)).status_code == 422
    ended = await client.patch(path, json={"ends_at": "2026-01-03T00:00:00Z"}, headers=match)
    assert (ended.status_code, ended.json()["ends_at"]) == (200, "2026-01-03T00:00:00Z")
    assert (await client.patch(path, json={"ends_at": None}, headers=match)).status_code == 412
    await ledger.hear(*(story.placed(f"ord_{n}", 100, on=n) for n in (1, 2, 3)))
    assert await live(ledger) == []
    assert (await client.get("/v1/challenges/chl_none")).status_code == 404


async def test_the_guides_example(ledger, story):
    await ledger.fetch("INSERT INTO badges (programme_id, code, name) SELECT id, 'tea_lover', $1 FROM programmes", NAME)
    goal = {"kind": "quantity", "target": 5, "categories": ["tea"], "within_days": 30}
    await put(ledger, goal=goal, reward={"points": 100, "badge": "tea_lover"})

    def teas(order, pieces, on):
        lines = [Line(sku="TEA-1", quantity=pieces, amount_minor=pieces, category="tea")]
        return story.placed(order, pieces, on=on).model_copy(update={"lines": lines})

    second = teas("ord_2", 3, on=68)
    back = story.returned(second, "ret_1", 2, on=70).model_copy(update={"lines": [Line(sku="TEA-1", quantity=2, amount_minor=2)]})
    await ledger.hear(teas("ord_1", 3, on=60), second)
    assert (len(await live(ledger)), await ledger.member("cus_1")) == (1, (100, 100))
    await ledger.hear(back)
    assert (len(await live(ledger)), (await ledger.member("cus_1"))[0]) == (0, 0)
    assert await ledger.fetch("SELECT FROM badge_awards WHERE revoked_at IS NULL") == []
    await ledger.hear(teas("ord_3", 1, on=78))
    assert ([number for number, _ in await live(ledger)], (await ledger.member("cus_1"))[0]) == ([1], 100)
    assert len(await ledger.fetch("SELECT FROM badge_awards WHERE revoked_at IS NULL")) == 1


async def test_conditions_see_the_tier_that_the_customer_had(client, ledger, story):
    await client.post("/v1/tiers", json={"code": "gold", "name": NAME, "rank": 1, "threshold": 1_000, "effective_from": SINCE})
    await put(ledger, goal={"kind": "count", "target": 1}, condition="tier == 'gold'")
    await ledger.hear(story.placed("ord_1", 1_000, on=1))
    assert await live(ledger) == []
    await ledger.hear(story.placed("ord_2", 100, on=2))
    assert [number for number, _ in await live(ledger)] == [1]

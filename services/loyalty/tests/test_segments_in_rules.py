"""Segments: who belonged to which when, in any order and however often it is told; and what conditions see of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rewards_help import give, made_reward, redeemed
from test_challenges import put
from test_earning import BASE, publish
from test_simulations import over_history
from test_vouchers import follow

from loyalty.app import SERVICE
from loyalty.earning import repository as earning
from loyalty.ledger.errors import UnusableEvent
from loyalty.privacy.service import collect
from loyalty.rules.conditions import holds, variables_of
from shared.contracts.customers import CustomerErased, CustomerMerged, CustomerUnmerged, SegmentMembershipChanged
from shared.testing.bus import deliver, message
from shared.testing.plans import plan_of

FIRST_DAY = datetime(2026, 1, 1, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
VIP = {"trigger": "order_placed", "effect": {"kind": "multiplier", "factor": "3"}, "condition": '"vip" in customer.segments'}
NOT_VIP = {"trigger": "order_placed", "effect": {"kind": "fixed", "points": 7}, "condition": '!("vip" in customer.segments)'}


def entered(on: float, customer: str = "cus_1", segment: str = "vip") -> SegmentMembershipChanged:
    at = FIRST_DAY + on * DAY
    return SegmentMembershipChanged(
        membership_id=f"sgm_{customer}_{segment}", customer_id=customer, segment=segment, is_member=True, entered_at=at, changed_at=at
    )


def left(stay: SegmentMembershipChanged, on: float) -> SegmentMembershipChanged:
    return stay.model_copy(update={"is_member": False, "changed_at": FIRST_DAY + on * DAY})


def merged(survivor: str = "cus_1", other: str = "cus_2") -> CustomerMerged:
    return CustomerMerged(merge_id="mrg_1", survivor_id=survivor, merged_id=other, merged_at=FIRST_DAY)


async def segments_at(ledger, on: float, customer: str = "cus_1") -> list[str]:
    [row] = await ledger.fetch("SELECT segments_at($1, $2) AS segments", customer, FIRST_DAY + on * DAY)
    return row["segments"]


async def stays(ledger) -> list[tuple[Any, ...]]:
    rows = await ledger.fetch("SELECT * FROM segment_memberships ORDER BY customer_id, segment, entered_at")
    return [tuple(row) for row in rows]


# Following


async def test_a_stay_counts_from_its_first_moment_until_its_last(ledger):
    stay = entered(1)
    await ledger.hear(stay, left(stay, 3), entered(5), entered(2, segment="students"))
    assert [await segments_at(ledger, on) for on in (0.9, 1, 2.5, 3, 5)] == [
        [],
        ["vip"],
        ["students", "vip"],
        ["students"],
        ["students", "vip"],
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
async def test_stays_told_in_any_order_and_any_number_of_times_end_the_same(empty_ledger, data):
    moments = data.draw(st.lists(st.integers(0, 40), min_size=1, max_size=7, unique=True).map(sorted))
    told: list[SegmentMembershipChanged] = []
    for begin, end in zip(moments[::2], [*moments[1::2], None], strict=False):
        stay = entered(begin)
        told += [stay] if end is None else [stay, left(stay, end)]
    shuffled = data.draw(st.permutations([*told, *data.draw(st.lists(st.sampled_from(told), max_size=4))]))
    cut = data.draw(st.integers(0, len(shuffled)))
    async with empty_ledger() as ledger:
        for batch in (shuffled[:cut], shuffled[cut:]):
            await ledger.hear(*batch)
        seen = [await segments_at(ledger, on + 0.5) for on in range(41)]
    # Plainly: what was told last before a moment counts.
    expected = []
    for on in range(41):
        before = [event for event in told if event.changed_at <= FIRST_DAY + (on + 0.5) * DAY]
        expected.append(["vip"] if before and before[-1].is_member else [])
    assert seen == expected


@pytest.mark.parametrize(
    "change",
    [
        {"segment": ""},
        {"segment": "x" * 201},
        {"segment": "\0"},
        {"customer_id": "x" * 201},
        {"entered_at": datetime(2026, 1, 1)},  # noqa: DTZ001 (what an event may hold)
        {"is_member": False},
    ],
)
async def test_what_no_stay_can_be_is_refused(ledger, change):
    with pytest.raises(UnusableEvent):
        await ledger.hear(entered(1).model_copy(update=change))
    assert await stays(ledger) == []


async def test_a_family_belongs_to_the_segments_of_all_in_it(ledger):
    await ledger.hear(entered(1), entered(2, "cus_2", "students"), merged())
    assert await segments_at(ledger, 3) == await segments_at(ledger, 3, "cus_2") == ["students", "vip"]
    undone = CustomerUnmerged(merge_id="mrg_1", survivor_id="cus_1", merged_id="cus_2", unmerged_at=FIRST_DAY + 4 * DAY)
    await follow(ledger, undone, 2)
    assert (await segments_at(ledger, 3), await segments_at(ledger, 3, "cus_2")) == (["vip"], ["students"])


async def test_who_is_erased_belongs_to_none_and_what_comes_late_is_ignored(ledger):
    await ledger.hear(entered(1), entered(1, "cus_2"))
    async with ledger.database.acquire() as connection:
        assert len((await collect(connection, ["cus_1"]))["segment_memberships"]) == 1
    await ledger.hear(CustomerErased(erasure_id="era_1", customer_id="cus_1", customer_ids=["cus_1"], requested_at=FIRST_DAY))
    await ledger.hear(entered(2), entered(2, "cus_2", "students"))
    assert [stay[0] for stay in await stays(ledger)] == ["cus_2", "cus_2"]
    [row] = await ledger.fetch("SELECT payload FROM event_log WHERE type LIKE '%erasure_confirmed%'")
    assert orjson.loads(row["payload"])["erased"]["segment_memberships"] == 1


# Conditions


@pytest.mark.parametrize(
    ("condition", "segments", "truth"),
    [
        ('"vip" in customer.segments', ["students", "vip"], True),
        ('"vip" in customer.segments', [], False),
        ('"vip" in customer.segments', None, False),
        ('!("vip" in customer.segments)', None, True),
        ('"vip" in segments', ["vip"], True),
        ("customer.segments.exists(one, one.startsWith('v'))", ["vip"], True),
        ("size(customer.segments) == 2", ["students", "vip"], True),
    ],
)
def test_what_a_condition_sees(condition: str, segments: Sequence[str] | None, truth: bool):
    traits = {} if segments is None else {"segments": segments}
    assert holds(condition, variables_of({}, traits)) is truth


async def test_an_order_earns_by_the_segments_of_its_moment(ledger, story):
    await publish(ledger, BASE, VIP, NOT_VIP)
    stay = entered(2)
    await ledger.hear(stay, left(stay, 4))
    await ledger.hear(*(story.placed(f"ord_{on}", 1_000, on=on) for on in (1, 2, 3, 4)))
    rows = await ledger.fetch("SELECT order_id, sum(points)::int AS points FROM entries GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in rows] == [("ord_1", 27), ("ord_2", 60), ("ord_3", 60), ("ord_4", 27)]


async def test_what_was_decided_stays_and_explains_itself_whatever_is_told_later(client, ledger, story):
    await publish(ledger, BASE, VIP, NOT_VIP)
    await ledger.hear(entered(1), story.placed("ord_1", 1_000, on=2))
    await ledger.hear(left(entered(1), 1.5), merged(), entered(0, "cus_2", "students"))
    [entry] = await ledger.fetch("SELECT id FROM entries WHERE rule_version = 'rul_1@1'")
    told = (await client.get(f"/v1/entries/{entry['id']}/explanation")).json()
    assert (told["points"], told["recomputed"], told["matches"]) == (40, 40, True)
    assert told["inputs"]["customer"]["segments"] == ["vip"]
    order = story.placed("ord_1", 1_000, on=2)
    await ledger.hear(order, story.returned(order, "ret_1", 500))
    assert await ledger.member("cus_1") == (30, 30)


async def test_history_is_simulated_with_the_segments_of_each_order(committed_ledger, story):
    ledger = committed_ledger
    stay = entered(2)
    # The first was decided by the rate, before there were rules: its segments are those of its moment, told however late.
    await ledger.hear(story.placed("ord_1", 1_000, on=1), story.placed("ord_2", 1_000, on=2), story.placed("ord_4", 1_000, on=4))
    await ledger.hear(stay, left(stay, 4))
    report = await over_history(ledger, changes=[{"rule_id": "a", "terms": BASE}, {"rule_id": "b", "terms": VIP}])
    assert (report["points_before"], report["points_after"]) == (30, 20 + 60 + 20)


async def test_one_order_is_simulated_with_the_segments_of_its_moment(client, ledger, story):
    stay = entered(2)
    await ledger.hear(story.registered(), stay, left(stay, 4))
    changes = [{"rule_id": "a", "terms": BASE}, {"rule_id": "b", "terms": VIP}]
    points = []
    for on in (3, 5):
        order = {
            "customer_id": "cus_1",
            "placed_at": (FIRST_DAY + on * DAY).isoformat(),
            "lines": [{"sku": "TEA", "quantity": 1, "amount_minor": 1_000}],
        }
        points.append((await client.post("/v1/simulations", json={"order": order, "changes": changes})).json()["after"]["points"])
    assert points == [60, 20]


async def test_a_segment_told_late_lets_a_referral_qualify(client, ledger, story):
    scheme = await client.get("/v1/referral-scheme")
    terms = scheme.json()["terms"] | {"is_active": True, "order_condition": '"vip" in customer.segments', "within_days": 3_650}
    changed = await client.put("/v1/referral-scheme", json=terms, headers={"if-match": scheme.headers["etag"]})
    assert changed.status_code == 200, changed.text
    await ledger.hear(story.registered("cus_1"), story.registered("cus_2", on=100))
    code = (await client.get("/v1/members/cus_1/referral")).json()["code"]
    used_at = FIRST_DAY + 100 * DAY
    made = await client.post("/v1/referrals", json={"code": code, "customer_id": "cus_2", "used_at": used_at.isoformat()})
    assert made.status_code == 201, made.text
    await ledger.hear(story.placed("ord_1", 1_000, "cus_2", on=101))
    path = f"/v1/referrals/{made.json()['id']}"
    assert (await client.get(path)).json()["state"] == "pending"
    await ledger.hear(entered(102, "cus_2"))
    assert (await client.get(path)).json()["state"] == "pending"
    await ledger.hear(entered(100.5, "cus_2"))
    assert (await client.get(path)).json()["state"] == "qualified"


async def test_challenges_count_by_the_segments_of_the_moment(ledger, story):
    await put(ledger, goal={"kind": "count", "target": 2}, condition='"vip" in customer.segments', reward={"points": 50})
    await ledger.hear(story.registered(), entered(2), *(story.placed(f"ord_{on}", 100, on=on) for on in (1, 2)))
    before, _ = await ledger.member("cus_1")
    await ledger.hear(story.placed("ord_3", 100, on=3))
    assert await ledger.member("cus_1") == (before + 51, before + 51)


async def test_a_reward_is_for_who_belongs_to_its_segment_now(client, ledger, story):
    await ledger.hear(story.registered("cus_1"), story.registered("cus_2"))
    for customer in ("cus_1", "cus_2"):
        await give(ledger, customer, 500)
    stay = entered(0)
    await ledger.hear(stay)
    reward = await made_reward(client, eligibility={"condition": '"vip" in customer.segments'})
    statuses = [(await redeemed(client, reward["id"], customer)).status_code for customer in ("cus_1", "cus_2")]
    await ledger.hear(left(stay, 1))
    assert [*statuses, (await redeemed(client, reward["id"])).status_code] == [201, 409, 409]


async def test_the_segments_of_many_are_looked_up_by_index_within_the_statement(database):
    async with database.acquire() as connection:
        await connection.execute(
            """
            INSERT INTO segment_memberships (customer_id, segment, entered_at)
            SELECT 'cus_' || n, 'vip', now() FROM generate_series(1, 3000) AS n;
            INSERT INTO customer_links (customer_id, root_id, merge_id, sequence)
            SELECT 'cus_' || n, 'cus_' || n / 2, 'mrg', 1 FROM generate_series(1, 3000) AS n;
            ANALYZE segment_memberships; ANALYZE customer_links;
            """
        )
        plan = await plan_of(connection, earning._TRAITS, "ARRAY['cus_7'], ARRAY[now()]")
    # No call a row: its indexes stand in the plan.
    for index in ("pk_segment_memberships", "pk_customer_links", "ix_customer_links_root_id"):
        assert index in plan, plan


# Behind the consumer


async def test_what_comes_early_waits_and_what_comes_again_is_refused(database, ledger):
    stay = entered(1)
    began, ended, again = message(stay, 1), message(left(stay, 2), 2), message(entered(3), 3)
    early = await deliver(database, SERVICE, [again, ended])
    assert (early.applied, early.early) == (0, 2)
    assert (await deliver(database, SERVICE, [began, began])).duplicates == 1
    assert [await segments_at(ledger, on) for on in (1.5, 2.5, 3.5)] == [["vip"], [], ["vip"]]
    before = await stays(ledger)
    assert (await deliver(database, SERVICE, [again, began, ended])).duplicates == 3
    # Replayed to one that never heard of them.
    await deliver(database, SERVICE, [began, ended, again], consumer="another")
    assert await stays(ledger) == before


async def test_a_malformed_stay_waits_alone_and_other_customers_flow(database, ledger):
    malformed = entered(1).model_copy(update={"segment": ""})
    became = await deliver(database, SERVICE, [(entered(1, "cus_2"), 1), (malformed, 1), (entered(1, "cus_3"), 1)])
    assert (became.applied, became.dead) == (2, 1)
    assert [stay[0] for stay in await stays(ledger)] == ["cus_2", "cus_3"]

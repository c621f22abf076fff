"""What tiers do to earning: a multiplier after all others, `tier` in conditions, explained and taken back exactly."""

from itertools import permutations
from typing import Any

import pytest

from loyalty.verification.rules import is_sound

_PUBLISH = """
INSERT INTO rule_versions (rule_id, version, terms, effective_from, published_at) VALUES ($1, 1, $2, '2020-01-01', now())
"""
_TIERS = """
INSERT INTO tier_schemes (programme_id, version, effective_from, zone, qualification, tiers)
SELECT id, 1, '2020-01-01', 'UTC', $1, $2 FROM programmes
"""


async def publish(ledger, *some: dict[str, Any]) -> None:
    for number, terms in enumerate(some):
        await ledger.fetch("INSERT INTO rules (id, programme_id, name) SELECT $1, id, 'A rule' FROM programmes", f"rul_{number}")
        await ledger.fetch(_PUBLISH, f"rul_{number}", terms)


async def define(ledger, *tiers: tuple[str, int, str], measure: str = "spend", wallet: str = "points") -> None:
    how = {"measure": measure, "wallet": wallet, "period": {"kind": "calendar", "unit": "year"}, "grace_days": 0, "downgrade": "hard"}
    some = [{"code": code, "threshold": at, "name": {"en": code}, "benefits": {"multiplier": factor}} for code, at, factor in tiers]
    await ledger.fetch(_TIERS, how, some)


async def by_rule(ledger) -> list[tuple[str, str | None, int]]:
    rows = await ledger.fetch("SELECT source_id, rule_version, points FROM entries ORDER BY source_id")
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("split", [False, True], ids=["one batch", "one by one"])
async def test_the_programmes_rate_is_multiplied_from_the_order_after_the_one_that_reached_the_tier(ledger, story, split):
    await define(ledger, ("gold", 10_000, "1.25"))
    orders = [story.placed("ord_1", 10_050, on=1), story.placed("ord_2", 1_050, on=2)]
    for part in [[one] for one in orders] if split else [orders]:
        await ledger.hear(*part)
    assert [points for _, _, points in await by_rule(ledger)] == [100, 10, 2]
    assert (await by_rule(ledger))[2][1] == "tier:gold@1"
    assert is_sound(await ledger.proof())


async def test_an_entry_of_a_tier_explains_itself_and_is_evaluated_again(ledger, story, client):
    await define(ledger, ("gold", 10_000, "1.7"))
    await ledger.hear(story.placed("ord_1", 10_000, on=1), story.placed("ord_2", 999, on=2))
    [row] = await ledger.fetch("SELECT id FROM entries WHERE rule_version = 'tier:gold@1'")
    told = (await client.get(f"/v1/entries/{row['id']}/explanation")).json()
    assert (told["points"], told["recomputed"], told["matches"]) == (6, 6, True)
    assert told["steps"][-1]["rule"] == "tier:gold@1"
    assert told["steps"][-1]["arithmetic"] == "floor(9 * 17/10) - floor(9 * 1)"


async def test_a_tier_multiplies_after_other_multipliers_and_rules_can_ask_for_it(ledger, story):
    await publish(
        ledger,
        {"trigger": "order_placed", "effect": {"kind": "per_amount", "points": 1, "per": 100}},
        {"trigger": "order_placed", "effect": {"kind": "multiplier", "factor": "2"}},
        {"trigger": "order_placed", "effect": {"kind": "fixed", "points": 7}, "condition": "tier == 'gold'"},
    )
    await define(ledger, ("gold", 10_000, "1.5"))
    await ledger.hear(story.placed("ord_1", 10_000, on=1), story.placed("ord_2", 1_100, on=2))
    assert [row[1:] for row in await by_rule(ledger)] == [
        ("rul_0@1", 100),
        ("rul_1@1", 100),
        ("rul_0@1", 11),
        ("rul_1@1", 11),
        ("rul_2@1", 7),
        ("tier:gold@1", 11),
    ]


async def test_a_return_takes_what_the_tier_gave_in_proportion_in_any_order(ledger, empty_ledger, story):
    ends = set()
    first, second = story.placed("ord_1", 10_000, on=1), story.placed("ord_2", 1_000, on=2)
    events = [second, story.returned(second, "ret_1", 300, on=5), story.returned(second, "ret_2", 200, on=6)]
    for order in permutations(events):
        async with empty_ledger() as ledger:
            await define(ledger, ("gold", 10_000, "1.5"))
            await ledger.hear(first, *order)
            assert is_sound(await ledger.proof())
            ends.add(await ledger.member("cus_1"))
    # 5.00 is left of the order: 5 and half of it.
    assert ends == {(107, 107)}


async def test_points_that_lead_to_a_tier_count_for_the_next_order_of_the_batch(ledger, story):
    await define(ledger, ("gold", 10, "2"), measure="points")
    await ledger.hear(*(story.placed(f"ord_{n}", 1_000, on=n) for n in range(1, 4)))
    assert [points for _, _, points in await by_rule(ledger)] == [10, 10, 10, 10, 10]
    assert is_sound(await ledger.proof())


async def test_tiers_that_multiply_nothing_leave_orders_on_the_ledgers_own_path(ledger, story):
    await define(ledger, ("gold", 100, "1"))
    await ledger.hear(story.placed("ord_1", 1_000), story.placed("ord_2", 1_000))
    assert await ledger.fetch("SELECT FROM occasions") == []
    assert await ledger.member("cus_1") == (20, 20)
    [row] = await ledger.fetch("SELECT tier FROM tier_standings")
    assert row["tier"] == "gold"


async def test_a_simulated_order_earns_by_the_tier_of_its_customer(ledger, story, client):
    await define(ledger, ("gold", 10_000, "1.5"))
    await ledger.hear(story.placed("ord_1", 10_000, on=1))
    order: dict[str, Any] = {"customer_id": "cus_1", "placed_at": "2026-01-05T12:00:00Z", "currency": "EUR"}
    order["lines"] = [{"sku": "A", "quantity": 1, "amount_minor": 1_000}]
    told = (await client.post("/v1/simulations", json={"order": order, "changes": []})).json()
    assert [(award["rule"].split("@")[0], award["points"]) for award in told["before"]["awards"]][-1] == ("tier:gold", 5)

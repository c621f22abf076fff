"""Referrals: the same facts in any order end the same; both sides are rewarded once; who cheats gets nothing."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from loyalty.app import SERVICE
from loyalty.due import PASSES
from loyalty.referrals import following, settling
from loyalty.settings import LoyaltySettings
from loyalty.verification.rules import is_sound
from shared.contracts.customers import CustomerErased, CustomerMerged, CustomerRegistered, Line, OrderCancelled, OrderPlaced, OrderReturned
from shared.database.unit_of_work import UnitOfWork
from shared.http import create_app

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class People:
    """Tells of customers and orders around the present moment."""

    def registered(self, customer: str, days: float = 0) -> CustomerRegistered:
        return CustomerRegistered(customer_id=customer, kind="individual", registered_at=datetime.now(UTC) + days * DAY)

    def placed(self, order: str, customer: str, amount: int = 5_000, days: float = 0, channel: str = "web") -> OrderPlaced:
        return OrderPlaced(
            order_id=order, customer_id=customer, placed_at=datetime.now(UTC) + days * DAY, currency="EUR", amount_minor=amount,
            channel=channel, lines=[Line(sku="A", quantity=1, amount_minor=amount)],
        )  # fmt: skip

    def returned(self, order: OrderPlaced, name: str, amount: int) -> OrderReturned:
        return OrderReturned(
            return_id=name, order_id=order.order_id, customer_id=order.customer_id, placed_at=order.placed_at,
            returned_at=datetime.now(UTC), currency="EUR", amount_minor=amount, order_amount_minor=order.amount_minor,
            returned_total_minor=amount, lines=[Line(sku="A", quantity=1, amount_minor=amount)],
        )  # fmt: skip

    def cancelled(self, order: OrderPlaced) -> OrderCancelled:
        return OrderCancelled(
            order_id=order.order_id, customer_id=order.customer_id, placed_at=order.placed_at, cancelled_at=datetime.now(UTC),
            reason="cancelled", currency="EUR", order_amount_minor=order.amount_minor, returned_total_minor=0,
        )  # fmt: skip


people = People()


async def promised(client, **more: Any) -> None:
    scheme = await client.get("/v1/referral-scheme")
    terms = {"referrer_points": 500, "referred_points": 100, "waiting_days": 0, "min_order_minor": 2_000} | more
    answer = await client.put("/v1/referral-scheme", json=terms, headers={"if-match": scheme.headers["etag"]})
    assert answer.status_code == 200, answer.text


async def code_of(client, customer: str = "cus_1") -> str:
    return (await client.get(f"/v1/members/{customer}/referral")).json()["code"]


async def refer(client, code: str, customer: str = "cus_2", **more: Any) -> dict[str, Any]:
    answer = await client.post("/v1/referrals", json={"code": code, "customer_id": customer} | more)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def refused(client, code: str, customer: str = "cus_2") -> str:
    answer = await client.post("/v1/referrals", json={"code": code, "customer_id": customer})
    assert answer.status_code in (404, 409), answer.text
    return answer.json()["code"]


async def settle(ledger, *, after_days: float = 0) -> None:
    """Run the pass until nothing is due."""
    moment = datetime.now(UTC) + timedelta(seconds=5) + after_days * DAY
    done = 1
    while done:
        async with UnitOfWork(ledger.database) as uow:
            done = (
                await settling.complete_due(uow, moment, 100) + await settling.reverse_due(uow, 100) + await following.lapse(uow, moment, 0)
            )
            await uow.commit()


async def stands(ledger, customer: str = "cus_2") -> tuple[str, str | None]:
    [row] = await ledger.fetch("SELECT state, reason FROM referrals WHERE referred_id = $1", customer)
    return row["state"], row["reason"]


async def points_of(ledger, customer: str) -> int:
    return (await ledger.member(customer))[0]


async def test_both_sides_are_rewarded_once_when_the_first_order_comes(client, ledger):
    await promised(client, share_text={"en": "Join: {url}", "lv": "Nāc: {url}"}, share_url="https://x.lv/join/{code}")
    await ledger.hear(people.registered("cus_1", -100))
    own = (await client.get("/v1/members/cus_1/referral", params={"language": "lv"})).json()
    assert own["share_text"] == f"Nāc: https://x.lv/join/{own['code']}"
    assert await code_of(client) == own["code"]
    made = await refer(client, f" {own['code'][:4].lower()}-{own['code'][4:]}")
    assert (made["state"], made["suspicions"]) == ("pending", [])
    small, order = people.placed("ord_1", "cus_2", 1_999), people.placed("ord_2", "cus_2")
    await ledger.hear(small, order)
    # Nothing is known of who he is: he may be an old customer.
    assert await stands(ledger) == ("pending", None)
    await ledger.hear(people.registered("cus_2"), order)
    assert await stands(ledger) == ("qualified", None)
    await asyncio.gather(settle(ledger))
    await settle(ledger)
    await ledger.hear(people.registered("cus_2"), order, people.placed("ord_3", "cus_2"))
    await settle(ledger)
    read = (await client.get(f"/v1/referrals/{made['id']}")).json()
    assert (read["state"], read["order_id"]) == ("completed", "ord_2")
    assert sorted((r["side"], r["kind"], r["points"]) for r in read["rewards"]) == [
        ("referred", "points", 100),
        ("referrer", "points", 500),
    ]
    assert await points_of(ledger, "cus_1") == 500
    assert await points_of(ledger, "cus_2") == 100 + 19 + 50 + 50
    told = [(name, sequence) for aggregate, name, sequence in await ledger.told() if aggregate == made["id"]]
    assert told == [("referral_made", 1), ("referral_completed", 2)]
    own = (await client.get("/v1/members/cus_1/referral")).json()
    assert (own["counts"]["completed"], own["points_earned"]) == (1, 500)
    assert is_sound(await ledger.proof())


async def test_rewards_wait_until_the_order_cannot_be_returned(client, ledger):
    await promised(client, waiting_days=14)
    await ledger.hear(people.registered("cus_1", -100), people.registered("cus_2"))
    await refer(client, await code_of(client))
    order, later = people.placed("ord_1", "cus_2"), people.placed("ord_2", "cus_2", 2_500, days=1)
    await ledger.hear(order)
    await settle(ledger)
    assert await points_of(ledger, "cus_1") == 0
    await ledger.hear(people.returned(order, "ret_1", 3_001))
    assert await stands(ledger) == ("pending", None)
    await ledger.hear(later)
    assert await stands(ledger) == ("qualified", None)
    await settle(ledger, after_days=15)
    assert await points_of(ledger, "cus_1") == 500
    [entry] = await ledger.fetch("SELECT occurred_at FROM entries WHERE customer_id = 'cus_1'")
    assert entry["occurred_at"] == later.placed_at + 14 * DAY


@pytest.mark.parametrize("policy", ["take_back", "keep"])
async def test_an_order_that_comes_back_later_takes_the_rewards_with_it(client, ledger, policy):
    batch = (await client.post("/v1/voucher-batches", json={"campaign": "friends", "count": 2})).json()["id"]
    await promised(client, on_return=policy, referred_voucher_batch_id=batch)
    await ledger.hear(people.registered("cus_1", -100), people.registered("cus_2"))
    made = await refer(client, await code_of(client))
    order = people.placed("ord_1", "cus_2")
    await ledger.hear(order)
    await settle(ledger)
    [code] = await ledger.fetch("SELECT code FROM vouchers WHERE customer_id = 'cus_2'")
    await ledger.hear(people.cancelled(order), people.cancelled(order))
    await settle(ledger)
    await settle(ledger)
    taken = policy == "take_back"
    assert (await stands(ledger))[0] == ("reversed" if taken else "completed")
    assert await points_of(ledger, "cus_1") == (0 if taken else 500)
    shown = await client.post("/v1/vouchers/validate", json={"code": code["code"], "customer_id": "cus_2"})
    assert shown.json()["valid"] is not taken
    assert is_sound(await ledger.proof())
    told = [name for aggregate, name, _ in await ledger.told() if aggregate == made["id"]]
    assert told == ["referral_made", "referral_completed", *(["referral_reversed"] if taken else [])]


async def test_any_order_of_events_ends_the_same(client, ledger, empty_ledger):
    await promised(client)
    await ledger.hear(people.registered("cus_1", -100))
    code = await code_of(client)
    await refer(client, code)
    order = people.placed("ord_1", "cus_2")
    story = [people.registered("cus_2"), order, people.returned(order, "ret_1", 1_000), people.returned(order, "ret_2", 2_500)]
    states = set()
    for seed in range(6):
        async with ledger.database.acquire() as connection:
            trial = connection.transaction()
            await trial.start()
        await ledger.hear(*Random(seed).sample(story, len(story)))
        states.add(await stands(ledger))
        async with ledger.database.acquire():
            await trial.rollback()
    # 1,500 are left of the order, which is too little.
    assert states == {("pending", None)}


async def test_rules_reward_completed_referrals_too(client, ledger):
    effect = {"kind": "fixed", "points": 40}
    rule = {"name": "A friend", "trigger": "referral_completed", "effect": effect, "condition": "event.side == 'referrer'"}
    made = (await client.post("/v1/rules", json=rule)).json()
    past = (datetime.now(UTC) - DAY).isoformat()
    published = await client.post(f"/v1/rules/{made['id']}/publish", json={"effective_from": past})
    assert published.status_code == 200, published.text
    await promised(client, referred_points=0)
    await ledger.hear(people.registered("cus_1", -100), people.registered("cus_2"))
    await refer(client, await code_of(client))
    order = people.placed("ord_1", "cus_2")
    await ledger.hear(order)
    await settle(ledger)
    assert (await points_of(ledger, "cus_1"), await points_of(ledger, "cus_2")) == (540, 50)
    await ledger.hear(people.cancelled(order))
    await settle(ledger)
    assert (await points_of(ledger, "cus_1"), await points_of(ledger, "cus_2")) == (0, 0)
    assert is_sound(await ledger.proof())


async def test_who_cheats_is_refused_with_a_reason(client, ledger):
    await ledger.hear(*(people.registered(f"cus_{n}", -1) for n in range(1, 6)), people.registered("cus_old", -100))
    code = await code_of(client)
    assert await refused(client, code) == "referral_scheme_inactive"
    await promised(client)
    assert await refused(client, "NOBODYS0C0DE") == "referral_code_unknown"
    assert await refused(client, code, "cus_1") == "referral_self"
    assert await refused(client, code, "cus_old") == "referral_not_new"
    await refer(client, code)
    assert await refused(client, await code_of(client, "cus_3")) == "referral_already_referred"
    # A chain that bites its tail.
    await refer(client, await code_of(client, "cus_2"), "cus_3")
    assert await refused(client, await code_of(client, "cus_3"), "cus_1") == "referral_loop"
    assert (await client.post("/v1/households", json={"customer_ids": ["cus_1", "cus_4"]})).status_code == 201
    assert await refused(client, code, "cus_4") == "referral_household"
    await ledger.hear(people.placed("ord_1", "cus_5", days=-0.5))
    assert await refused(client, code, "cus_5") == "referral_not_new"
    future = {"code": code, "customer_id": "cus_9", "used_at": (datetime.now(UTC) + DAY).isoformat()}
    assert (await client.post("/v1/referrals", json=future)).json()["code"] == "referral_moment_unusable"


async def test_two_who_turn_out_to_be_one_get_nothing(client, ledger):
    await promised(client)
    await ledger.hear(people.registered("cus_1", -100), people.registered("cus_2"), people.registered("cus_3"))
    code = await code_of(client)
    await refer(client, code)
    await refer(client, code, "cus_3")
    await ledger.hear(people.placed("ord_1", "cus_2"))
    await settle(ledger)
    assert await points_of(ledger, "cus_1") == 500
    for merged in ("cus_2", "cus_3"):
        await ledger.hear(CustomerMerged(merge_id=f"mrg_{merged}", survivor_id="cus_1", merged_id=merged, merged_at=NOW))
    await settle(ledger)
    assert await stands(ledger) == ("reversed", "referral_self")
    assert await stands(ledger, "cus_3") == ("refused", "referral_self")
    assert await points_of(ledger, "cus_1") == 50
    assert is_sound(await ledger.proof())


async def test_who_refers_too_many_is_looked_at_first(client, ledger):
    await promised(client, max_per_day=1)
    await ledger.hear(*(people.registered(f"cus_{n}", -1) for n in range(1, 5)))
    code = await code_of(client)
    states = [(await refer(client, code, f"cus_{n}"))["suspicions"] for n in range(2, 5)]
    assert states == [[], ["referral_velocity"], ["referral_velocity"]]
    await ledger.hear(*(people.placed(f"ord_{n}", f"cus_{n}") for n in range(2, 5)))
    await settle(ledger)
    assert await points_of(ledger, "cus_1") == 500
    queue = (await client.get("/v1/reviews", params={"kind": "referral"})).json()["data"]
    assert [(review["reasons"], review["customer_id"]) for review in queue] == [(["referral_velocity"], "cus_1")] * 2
    for review, verb in zip(queue, ("approve", "reject"), strict=True):
        assert (await client.post(f"/v1/reviews/{review['id']}/{verb}", json={"reason": "called them"})).status_code == 200
    await settle(ledger)
    assert await points_of(ledger, "cus_1") == 1_000
    assert sorted([await stands(ledger, f"cus_{n}") for n in (3, 4)]) == [("completed", None), ("refused", "rejected")]


async def test_beyond_his_limit_only_the_others_are_rewarded(client, ledger):
    await promised(client, referrer_limit={"count": 1, "period": "year"})
    await ledger.hear(*(people.registered(f"cus_{n}", -1) for n in range(1, 4)))
    code = await code_of(client)
    for n in (2, 3):
        await refer(client, code, f"cus_{n}")
    await ledger.hear(people.placed("ord_2", "cus_2", 2_000), people.placed("ord_3", "cus_3", 2_000))
    await settle(ledger)
    assert [await points_of(ledger, f"cus_{n}") for n in (1, 2, 3)] == [500, 120, 120]
    assert sorted([(await stands(ledger, f"cus_{n}"))[1] or "" for n in (2, 3)]) == ["", "referrer_limit"]


async def test_a_frozen_referrer_waits_for_a_review(client, ledger):
    await promised(client)
    await ledger.hear(people.registered("cus_1", -100), people.registered("cus_2"))
    await refer(client, await code_of(client))
    await ledger.hear(people.placed("ord_1", "cus_2"))
    await client.post("/v1/members/cus_1/freeze", json={"reason": "odd"})
    await settle(ledger)
    assert await stands(ledger) == ("waiting", None)
    [review] = (await client.get("/v1/reviews", params={"state": "open"})).json()["data"]
    assert (review["kind"], review["reasons"], review["score"]) == ("referral", ["referrer_frozen"], 70)
    await client.post(f"/v1/reviews/{review['id']}/approve", json={"reason": "fine"})
    await settle(ledger)
    assert await stands(ledger) == ("completed", None)


async def test_an_erased_member_refers_nobody_and_his_code_is_closed(client, ledger):
    await promised(client)
    await ledger.hear(people.registered("cus_1", -100), people.registered("cus_2"))
    code = await code_of(client)
    await refer(client, code)
    await ledger.hear(CustomerErased(erasure_id="era_1", customer_id="cus_1", customer_ids=["cus_1"], requested_at=NOW))
    assert await stands(ledger) == ("refused", "membership_ended")
    assert await refused(client, code, "cus_3") == "referral_code_closed"
    assert (await client.get("/v1/members/cus_1/referral")).status_code == 404


async def test_a_member_sees_his_own_code_only(client, ledger, token_of):
    await promised(client)
    await ledger.hear(people.registered("cus_1"), people.registered("cus_2"))
    headers = {"authorization": f"Bearer {token_of('cus_1')}"}
    assert (await client.get("/v1/members/cus_1/referral", headers=headers)).status_code == 200
    assert (await client.get("/v1/members/cus_2/referral", headers=headers)).status_code == 404
    made = await refer(client, await code_of(client))
    listed = (await client.get("/v1/referrals", params={"state": "pending", "referrer_id": "cus_1"})).json()["data"]
    assert [row["id"] for row in listed] == [made["id"]]


async def test_many_at_once_neither_double_nor_loop(committed_ledger, committed_database, committed_key, clock):
    settings = LoyaltySettings(database_url=SecretStr("postgresql://unused"), rate_limit_per_minute=10**6)
    app = create_app(SERVICE, settings, database=committed_database, clock=clock)
    headers = {"authorization": f"Bearer {await committed_key()}"}
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://test", headers=headers) as client,
    ):
        await promised(client)
        await committed_ledger.hear(*(people.registered(f"cus_{n}", -1) for n in range(12)))
        codes = [await code_of(client, f"cus_{n}") for n in range(12)]
        wanted = [(codes[referrer], f"cus_{referred}") for referrer in range(12) for referred in range(12) if referrer != referred]
        Random(7).shuffle(wanted)
        gate = asyncio.Semaphore(6)

        async def try_it(code: str, customer: str) -> int:
            async with gate:
                return (await client.post("/v1/referrals", json={"code": code, "customer_id": customer})).status_code

        statuses = await asyncio.gather(*(try_it(*each) for each in wanted[:40]))
    rows = await committed_ledger.fetch("SELECT referrer_id, referred_id FROM referrals")
    above = {row["referred_id"]: row["referrer_id"] for row in rows}
    assert statuses.count(201) == len(rows) == len(above)
    for customer in above:
        seen, at = {customer}, customer
        while at in above:
            at = above[at]
            assert at not in seen
            seen.add(at)
    await committed_ledger.hear(*(people.placed(f"ord_{customer}", customer) for customer in above))
    moment = datetime.now(UTC) + DAY

    async def worker() -> None:
        async with UnitOfWork(committed_database) as uow:
            await settling.complete_due(uow, moment, 100)
            await uow.commit()

    await asyncio.gather(*(worker() for _ in range(5)))
    await worker()
    assert [row["state"] for row in await committed_ledger.fetch("SELECT DISTINCT state FROM referrals")] == ["completed"]
    given = await committed_ledger.fetch("SELECT source_id FROM entries WHERE rule_version LIKE 'referral-scheme%'")
    assert len(given) == len({row["source_id"] for row in given}) == 2 * len(above)
    assert is_sound(await committed_ledger.proof())


async def test_the_workers_pass_settles_and_lapses(client, ledger):
    await promised(client, within_days=1)
    await ledger.hear(people.registered("cus_1", -100), people.registered("cus_2"), people.registered("cus_3"))
    code = await code_of(client)
    await refer(client, code)
    await refer(client, code, "cus_3", used_at=(datetime.now(UTC) - 0.99 * DAY).isoformat())
    await ledger.fetch("UPDATE referrals SET lapses_at = now() - interval '1 second' WHERE referred_id = 'cus_3'")
    await ledger.hear(people.placed("ord_1", "cus_2"))
    async with UnitOfWork(ledger.database) as uow:
        assert not await PASSES["settle_referrals"](uow, datetime.now(UTC) + timedelta(seconds=5))
        await uow.commit()
    assert await stands(ledger) == ("completed", None)
    assert await stands(ledger, "cus_3") == ("lapsed", None)

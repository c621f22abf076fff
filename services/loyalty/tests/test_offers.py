"""Personal offers: found in what members buy, held out for comparison, redeemed by the earliest order that fits, over by the clock."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rewards_help import DAY, events, give, made_batch

from loyalty.app import SERVICE
from loyalty.ledger.errors import UnusableEvent
from loyalty.offers import generating, repository, service
from loyalty.offers.rules import (
    habit_of,
    is_control,
    is_due,
)
from loyalty.offers.schemas import OfferCampaignDraft
from loyalty.offers.texts import reason_texts
from loyalty.privacy.service import collect
from loyalty.verification.rules import is_sound
from shared.contracts.customers import CustomerErased, CustomerMerged, Line, OrderCancelled, OrderPlaced, OrderReturned
from shared.database.unit_of_work import UnitOfWork
from shared.http.jobs import JobRunner
from shared.testing.bus import deliver

TODAY = datetime(2026, 11, 15, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
REPLENISH = {"strategy": "replenishment", "by": "sku", "min_purchases": 3, "window_days": 365, "excluded": []}
REPLENISH_ALL = REPLENISH | {"early_percent": 0, "late_intervals": 2}


def order(name: str, at: datetime, *lines: tuple[str, int, int], customer: str = "cus_1") -> OrderPlaced:
    bought = [
        Line(sku=sku, quantity=quantity, amount_minor=amount, category="drinks" if sku == "tea" else None)
        for sku, quantity, amount in lines
    ]
    total = sum(line.amount_minor for line in bought)
    return OrderPlaced(order_id=name, customer_id=customer, placed_at=at, currency="EUR", amount_minor=total, lines=bought)


def tea(name: str, at: datetime, amount: int = 1_000, customer: str = "cus_1") -> OrderPlaced:
    return order(name, at, ("tea", 1, amount), customer=customer)


def back(of: OrderPlaced, name: str, *lines: tuple[str, int, int], money: int | None = None) -> OrderReturned:
    came = [Line(sku=sku, quantity=quantity, amount_minor=amount) for sku, quantity, amount in lines]
    total = sum(line.amount_minor for line in came) if money is None else money
    return OrderReturned(
        return_id=name, order_id=of.order_id, customer_id=of.customer_id, placed_at=of.placed_at, returned_at=of.placed_at + DAY,
        currency="EUR", amount_minor=total, order_amount_minor=of.amount_minor, returned_total_minor=total, lines=came,
    )  # fmt: skip


def cancelled(of: OrderPlaced) -> OrderCancelled:
    return OrderCancelled(
        order_id=of.order_id, customer_id=of.customer_id, placed_at=of.placed_at, cancelled_at=of.placed_at + 2 * DAY, reason="cancelled",
        currency="EUR", order_amount_minor=of.amount_minor, returned_total_minor=0,
    )  # fmt: skip


def habit(customer: str = "cus_1", every: int = 14, times: int = 4, last: datetime = TODAY - 14 * DAY) -> list[OrderPlaced]:
    return [tea(f"{customer}_{number}", last - every * number * DAY, customer=customer) for number in range(times)]


async def campaign(client, **terms) -> dict:
    body = {
        "name": {"en": "Tea again", "lv": "Atkal tēja"},
        "looking": {"strategy": "replenishment", "window_days": 365},
        "benefit": {"kind": "points", "points": 50},
        "control_share": 0,
        "needs_activation": False,
    }
    answer = await client.post("/v1/offer-campaigns", json=body | terms)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def make(ledger, campaign_id: str, *roots: str, at: datetime = TODAY) -> list:
    async with UnitOfWork(ledger.database) as uow:
        found = await repository.find_campaign(uow.connection, campaign_id)
        assert found is not None
        made = await generating.make_for(uow, found, list(roots or ["cus_1"]), at)
        await uow.commit()
    return made


async def offers(ledger) -> list[tuple]:
    rows = await ledger.fetch("SELECT customer_id, target, order_id, points FROM offers ORDER BY customer_id, target")
    return [tuple(row) for row in rows]


# The database and the rules agree


purchases_of = st.lists(
    st.tuples(st.sampled_from(["cus_1", "cus_2", "cus_3"]), st.sampled_from(["tea", "cup", "mug"]), st.integers(0, 60)), max_size=40
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(bought=purchases_of, strategy=st.sampled_from(["affinity", "replenishment", "lapsed_favourite"]), share=st.integers(0, 100))
async def test_offers_are_what_the_rules_say(empty_ledger, bought, strategy, share):
    customers = ["cus_1", "cus_2", "cus_3"]
    looking = {
        "min_purchases": 2,
        "window_days": 45,
        "by": "sku",
        "excluded": ["mug"],
        "early_percent": 20,
        "late_intervals": 3,
        "intervals": 2,
    }
    async with empty_ledger() as ledger:
        for customer in customers:
            await give(ledger, customer, 1)
        orders = [order(f"o{n}", TODAY - days * DAY, (sku, 1, 100), customer=customer) for n, (customer, sku, days) in enumerate(bought)]
        if orders:
            await ledger.hear(*orders)
        await ledger.fetch(
            """INSERT INTO offer_campaigns (id, programme_id, name, strategy, parameters, benefit, validity_days, control_share_bp,
                   max_per_member, needs_activation, salt)
            SELECT 'ofc_1', id, '{"en": "x"}', $1, $2, '{"kind": "points", "points": 1}', 7, $3, 20, false, 'pepper' FROM programmes
            WHERE id = 'prg_00000000000000000000000001'""",
            strategy, looking, share * 100,
        )  # fmt: skip
        await make(ledger, "ofc_1", *customers)
        rows = await ledger.fetch("SELECT customer_id, target, is_control, reason FROM offers")
        expected = {}
        for customer in customers:
            for sku in ("tea", "cup"):
                days = [(TODAY - days * DAY).date() for who, what, days in bought if (who, what) == (customer, sku) and days < 45]
                if days and is_due(strategy, looking, known := habit_of(days, TODAY.date())):
                    expected[customer, sku] = (known.purchases, known.every_days, known.days_since)
        assert {
            (row["customer_id"], row["target"]): (row["reason"]["purchases"], row["reason"]["every_days"], row["reason"]["days_since"])
            for row in rows
        } == expected
        assert all(row["is_control"] == is_control("pepper", row["customer_id"], share * 100) for row in rows)
        # Once more gives nothing more.
        assert await make(ledger, "ofc_1", *customers) == []


# Over HTTP


async def test_an_offer_is_redeemed_by_what_it_is_for(client, ledger):
    await ledger.hear(*habit())
    made = await campaign(client, benefit={"kind": "multiplier", "factor": "3"})
    await make(ledger, made["id"])
    before = (await ledger.member("cus_1"))[0]
    await ledger.hear(order("cups", TODAY + DAY, ("cup", 2, 900)))
    assert await offers(ledger) == [("cus_1", "tea", None, 0)]
    await ledger.hear(order("mixed", TODAY + 2 * DAY, ("tea", 1, 1_050), ("cup", 1, 450)))
    # Ten points for the tea, and twice as many on top.
    assert await offers(ledger) == [("cus_1", "tea", "mixed", 20)]
    assert (await ledger.member("cus_1"))[0] == before + 9 + 15 + 20
    await ledger.hear(tea("more", TODAY + 3 * DAY))
    assert await offers(ledger) == [("cus_1", "tea", "mixed", 20)]
    [entry] = await ledger.fetch("SELECT id FROM entries WHERE rule_version = $1", made["id"])
    told = (await client.get(f"/v1/entries/{entry['id']}/explanation")).json()
    assert told["explanation"]["amount_minor"] == 1_050
    assert is_sound(await ledger.proof())


@pytest.mark.parametrize(
    ("at", "fits"),
    [
        (TODAY - timedelta(microseconds=1), False),
        (TODAY, True),
        (TODAY + 14 * DAY - timedelta(microseconds=1), True),
        (TODAY + 14 * DAY, False),
    ],
)
async def test_the_day_of_the_order_decides_and_no_worker(client, ledger, at, fits):
    await ledger.hear(*habit())
    await make(ledger, (await campaign(client))["id"])
    async with UnitOfWork(ledger.database) as uow:
        # Told long after its end, and although its end was told.
        assert await service.note_expired(uow, 10, at=TODAY + 99 * DAY) == 1
        await uow.commit()
    await ledger.hear(tea("late", at))
    assert await offers(ledger) == [("cus_1", "tea", "late" if fits else None, 50 if fits else 0)]


async def test_any_order_of_telling_ends_the_same(empty_ledger, client):
    """Orders, returns and cancellations of one person in many orders, some twice: offers, points and the ledger agree."""
    first, second, third = tea("o1", TODAY + DAY, 2_000), tea("o2", TODAY + 2 * DAY, 4_000), tea("o3", TODAY + 3 * DAY, 8_000)
    story = [first, second, third, back(second, "r2", ("tea", 1, 1_000)), cancelled(first)]
    # Half of the second came back: one piece of one is nothing left, so the third is the first that fits.
    ends = set()
    for told in list(permutations(story))[::5]:
        async with empty_ledger() as ledger:
            await ledger.hear(*habit())
            await ledger.fetch(
                """INSERT INTO offer_campaigns (id, programme_id, name, strategy, parameters, benefit, validity_days, control_share_bp,
                       max_per_member, needs_activation, salt)
                SELECT 'ofc_1', id, '{"en": "x"}', 'replenishment', $1, '{"kind": "multiplier", "factor": "2"}', 14, 0, 1, false, 's'
                FROM programmes WHERE id = 'prg_00000000000000000000000001'""",
                REPLENISH_ALL,
            )
            await make(ledger, "ofc_1")
            for event in (*told, told[0], told[-1]):
                await ledger.hear(event)
            assert is_sound(await ledger.proof())
            ends.add((*(await offers(ledger)), (await ledger.member("cus_1"))[0]))
    assert ends == {(("cus_1", "tea", "o3", 80), 40 + 30 + 80 + 80)}


async def test_what_comes_back_takes_its_bonus_with_it(client, ledger):
    """Odoo: a refund kept the points of what was refunded."""
    await ledger.hear(*habit())
    made = await campaign(client, benefit={"kind": "multiplier", "factor": "2"})
    await make(ledger, made["id"])
    before = (await ledger.member("cus_1"))[0]
    bought = order("o1", TODAY + DAY, ("tea", 4, 4_000), ("cup", 1, 1_000))
    await ledger.hear(bought)
    assert (await ledger.member("cus_1"))[0] == before + 50 + 40
    await ledger.hear(back(bought, "r1", ("tea", 1, 1_000)))
    assert await offers(ledger) == [("cus_1", "tea", "o1", 30)]
    # Money back while the goods stay: no more than what is left of the order counts.
    await ledger.hear(back(bought, "r2", money=2_500))
    assert await offers(ledger) == [("cus_1", "tea", "o1", 15)]
    assert (await ledger.member("cus_1"))[0] == before + 15 + 15
    await ledger.hear(cancelled(bought))
    assert await offers(ledger) == [("cus_1", "tea", None, 0)]
    assert (await ledger.member("cus_1"))[0] == before
    told = [row[2] for row in await ledger.told() if row[1] == "offer_redeemed"]
    assert told == [2, 3, 4, 5]
    assert is_sound(await ledger.proof())


async def test_the_control_group_sees_nothing_and_is_measured(client, ledger):
    customers = [f"cus_{number:03}" for number in range(60)]
    await ledger.hear(*[event for customer in customers for event in habit(customer)])
    made = await campaign(client, control_share=50, salt="pepper")
    await make(ledger, made["id"], *customers)
    held_out = {customer for customer in customers if is_control("pepper", customer, 5_000)}
    rows = await ledger.fetch("SELECT id, customer_id FROM offers WHERE is_control")
    assert {row["customer_id"] for row in rows} == held_out
    assert 10 < len(held_out) < 50
    assert (await client.get(f"/v1/offers/{rows[0]['id']}")).status_code == 404
    assert len(await events(ledger, "offer_made")) == 60 - len(held_out)
    # All with an offer buy for 10.00, of those held out two, and one of them for 30.00.
    await ledger.hear(*(tea(f"x_{customer}", TODAY + DAY, customer=customer) for customer in customers if customer not in held_out))
    one, other = sorted(held_out)[:2]
    await ledger.hear(tea("y_1", TODAY + DAY, 3_000, one), order("y_2", TODAY + DAY, ("cup", 1, 500), customer=other))
    assert await ledger.fetch("SELECT FROM offers WHERE is_control AND order_id IS NOT NULL") == []
    shown = (await client.get(f"/v1/offer-campaigns/{made['id']}/results")).json()
    many, few = 60 - len(held_out), len(held_out)
    assert (shown["offers"], shown["redeemed"], shown["points"]) == (many, many, 50 * many)
    assert (shown["offered"]["members"], shown["offered"]["converted"], shown["offered"]["conversion"]) == (many, many, 1.0)
    assert (shown["offered"]["spent_minor"], shown["offered"]["spend_per_head_minor"]) == (1_000 * many, 1_000.0)
    assert (shown["control"]["members"], shown["control"]["converted"], shown["control"]["spent_minor"]) == (few, 1, 3_500)
    assert shown["conversion_uplift"]["low"] < shown["conversion_uplift"]["difference"] == round(1 - 1 / few, 6)
    assert shown["spend_uplift_minor"]["difference"] == pytest.approx(1_000 - 3_500 / few, abs=1e-5)


async def test_generation_is_a_job_that_can_be_repeated(client, ledger, database, monkeypatch):
    now = datetime.now(UTC)
    customers = [f"cus_{number}" for number in range(5)]
    await ledger.hear(*[event for customer in customers for event in habit(customer, last=now - 14 * DAY)])
    monkeypatch.setattr(generating, "_BLOCK", 2)
    made = await campaign(client)
    answer = await client.post(f"/v1/offer-campaigns/{made['id']}/generate")
    assert (answer.status_code, answer.json()["campaign_id"]) == (202, made["id"])
    assert await JobRunner(database, SERVICE.jobs).run_one()
    job = (await client.get(answer.headers["location"])).json()
    assert (job["status"], job["done"], job["total"], job["result"]) == ("succeeded", 5, 5, {"offers": 5, "held_out": 0, "members": 5})
    # As after a crash, and a second run while the offers of the first still count.
    await ledger.fetch("UPDATE jobs SET status = 'queued', done = 0, finished_at = NULL")
    assert await JobRunner(database, SERVICE.jobs).run_one()
    await client.post(f"/v1/offer-campaigns/{made['id']}/generate")
    assert await JobRunner(database, SERVICE.jobs).run_one()
    assert len(await offers(ledger)) == 5
    assert len(await events(ledger, "offer_made")) == 5
    await client.patch(f"/v1/offer-campaigns/{made['id']}", json={"active": False}, headers={"if-match": '"1"'})
    refused = await client.post(f"/v1/offer-campaigns/{made['id']}/generate")
    assert (refused.status_code, refused.json()["code"]) == (409, "offer_campaign_stopped")


async def test_an_offer_is_viewed_activated_and_gives_its_code(client, ledger):
    now = datetime.now(UTC)
    await ledger.hear(*habit(last=now - 14 * DAY), *habit("cus_2", last=now - 14 * DAY))
    batch, codes = await made_batch(client, 1)
    made = await campaign(client, benefit={"kind": "percent_off", "voucher_batch_id": batch}, needs_activation=True)
    await make(ledger, made["id"], "cus_1", "cus_2", at=now)
    [offer] = (await client.get("/v1/members/cus_1/offers?language=lv")).json()["data"]
    last = (now - 14 * DAY).date().isoformat()
    assert (offer["state"], offer["name"], offer["benefit"]) == ("made", "Atkal tēja", {"kind": "percent_off"})
    assert offer["text"] == f"Jūs pērkat “tea” apmēram ik pēc 14 d.; pēdējo reizi {last}."
    assert offer["reason"] == {
        "strategy": "replenishment", "by": "sku", "target": "tea", "purchases": 4, "every_days": 14, "last_on": last, "days_since": 14,
    }  # fmt: skip
    path = f"/v1/offers/{offer['id']}"
    # Bought before it was activated.
    await ledger.hear(tea("early", now))
    for _ in range(2):
        viewed = (await client.post(f"{path}/view")).json()
    assert (viewed["state"], viewed["voucher_code"]) == ("viewed", None)
    activated = [(await client.post(f"{path}/activate")).json() for _ in range(2)]
    assert [(each["state"], each["voucher_code"]) for each in activated] == [("activated", codes[0])] * 2
    [other] = (await client.get("/v1/members/cus_2/offers")).json()["data"]
    gone = await client.post(f"/v1/offers/{other['id']}/activate")
    assert (gone.status_code, gone.json()["code"]) == (409, "offer_codes_gone")
    await ledger.hear(tea("later", datetime.now(UTC) + DAY))
    assert (await client.get(path)).json()["order_id"] == "later"
    assert (await client.get("/v1/members/cus_1/offers")).json()["data"] == []
    assert [each["state"] for each in (await client.get("/v1/members/cus_1/offers?ended=true")).json()["data"]] == ["redeemed"]
    assert [row[1:] for row in await ledger.told() if row[0] == offer["id"]] == [
        ("offer_made", 1),
        ("offer_activated", 2),
        ("offer_redeemed", 3),
    ]


async def test_an_offer_that_is_over_is_not_activated_and_told_of_once(client, ledger):
    await ledger.hear(*habit())
    made = await campaign(client, validity_days=1)
    await make(ledger, made["id"], at=datetime.now(UTC) - DAY)
    await make(ledger, made["id"], at=TODAY - 300 * DAY)
    await ledger.fetch("UPDATE offers SET valid_until = made_at + interval '1 second'")
    for row in await ledger.fetch("SELECT id FROM offers"):
        refused = await client.post(f"/v1/offers/{row['id']}/activate")
        assert (refused.status_code, refused.json()["code"]) == (409, "offer_expired")
    many = len(await offers(ledger))
    for expected in (many, 0):
        async with UnitOfWork(ledger.database) as uow:
            assert await service.note_expired(uow, 10) == expected
            await uow.commit()
    assert len(await events(ledger, "offer_expired")) == many


async def test_members_see_and_use_their_own_offers_only(client, ledger, token_of):
    now = datetime.now(UTC)
    await ledger.hear(*habit(last=now - 14 * DAY), *habit("cus_2", last=now - 14 * DAY))
    await make(ledger, (await campaign(client))["id"], "cus_1", "cus_2", at=now)
    own = {"authorization": f"Bearer {token_of('cus_1')}"}
    [mine] = (await client.get("/v1/members/cus_1/offers", headers=own)).json()["data"]
    [other] = (await client.get("/v1/members/cus_2/offers")).json()["data"]
    assert (await client.get(f"/v1/offers/{mine['id']}?customer_id=cus_1", headers=own)).status_code == 200
    for path in ("/v1/members/cus_2/offers", f"/v1/offers/{other['id']}?customer_id=cus_1", f"/v1/offers/{other['id']}"):
        assert (await client.get(path, headers=own)).status_code == 404
    assert (await client.get("/v1/offer-campaigns", headers=own)).status_code == 403


async def test_a_merged_person_has_the_offers_of_all_his_ids(client, ledger):
    now = datetime.now(UTC)
    events_of = habit(last=now - 14 * DAY)
    halves = [event.model_copy(update={"customer_id": f"cus_{1 + n % 2}"}) for n, event in enumerate(events_of)]
    await ledger.hear(*halves)
    merged = CustomerMerged(merge_id="mrg_1", survivor_id="cus_1", merged_id="cus_2", merged_at=now)
    await deliver(ledger.database, SERVICE, [(merged, 1)])
    await make(ledger, (await campaign(client))["id"], "cus_1", at=now)
    for customer in ("cus_1", "cus_2"):
        [offer] = (await client.get(f"/v1/members/{customer}/offers")).json()["data"]
        assert (offer["reason"]["purchases"], offer["reason"]["every_days"]) == (4, 14)
    await ledger.hear(tea("o1", now + DAY, customer="cus_2"))
    assert await offers(ledger) == [("cus_1", "tea", "o1", 50)]


async def test_erased_members_leave_no_purchases_and_no_offers(client, ledger):
    await ledger.hear(*habit())
    await make(ledger, (await campaign(client))["id"])
    async with ledger.database.acquire() as connection:
        shown = await collect(connection, ["cus_1"])
    assert (len(shown["offers"]), len(shown["purchase_lines"])) == (1, 4)
    erasure = CustomerErased(erasure_id="era_1", customer_id="cus_1", customer_ids=["cus_1"], requested_at=TODAY)
    await deliver(ledger.database, SERVICE, [(erasure, 1)])
    assert await make(ledger, (await campaign(client))["id"]) == []
    await ledger.hear(tea("late", TODAY))
    for table in ("offers", "purchase_lines"):
        assert await ledger.fetch(f"SELECT FROM {table}") == []


@pytest.mark.parametrize(
    ("terms", "pointer"),
    [
        ({"looking": {"strategy": "guess"}}, "/looking"),
        ({"benefit": {"kind": "multiplier", "factor": "0.5"}}, "/benefit/multiplier/factor"),
        ({"benefit": {"kind": "percent_off", "voucher_batch_id": "vbt_none"}, "needs_activation": True}, "/benefit/voucher_batch_id"),
        ({"control_share": 101}, "/control_share"),
    ],
)
async def test_campaigns_that_cannot_be_name_the_field(client, terms, pointer):
    body = {"name": {"en": "x"}, "looking": {"strategy": "affinity"}, "benefit": {"kind": "points", "points": 1}}
    answer = await client.post("/v1/offer-campaigns", json=body | terms)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_campaigns_are_listed_and_read(client):
    made = await campaign(client)
    read = await client.get(f"/v1/offer-campaigns/{made['id']}")
    assert (read.json(), read.headers["etag"]) == (made, '"1"')
    assert [each["id"] for each in (await client.get("/v1/offer-campaigns")).json()["data"]] == [made["id"]]
    assert (await client.get("/v1/offer-campaigns/ofc_none/results")).json()["code"] == "offer_campaign_not_found"
    assert (await client.get("/v1/offers/ofr_none")).json()["code"] == "offer_not_found"


async def test_the_worked_example_of_the_guide(client, ledger):
    days = [(9, 20), (10, 4), (10, 18), (11, 1)]
    await ledger.hear(*(tea(f"o{n}", datetime(2026, month, day, 9, tzinfo=UTC)) for n, (month, day) in enumerate(days)))
    made = await campaign(client, benefit={"kind": "multiplier", "factor": "2"}, needs_activation=False)
    await make(ledger, made["id"], at=TODAY)
    [row] = await ledger.fetch("SELECT reason, valid_until FROM offers")
    assert reason_texts(row["reason"])["en"] == "You buy tea about every 14 days; last on 2026-11-01."
    assert row["valid_until"] == datetime(2026, 11, 29, 12, tzinfo=UTC)
    before = (await ledger.member("cus_1"))[0]
    bought = order("o9", datetime(2026, 11, 17, 9, tzinfo=UTC), ("tea", 1, 1_050), ("cup", 1, 450))
    await ledger.hear(bought)
    assert (await ledger.member("cus_1"))[0] == before + 15 + 10
    await ledger.hear(back(bought, "r9", ("tea", 1, 1_050)))
    assert (await ledger.member("cus_1"))[0] == before + 4
    assert await offers(ledger) == [("cus_1", "tea", None, 0)]


async def test_an_order_that_comes_while_offers_are_made_is_not_missed(committed_ledger, committed_database, monkeypatch):
    """Either the order finds the offer or the offer finds the order, whoever is first."""
    monkeypatch.setattr(generating, "_BLOCK", 5)
    customers = [f"cus_{number:02}" for number in range(40)]
    now = datetime.now(UTC)
    await committed_ledger.hear(*[event for customer in customers for event in habit(customer, last=now - 14 * DAY)])
    draft = OfferCampaignDraft.model_validate(
        {
            "name": {"en": "x"},
            "looking": REPLENISH,
            "benefit": {"kind": "points", "points": 7},
            "control_share": 0,
            "needs_activation": False,
        }
    )
    async with UnitOfWork(committed_database) as uow:
        made = await service.make_campaign(uow, draft)
        await service.start(uow, made["id"], caller="server:test")
        await uow.commit()

    async def buy(some: list[str]) -> None:
        for customer in some:
            await committed_ledger.hear(tea(f"now_{customer}", datetime.now(UTC) + timedelta(hours=1), customer=customer))

    async with asyncio.timeout(60):
        worked, *_ = await asyncio.gather(
            JobRunner(committed_database, SERVICE.jobs).run_one(), buy(customers[::2]), buy(customers[1::2][::-1])
        )
    assert worked
    [job] = await committed_ledger.fetch("SELECT status, result FROM jobs")
    assert (job["status"], job["result"]["offers"]) == ("succeeded", 40)
    assert await offers(committed_ledger) == [(customer, "tea", f"now_{customer}", 7) for customer in customers]
    assert is_sound(await committed_ledger.proof())


async def test_lines_that_name_no_article_are_left_out_and_orders_that_cannot_be_refused(ledger):
    lines = [Line(sku=sku, quantity=1, amount_minor=100) for sku in ("tea", "", "x" * 201, "tea")]
    odd = tea("o1", TODAY).model_copy(update={"lines": lines, "amount_minor": 400})
    for _ in range(2):
        await ledger.hear(odd)
    rows = await ledger.fetch("SELECT order_id, sku, quantity, amount_minor FROM purchase_lines")
    assert [tuple(row) for row in rows] == [("o1", "tea", 2, 200)]
    with pytest.raises(UnusableEvent):
        await ledger.hear(tea("o2", TODAY.replace(year=1800)))
    with pytest.raises(UnusableEvent):
        await ledger.hear(tea("o" * 201, TODAY))
    assert len(await ledger.fetch("SELECT FROM purchase_lines")) == 1

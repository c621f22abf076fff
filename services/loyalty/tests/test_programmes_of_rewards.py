"""Rewards, vouchers, offers and households of programmes that run side by side."""

import json
from collections import Counter
from datetime import timedelta

import pytest
from rewards_help import DAY, events, made_batch, made_reward, redeemed
from test_offers import TODAY, campaign, habit, make, offers, order, tea
from test_offers import back as returned
from test_programmes import balance, published

from loyalty.ledger import service as ledger_service
from loyalty.ledger.rules import Grant
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.verification.rules import is_sound
from shared.database.unit_of_work import UnitOfWork

HABIT_SINCE = "2026-01-01T00:00:00Z"


async def give_in(ledger, programme_id: str, customer: str, points: int) -> None:
    async with UnitOfWork(ledger.database) as uow:
        grant = Grant(customer, points, f"gift:{customer}", TODAY - 90 * DAY)
        await ledger_service.grant(uow, [grant], programme_id=programme_id)
        await uow.commit()


async def told_of(ledger, kind: str) -> list[str | None]:
    """Return the programmes that events name, in order."""
    return [json.loads(payload).get("programme_id") for _, payload in await events(ledger, kind)]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/rewards", {"name": {"en": "A mug"}, "prices": [{"points": 5}]}),
        ("/v1/voucher-batches", {"campaign": "spring", "count": 1}),
        (
            "/v1/offer-campaigns",
            {"name": {"en": "Tea"}, "looking": {"strategy": "affinity"}, "benefit": {"kind": "points", "points": 5}},
        ),
    ],
)
async def test_each_is_of_one_programme_and_listed_with_it(client, path, body):
    club = await published(client)
    own, other = [(await client.post(path, json=body | more)).json() for more in ({}, {"programme_id": club})]
    assert (own["programme_id"], other["programme_id"]) == (PROGRAMME_ID, club)
    for programme_id, expected in ((None, own), (PROGRAMME_ID, own), (club, other)):
        listed = await client.get(path, params={"programme_id": programme_id} if programme_id else {})
        assert [each["id"] for each in listed.json()["data"]] == [expected["id"]]
    assert (await client.get(path, params={"programme_id": "prg_none"})).json()["code"] == "programme_not_found"
    assert (await client.post(path, json=body | {"programme_id": "prg_none"})).json()["code"] == "programme_not_found"


async def test_a_reward_is_paid_from_the_wallets_of_its_programme(client, ledger):
    club = await published(client, wallets=[{"code": "leaves", "kind": "points"}])
    await give_in(ledger, club, "cus_1", 100)
    goods = await made_reward(client, 60, programme_id=club)
    batch, _ = await made_batch(client)
    code = await made_reward(client, 60, programme_id=club, kind="voucher", voucher_batch_id=batch)
    assert (await client.get("/v1/members/cus_1/rewards")).json()["rewards"] == []
    mine = (await client.get("/v1/members/cus_1/rewards", params={"programme_id": club})).json()
    assert (mine["balance"], [each["affordable"] for each in mine["rewards"]]) == (100, [True, True])

    taken = await redeemed(client, goods["id"])
    assert (taken.status_code, taken.json()["programme_id"], taken.json()["status"]) == (201, club, "pending")
    assert (await balance(client, club), await balance(client)) == (40, 0)
    assert (await redeemed(client, code["id"])).json()["code"] == "insufficient_points"
    assert (await client.post(f"/v1/redemptions/{taken.json()['id']}/fulfil")).json()["status"] == "fulfilled"
    assert (await client.post(f"/v1/redemptions/{taken.json()['id']}/cancel")).json()["status"] == "cancelled"
    given = (await redeemed(client, code["id"])).json()
    assert (given["status"], len(given["voucher_codes"]), await balance(client, club)) == ("fulfilled", 1, 40)
    assert await told_of(ledger, "reward_redeemed") == [club, club]
    assert is_sound(await ledger.proof())


async def test_codes_of_a_reward_are_of_its_programme_or_the_default_one(client):
    club, other = await published(client), await published(client)
    batch, _ = await made_batch(client, programme_id=other)
    wanted = {"name": {"en": "x"}, "prices": [{"points": 5}], "kind": "voucher", "voucher_batch_id": batch}
    for programme_id, status in ((other, 201), (club, 422), (None, 422)):
        answer = await client.post("/v1/rewards", json=wanted | {"programme_id": programme_id})
        assert answer.status_code == status, answer.text
    wallet = await client.post("/v1/rewards", json=wanted | {"programme_id": other, "wallet": "leaves"})
    assert wallet.json()["code"] == "wallet_not_found"
    offered = {"kind": "percent_off", "voucher_batch_id": batch}
    body = {"name": {"en": "x"}, "looking": {"strategy": "affinity"}, "benefit": offered}
    assert (await client.post("/v1/offer-campaigns", json=body | {"programme_id": club})).json()["code"] == "offer_terms_invalid"
    assert (await client.post("/v1/offer-campaigns", json=body | {"programme_id": other})).status_code == 201
    challenge = {"name": {"en": "Five"}, "goal": {"kind": "count", "target": 5}, "reward": {"voucher_batch_id": batch}}
    for programme_id, status in ((club, 422), (other, 201)):
        answer = await client.post("/v1/challenges", json=challenge, params={"programme_id": programme_id})
        assert answer.status_code == status, answer.text


async def test_a_code_of_a_programme_is_for_those_who_take_part(client, ledger, story):
    club = await published(client)
    await ledger.hear(story.registered())
    _, (code, *_) = await made_batch(client, programme_id=club)
    question = {"code": code, "customer_id": "cus_1"}
    path = f"/v1/members/cus_1/programmes/{club}"
    assert (await client.delete(path)).status_code == 204
    # He left at the moment of the clock that stands; the database's is ahead of it.
    assert (await client.post("/v1/vouchers/validate", json=question)).json()["reason"] == "voucher_programme_left"
    refused = await client.post("/v1/vouchers/redeem", json=question | {"reference": "r1"})
    assert (refused.status_code, refused.json()["code"]) == (409, "voucher_programme_left")
    assert (await client.post("/v1/vouchers/validate", json={"code": code})).json()["valid"]
    assert (await client.put(path)).status_code == 204
    used = await client.post("/v1/vouchers/redeem", json=question | {"reference": "r1"})
    assert used.status_code == 201, used.text
    assert await told_of(ledger, "voucher_redeemed") == [club]


async def test_an_offer_gives_points_to_its_programme_by_its_rate(client, ledger):
    club = await published(client, HABIT_SINCE)
    await ledger.hear(*habit())
    before = await balance(client), await balance(client, club)
    made = await campaign(client, programme_id=club, benefit={"kind": "multiplier", "factor": "2"})
    await make(ledger, made["id"])
    [shown] = (await client.get("/v1/members/cus_1/offers", params={"programme_id": club})).json()["data"]
    assert (shown["programme_id"], (await client.get("/v1/members/cus_1/offers")).json()["data"]) == (club, [shown])
    assert (await client.get("/v1/members/cus_1/offers", params={"programme_id": PROGRAMME_ID})).json()["data"] == []

    bought = order("won", TODAY + DAY, ("tea", 1, 1_050), ("cup", 1, 450))
    await ledger.hear(bought)
    # Three points a unit: 45 for the order, and 31 once more for the tea. The default programme gives its 15.
    assert (await balance(client) - before[0], await balance(client, club) - before[1]) == (15, 45 + 31)
    await ledger.hear(returned(bought, "ret_1", ("tea", 1, 1_050)))
    assert (await balance(client) - before[0], await balance(client, club) - before[1]) == (4, 13)
    assert await offers(ledger) == [("cus_1", "tea", None, 0)]
    assert Counter(await told_of(ledger, "points_reversed")) == {None: 1, club: 2}
    assert is_sound(await ledger.proof())


async def test_an_offer_looks_at_orders_of_its_currency_and_time_only(client, ledger):
    dollars = {"rate": {"points": 3, "amount_minor": 100, "currencies": ["USD"]}}
    foreign, short = await published(client, HABIT_SINCE, **dollars), await published(client, HABIT_SINCE)
    await ledger.hear(*habit())
    for programme_id in (foreign, short):
        made = await campaign(client, programme_id=programme_id, benefit={"kind": "multiplier", "factor": "2"})
        await make(ledger, made["id"])
    until = (TODAY + timedelta(hours=1)).isoformat()
    assert (await client.post(f"/v1/programmes/{short}/end", json={"effective_until": until})).status_code == 200
    await ledger.hear(tea("late", TODAY + DAY))
    rows = await ledger.fetch("SELECT programme_id, order_id, points FROM offers JOIN offer_campaigns AS made ON made.id = campaign_id")
    told = {tuple(row) for row in rows}
    # Bought in euros the tea redeems the offer and earns nothing there; after the end of the other it redeems nothing.
    assert told == {(foreign, "late", 0), (short, None, 0)}


async def test_offers_are_made_while_a_programme_runs_and_for_who_takes_part(client, ledger, clock):
    club = await published(client, HABIT_SINCE)
    await ledger.hear(*habit(), *habit("cus_2"))
    made = await campaign(client, programme_id=club)
    assert (await client.delete(f"/v1/members/cus_2/programmes/{club}")).status_code == 204
    await make(ledger, made["id"], "cus_1", "cus_2")
    assert [row[0] for row in await offers(ledger)] == ["cus_1"]
    assert (await client.post(f"/v1/offer-campaigns/{made['id']}/generate")).status_code == 202
    draft = (await client.post("/v1/programmes", json={"name": "Draft", "rate": {"points": 1, "amount_minor": 100}})).json()["id"]
    early = await campaign(client, programme_id=draft)
    refused = await client.post(f"/v1/offer-campaigns/{early['id']}/generate")
    assert (refused.status_code, refused.json()["code"]) == (409, "programme_not_running")


async def test_a_household_spends_together_in_every_programme(client, ledger):
    club = await published(client)
    for customer in ("cus_1", "cus_2"):
        await give_in(ledger, club, customer, 30)
    reward = await made_reward(client, 50, programme_id=club)
    assert (await redeemed(client, reward["id"])).json()["code"] == "insufficient_points"
    assert (await client.post("/v1/households", json={"customer_ids": ["cus_1", "cus_2"]})).status_code == 201
    assert (await redeemed(client, reward["id"])).status_code == 201
    assert (await balance(client, club) + await balance(client, club, "cus_2"), await balance(client)) == (10, 0)
    assert is_sound(await ledger.proof())

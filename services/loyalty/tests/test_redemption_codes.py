"""Rewards that give codes: drawn once, given at once, void when they are cancelled."""

from rewards_help import decide, give, made_batch, made_reward, redeemed, remaining


async def test_a_voucher_is_drawn_and_given_at_once(client, ledger):
    await give(ledger, "cus_1", 300)
    await give(ledger, "cus_2", 300)
    batch, codes = await made_batch(client)
    reward = await made_reward(client, 100, kind="voucher", voucher_batch_id=batch)
    first = (await redeemed(client, reward["id"])).json()
    two = (await redeemed(client, reward["id"], "cus_2", quantity=2)).json()
    assert (first["status"], first["hold_id"]) == ("fulfilled", None)
    assert sorted([*first["voucher_codes"], *two["voucher_codes"]]) == codes
    assert first["voucher_code"] == first["voucher_codes"][0]
    assert await ledger.member("cus_1") == (200, 300)
    use = {"code": first["voucher_code"], "reference": "receipt-1"}
    stolen = await client.post("/v1/vouchers/redeem", json=use | {"customer_id": "cus_2"})
    assert stolen.json()["code"] == "voucher_of_another_customer"
    assert (await client.post("/v1/vouchers/redeem", json=use | {"customer_id": "cus_1"})).status_code == 201
    empty = await redeemed(client, reward["id"])
    assert (empty.status_code, empty.json()["code"]) == (409, "reward_sold_out")
    assert await ledger.member("cus_1") == (200, 300)
    assert [sequence for aggregate, _, sequence in await ledger.told() if aggregate == first["id"]] == [1, 2]


async def test_no_more_codes_are_drawn_than_were_asked_for_whatever_the_plan(client, ledger):
    """A join may look for free codes once a row, and finds others each time."""
    for way in ("hashjoin", "mergejoin", "hashagg", "sort", "material", "memoize"):
        await ledger.fetch(f"SET LOCAL enable_{way} = off")
    await give(ledger, "cus_1", 300)
    batch, codes = await made_batch(client, 3)
    reward = await made_reward(client, 100, kind="voucher", voucher_batch_id=batch)
    drawn = [(await redeemed(client, reward["id"])).json()["voucher_codes"] for _ in range(3)]
    assert sorted(drawn) == [[code] for code in codes]


async def test_a_cancelled_voucher_is_void_and_one_that_was_used_is_not_cancelled(client, ledger):
    await give(ledger, "cus_1", 300)
    batch, _ = await made_batch(client)
    reward = await made_reward(client, 100, kind="discount", voucher_batch_id=batch, stock=9)
    taken = (await redeemed(client, reward["id"])).json()
    use = {"code": taken["voucher_code"], "customer_id": "cus_1", "reference": "receipt-1"}
    used = (await client.post("/v1/vouchers/redeem", json=use)).json()
    refused = await decide(client, taken["id"], "cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "redemption_voucher_used")
    await client.post(f"/v1/voucher-redemptions/{used['id']}/rollback")
    cancelled = await decide(client, taken["id"], "cancel", {"reason": "mistake"})
    assert (cancelled.json()["status"], cancelled.json()["cancel_reason"]) == ("cancelled", "mistake")
    assert await ledger.member("cus_1") == (300, 300)
    assert await remaining(ledger, reward["id"]) == 9
    assert (await client.post("/v1/vouchers/redeem", json=use)).json()["code"] == "voucher_inactive"
    # Nobody else gets a code that somebody knew.
    others = [(await redeemed(client, reward["id"])).json() for _ in range(2)]
    assert taken["voucher_code"] not in [each["voucher_code"] for each in others]
    assert (await redeemed(client, reward["id"])).json()["code"] == "reward_sold_out"

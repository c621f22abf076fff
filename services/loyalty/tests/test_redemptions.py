"""Redemptions: held or given at once, fulfilled, cancelled, ended by time; never oversold, never refunded twice."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from rewards_help import DAY, decide, events, give, made_batch, made_reward, redeem_at, redeemed, remaining

from loyalty.app import SERVICE
from loyalty.holds import service as holds
from loyalty.privacy.service import collect
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.redemptions import service as redemptions
from loyalty.redemptions.errors import RedemptionClosed
from loyalty.rewards import repository as rewards
from loyalty.rewards.errors import RewardSoldOut
from loyalty.settings import LoyaltySettings
from loyalty.verification.rules import is_sound
from shared.contracts.customers import CustomerErased, CustomerMerged, SigningKeyPublished
from shared.database.pool import PoolDatabase
from shared.database.unit_of_work import UnitOfWork
from shared.errors import Conflict
from shared.http import create_app
from shared.http.tokens import SigningKey, mint_member_token
from shared.testing.bus import deliver

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_CONNECTIONS = 16


async def call(ledger, function, *arguments, **named):
    async with UnitOfWork(ledger.database) as uow:
        result = await function(uow, *arguments, **named)
        await uow.commit()
    return result


async def test_goods_hold_the_points_until_they_are_handed_over(client, ledger):
    await give(ledger, "cus_1", 300)
    reward = await made_reward(client, 100, stock=5)
    answer = await redeemed(client, reward["id"], quantity=2)
    taken = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/v1/redemptions/{taken['id']}")
    assert (taken["status"], taken["points"], taken["quantity"], taken["voucher_code"]) == ("pending", 200, 2, None)
    assert await ledger.member("cus_1") == (100, 300)
    assert await ledger.entries("cus_1") == [("accrual", None, 300)]
    assert await remaining(ledger, reward["id"]) == 3
    assert (await client.get(f"/v1/rewards/{reward['id']}")).json()["reserved"] == 2

    for _ in range(2):
        done = await decide(client, taken["id"], "fulfil")
        assert (done.status_code, done.json()["status"]) == (200, "fulfilled")
    assert await ledger.entries("cus_1") == [("accrual", None, 300), ("redemption", None, -200)]
    read = await client.get(f"/v1/redemptions/{taken['id']}")
    assert read.json() == done.json()
    assert (await client.get(f"/v1/redemptions/{taken['id']}", headers={"if-none-match": read.headers["etag"]})).status_code == 304
    assert [kind for kind, *_ in [(row[1], row[2]) for row in await ledger.told() if row[0] == taken["id"]]] == [
        "reward_redeemed",
        "redemption_fulfilled",
    ]
    assert is_sound(await ledger.proof())


async def test_points_and_money_are_a_way_to_pay(client, ledger):
    await give(ledger, "cus_1", 300)
    prices = [{"points": 250}, {"option": "mixed", "points": 50, "amount_minor": 300, "currency": "EUR"}]
    reward = await made_reward(client, prices=prices, kind="experience")
    taken = (await redeemed(client, reward["id"], quantity=3, option="mixed")).json()
    assert (taken["points"], taken["amount_minor"], taken["currency"], taken["option"]) == (150, 900, "EUR", "mixed")
    refused = await redeemed(client, reward["id"], option="money")
    assert (refused.status_code, refused.json()["code"], refused.json()["errors"][0]["pointer"]) == (422, "option_unknown", "/option")


async def test_a_redemption_cancelled_twice_is_refunded_once(client, ledger):
    """Blnk: concurrent and repeated refunds of one transaction paid twice."""
    await give(ledger, "cus_1", 300)
    reward = await made_reward(client, 100, stock=5)
    for fulfil_first in (False, True):
        taken = (await redeemed(client, reward["id"])).json()
        if fulfil_first:
            await decide(client, taken["id"], "fulfil")
        answers = [await decide(client, taken["id"], "cancel") for _ in range(3)]
        assert {(each.status_code, each.json()["status"]) for each in answers} == {(200, "cancelled")}
        assert await ledger.member("cus_1") == (300, 300)
        assert await remaining(ledger, reward["id"]) == 5
        refused = await decide(client, taken["id"], "fulfil")
        assert (refused.status_code, refused.json()["code"], refused.json()["status"]) == (409, "redemption_closed", 409)
    assert [entry[0] for entry in await ledger.entries("cus_1")] == ["accrual", "redemption", "restoration"]
    assert len(await events(ledger, "redemption_cancelled")) == 2
    assert is_sound(await ledger.proof())


async def test_points_that_come_back_keep_their_expiry(ledger, client):
    await give(ledger, "cus_1", 60, expires_at=NOW + 5 * DAY, source="soon")
    await give(ledger, "cus_1", 60, source="never")
    reward = await made_reward(client, 100)
    row = await redeem_at(ledger, reward["id"], NOW)
    await call(ledger, redemptions.fulfil, row["id"], at=NOW + DAY)
    await call(ledger, redemptions.cancel, row["id"], at=NOW + 6 * DAY)
    # 60 came back to a lot that had expired meanwhile.
    lots = await ledger.fetch("SELECT remaining, nullif(expires_at, 'infinity') AS expires_at FROM lots ORDER BY expires_at")
    assert [tuple(row) for row in lots] == [(60, NOW + 5 * DAY), (60, None)]
    async with ledger.database.acquire() as connection:
        assert await rewards.spendable(connection, PROGRAMME_ID, ["points"], "cus_1", NOW + 6 * DAY) == {"points": 60}


async def test_not_enough_points_take_nothing(client, ledger):
    await give(ledger, "cus_1", 99)
    batch, _ = await made_batch(client)
    for terms in ({"stock": 1}, {"stock": 1, "kind": "voucher", "voucher_batch_id": batch}):
        reward = await made_reward(client, 100, **terms)
        refused = await redeemed(client, reward["id"])
        assert (refused.status_code, refused.json()["code"], refused.json()["spendable"]) == (409, "insufficient_points", 99)
        assert await remaining(ledger, reward["id"]) == 1
    assert await ledger.fetch("SELECT FROM vouchers WHERE customer_id IS NOT NULL") == []
    assert await ledger.fetch("SELECT FROM redemptions") == []


@pytest.mark.parametrize(
    ("terms", "code", "extras"),
    [
        ({"stock": 0}, "reward_sold_out", {}),
        ({"valid_from": "2100-01-01T00:00:00Z"}, "reward_not_in_force", {}),
        ({"valid_to": "2001-01-01T00:00:00Z"}, "reward_not_in_force", {}),
        ({"eligibility": {"tiers": ["platinum"]}}, "reward_not_eligible", {"reason": "tier"}),
        ({"eligibility": {"condition": "customer.country == 'LV'"}}, "reward_not_eligible", {"reason": "condition"}),
        ({"eligibility": {"minimum_balance": 1_000}}, "reward_not_eligible", {"reason": "minimum_balance"}),
        ({"limits": [{"quantity": 1, "period": "month"}]}, "reward_limit_reached", {"period": "month", "limit": 1}),
    ],
)
async def test_what_is_refused_says_why(client, ledger, terms, code, extras):
    await give(ledger, "cus_1", 500)
    reward = await made_reward(client, 1, **terms)
    refused = await redeemed(client, reward["id"], quantity=2)
    assert (refused.status_code, refused.json()["code"]) == (409, code)
    assert extras.items() <= refused.json().items()
    assert await ledger.member("cus_1") == (500, 500)


async def test_archived_and_unknown_rewards_and_members(client, ledger):
    await give(ledger, "cus_1", 500)
    reward = await made_reward(client, 1)
    await client.delete(f"/v1/rewards/{reward['id']}", headers={"if-match": '"1"'})
    assert (await redeemed(client, reward["id"])).json()["code"] == "reward_not_in_force"
    assert (await redeemed(client, "rew_none")).json()["code"] == "reward_not_found"
    assert (await redeemed(client, reward["id"], "cus_none")).json()["code"] == "member_not_found"
    for answer in (
        await client.get("/v1/redemptions/rdm_none"),
        await decide(client, "rdm_none", "cancel"),
        await decide(client, "rdm_none", "fulfil"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "redemption_not_found")


async def test_a_limit_counts_the_person_and_what_was_cancelled_not(client, ledger):
    await give(ledger, "cus_1", 500)
    await give(ledger, "cus_2", 500)
    reward = await made_reward(client, 1, limits=[{"quantity": 2}])
    merged = CustomerMerged(merge_id="mrg_1", survivor_id="cus_1", merged_id="cus_2", merged_at=NOW)
    await deliver(ledger.database, SERVICE, [(merged, 1)])
    first = (await redeemed(client, reward["id"], "cus_1")).json()
    assert (await redeemed(client, reward["id"], "cus_2")).status_code == 201
    assert (await redeemed(client, reward["id"], "cus_2")).json()["code"] == "reward_limit_reached"
    await decide(client, first["id"], "cancel")
    assert (await redeemed(client, reward["id"], "cus_2")).status_code == 201


async def test_what_nobody_hands_over_ends_by_time_exactly_and_without_a_worker(ledger, client):
    await give(ledger, "cus_1", 100)
    await give(ledger, "cus_2", 100)
    reward = await made_reward(client, 100, stock=1, fulfil_within_days=3)
    row = await redeem_at(ledger, reward["id"], NOW)
    end = NOW + 3 * DAY
    assert (row["expires_at"], await remaining(ledger, reward["id"], end - timedelta(microseconds=1))) == (end, 0)
    with pytest.raises(RewardSoldOut):
        await redeem_at(ledger, reward["id"], end - timedelta(microseconds=1), "cus_2")
    assert await remaining(ledger, reward["id"], end) == 1
    with pytest.raises(RedemptionClosed):
        await call(ledger, redemptions.fulfil, row["id"], at=end)
    # Nobody noted it, and the piece is to be had again.
    other = await redeem_at(ledger, reward["id"], end, "cus_2")
    assert (other["status"], await remaining(ledger, reward["id"], end)) == ("pending", 0)
    [(_, told)] = await events(ledger, "redemption_cancelled")
    assert b"timed_out" in bytes(told) if isinstance(told, (bytes, bytearray)) else "timed_out" in told
    assert await call(ledger, redemptions.note_timed_out, 10, at=end + 4 * DAY) == 1
    assert await call(ledger, redemptions.note_timed_out, 10, at=end + 4 * DAY) == 0
    assert await remaining(ledger, reward["id"], end + 4 * DAY) == 1


async def test_a_hold_that_was_captured_or_let_go_by_itself(client, ledger):
    await give(ledger, "cus_1", 300)
    reward = await made_reward(client, 100, stock=5)
    captured = (await redeemed(client, reward["id"])).json()
    await client.post(f"/v1/holds/{captured['hold_id']}/capture")
    assert (await decide(client, captured["id"], "fulfil")).json()["status"] == "fulfilled"
    voided = (await redeemed(client, reward["id"])).json()
    await client.post(f"/v1/holds/{voided['hold_id']}/void")
    assert (await decide(client, voided["id"], "fulfil")).json()["code"] == "redemption_closed"
    assert (await decide(client, voided["id"], "cancel")).json()["status"] == "cancelled"
    assert (await decide(client, captured["id"], "cancel")).json()["status"] == "cancelled"
    assert await ledger.member("cus_1") == (300, 300)
    assert await remaining(ledger, reward["id"]) == 5
    assert is_sound(await ledger.proof())


async def test_lists_by_member_and_status(client, ledger):
    await give(ledger, "cus_1", 500)
    await give(ledger, "cus_2", 500)
    reward = await made_reward(client, 10)
    ids = [(await redeemed(client, reward["id"], customer)).json()["id"] for customer in ("cus_1", "cus_2", "cus_1", "cus_1")]
    await decide(client, ids[0], "fulfil")
    await decide(client, ids[2], "cancel")

    async def listed(query: str) -> list[int]:
        return [ids.index(each["id"]) for each in (await client.get(f"/v1/redemptions{query}")).json()["data"]]

    assert await listed("") == [3, 2, 1, 0]
    assert await listed("?customer_id=cus_1") == [3, 2, 0]
    assert await listed("?status=pending") == [3, 1]
    assert await listed("?status=timed_out") == []
    assert await listed("?customer_id=cus_1&status=pending") == [3]
    page = (await client.get("/v1/redemptions?limit=3")).json()
    assert [
        ids.index(each["id"]) for each in (await client.get(f"/v1/redemptions?limit=3&cursor={page['next_cursor']}")).json()["data"]
    ] == [0]
    await ledger.fetch("UPDATE redemptions SET expires_at = '2001-01-01' WHERE id = $1", ids[3])
    assert (await listed("?status=pending"), await listed("?status=timed_out")) == ([1], [3])


async def test_members_redeem_for_themselves_only(client, ledger, clock):
    await give(ledger, "cus_1", 500)
    await give(ledger, "cus_2", 500)
    reward = await made_reward(client, 10)
    key = SigningKey.generate()
    await ledger.hear(SigningKeyPublished(kid=key.kid, jwk=dict(key.jwk), published_at=NOW))
    token = mint_member_token(key, customer_id="cus_1", scopes=["loyalty:read", "loyalty:write"], now=clock.now(), minted_by="key_1")
    own = {"authorization": f"Bearer {token}"}
    body = {"reward_id": reward["id"]}
    taken = await client.post("/v1/members/cus_1/redemptions", json=body, headers=own)
    assert taken.status_code == 201, taken.text
    path = f"/v1/redemptions/{taken.json()['id']}"
    assert (await client.post("/v1/members/cus_2/redemptions", json=body, headers=own)).status_code == 404
    assert (await client.post("/v1/redemptions", json=body | {"customer_id": "cus_1"}, headers=own)).status_code == 403
    assert (await client.get(f"{path}?customer_id=cus_1", headers=own)).status_code == 200
    other = (await redeemed(client, reward["id"], "cus_2")).json()
    assert (await client.get(f"/v1/redemptions/{other['id']}?customer_id=cus_1", headers=own)).status_code == 404
    assert (await client.get(path, headers=own)).status_code == 404
    assert (await client.post(f"{path}/fulfil", headers=own)).status_code == 403
    listed = (await client.get("/v1/redemptions?customer_id=cus_1", headers=own)).json()["data"]
    assert [each["id"] for each in listed] == [taken.json()["id"]]


async def test_the_same_idempotency_key_redeems_once(client, ledger):
    await give(ledger, "cus_1", 500)
    reward = await made_reward(client, 100, stock=9)
    body = {"customer_id": "cus_1", "reward_id": reward["id"]}
    answers = [await client.post("/v1/redemptions", json=body, headers={"idempotency-key": "tap-1"}) for _ in range(3)]
    assert {(each.status_code, each.json()["id"]) for each in answers} == {(201, answers[0].json()["id"])}
    assert await remaining(ledger, reward["id"]) == 8


async def test_erased_members_leave_no_code_and_what_waits_for_them_is_free(client, ledger):
    await give(ledger, "cus_1", 500)
    batch, _ = await made_batch(client)
    goods = await made_reward(client, 100, stock=5)
    voucher = await made_reward(client, 100, kind="voucher", voucher_batch_id=batch)
    await redeemed(client, goods["id"])
    given_code = (await redeemed(client, voucher["id"])).json()["voucher_code"]
    async with ledger.database.acquire() as connection:
        shown = await collect(connection, ["cus_1"])
    assert [row["voucher_codes"] for row in shown["redemptions"]] == [[], [given_code]]
    erasure = CustomerErased(erasure_id="era_1", customer_id="cus_1", customer_ids=["cus_1"], requested_at=NOW)
    await deliver(ledger.database, SERVICE, [(erasure, 1)])
    rows = await ledger.fetch("SELECT status, cancel_reason, voucher_codes FROM redemptions ORDER BY created_at")
    assert [tuple(row) for row in rows] == [("cancelled", "membership_ended", []), ("fulfilled", None, [])]
    assert await remaining(ledger, goods["id"]) == 5
    assert await ledger.fetch("SELECT FROM vouchers WHERE customer_id IS NOT NULL OR (code = $1 AND voided_at IS NULL)", given_code) == []
    assert (await redeemed(client, goods["id"])).json()["code"] == "member_not_found"
    assert is_sound(await ledger.proof())


steps = st.tuples(st.sampled_from(["redeem", "redeem", "fulfil", "cancel", "wait"]), st.sampled_from(["cus_1", "cus_2"]), st.integers(0, 5))
_REWARD = """
INSERT INTO rewards (id, programme_id, name, kind, wallet, prices, stock, fulfil_within_days)
SELECT 'rew_1', id, '{"en": "x"}', 'goods', 'points', '[{"option": "points", "points": 100}]', 3, 2 FROM programmes WHERE id = $1
"""


@dataclass
class Model:
    """Two members with 250 points each, three pieces at 100 points, two days to fulfil; what became of each redemption."""

    at: datetime = NOW
    rows: list[list] = field(default_factory=list)

    def live(self) -> list[list]:
        return [row for row in self.rows if row[2] == "fulfilled" or (row[2] == "pending" and row[3] > self.at)]

    def points(self, customer: str) -> int:
        return 250 - 100 * sum(row[1] == customer for row in self.live())

    def refusal(self, customer: str) -> str | None:
        if len(self.live()) == 3:
            return "reward_sold_out"
        return "insufficient_points" if self.points(customer) < 100 else None

    def ends(self, row: list, kind: str) -> bool:
        """Whether it can no more be fulfilled or cancelled; to do the same again is no error."""
        timed_out = row[2] == "pending" and row[3] <= self.at
        return timed_out or (row[2] == "cancelled" and kind == "fulfil")


async def _tried(awaitable) -> tuple[str | None, Any]:
    try:
        return None, await awaitable
    except Conflict as refusal:
        return refusal.code, None


async def _play(ledger, model: Model, kind: str, customer: str, number: int) -> None:
    if kind == "wait":
        model.at += DAY * number
    elif kind == "redeem":
        expected = model.refusal(customer)
        code, row = await _tried(redeem_at(ledger, "rew_1", model.at, customer))
        assert code == expected
        if row is not None:
            model.rows.append([row["id"], customer, "pending", model.at + 2 * DAY])
    elif model.rows:
        row = model.rows[number % len(model.rows)]
        expected = "redemption_closed" if model.ends(row, kind) else None
        code, _ = await _tried(call(ledger, getattr(redemptions, kind), row[0], at=model.at))
        assert code == expected
        if code is None:
            row[2] = {"fulfil": "fulfilled", "cancel": "cancelled"}[kind]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(script=st.lists(steps, max_size=12))
async def test_points_and_pieces_are_what_the_model_says_after_any_story(empty_ledger, script):
    async with empty_ledger() as ledger:
        for customer in ("cus_1", "cus_2"):
            await give(ledger, customer, 250)
        await ledger.fetch(_REWARD, PROGRAMME_ID)
        model = Model()
        for kind, customer, number in script:
            await _play(ledger, model, kind, customer, number)
        assert await remaining(ledger, "rew_1", model.at) == 3 - len(model.live())
        async with ledger.database.acquire() as connection:
            for customer in ("cus_1", "cus_2"):
                left = await rewards.spendable(connection, PROGRAMME_ID, ["points"], customer, model.at)
                assert left["points"] == model.points(customer)
        assert is_sound(await ledger.proof())


@pytest.fixture
async def many_connections(committed_dsn) -> AsyncIterator[PoolDatabase]:
    database = await PoolDatabase.connect(committed_dsn, max_size=_CONNECTIONS, application_name="tests")
    yield database
    await database.close()


async def test_a_thousand_at_once_get_the_hundred_pieces_there_are(committed_ledger, many_connections, committed_key, clock):
    """Coupons and stocks of others were oversold by looking first and writing then."""
    customers = [f"cus_{number}" for number in range(200)]
    for customer in customers:
        await give(committed_ledger, customer, 350)
    limits = LoyaltySettings(database_url=SecretStr("postgresql://unused"), rate_limit_per_minute=10**6)
    app = create_app(SERVICE, limits, database=many_connections, clock=clock)
    headers = {"authorization": f"Bearer {await committed_key()}"}
    transport = httpx2.ASGITransport(app=app)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        reward = await made_reward(client, 100, stock=100)
        # As many callers as connections: more would only queue for them, and be told so after a second.
        gate = asyncio.Semaphore(_CONNECTIONS)

        async def try_it(number: int) -> tuple[int, str]:
            async with gate:
                answer = await redeemed(client, reward["id"], customers[number % 200])
            return answer.status_code, answer.json().get("code", "")

        answers = await asyncio.gather(*map(try_it, range(1_000)))
        assert answers.count((201, "")) == 100
        assert set(answers) <= {(201, ""), (409, "reward_sold_out"), (409, "insufficient_points")}
        rows = await committed_ledger.fetch("SELECT id, customer_id, hold_id FROM redemptions")
        assert (await client.get(f"/v1/rewards/{reward['id']}")).json()["remaining"] == 0
        # Every fourth is cancelled three times at once.
        cancelled = [row["id"] for row in rows][::4]

        async def cancel(redemption_id: str) -> httpx2.Response:
            async with gate:
                return await decide(client, redemption_id, "cancel")

        again = await asyncio.gather(*map(cancel, [redemption_id for redemption_id in cancelled for _ in range(3)]))
        assert {answer.status_code for answer in again} == {200}
        assert (await client.get(f"/v1/rewards/{reward['id']}")).json()["remaining"] == len(cancelled)
    kept = [row for row in rows if row["id"] not in cancelled]
    for customer in customers[:20]:
        assert (await committed_ledger.member(customer))[0] == 350 - 100 * sum(row["customer_id"] == customer for row in kept)
    assert is_sound(await committed_ledger.proof())
    async with many_connections.acquire() as connection:
        states = {(await holds.found(connection, row["hold_id"])).state for row in kept}
    assert states == {"open"}


async def test_the_worked_example_of_the_guide(client, ledger):
    await give(ledger, "cus_1", 620)
    reward = await made_reward(client, 500, stock=100)
    taken = (await redeemed(client, reward["id"])).json()
    assert (await ledger.member("cus_1"))[0] == 120
    assert await remaining(ledger, reward["id"]) == 99
    await decide(client, taken["id"], "fulfil")
    for _ in range(2):
        assert (await decide(client, taken["id"], "cancel")).json()["status"] == "cancelled"
        moved = [(kind, points) for kind, _, points in await ledger.entries("cus_1")]
        assert moved == [("accrual", 620), ("redemption", -500), ("restoration", 500)]
        assert ((await ledger.member("cus_1"))[0], await remaining(ledger, reward["id"])) == (620, 100)


async def test_a_frozen_member_takes_nothing_and_loses_nothing(client, ledger):
    await give(ledger, "cus_1", 500)
    batch, _ = await made_batch(client)
    goods = await made_reward(client, 100, stock=5)
    voucher = await made_reward(client, 100, kind="voucher", voucher_batch_id=batch)
    waiting = (await redeemed(client, goods["id"])).json()
    await client.post("/v1/members/cus_1/freeze", json={"reason": "stolen phone"})
    for answer in (
        await redeemed(client, goods["id"]),
        await redeemed(client, voucher["id"]),
        await decide(client, waiting["id"], "fulfil"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "member_frozen")
    assert ((await ledger.member("cus_1"))[0], await remaining(ledger, goods["id"])) == (400, 4)
    assert (await decide(client, waiting["id"], "cancel")).json()["status"] == "cancelled"
    assert ((await ledger.member("cus_1"))[0], await remaining(ledger, goods["id"])) == (500, 5)

"""What people move: adjustments with a second pair of eyes, gifts, and households that spend together."""

from datetime import UTC, datetime, timedelta

import pytest

from loyalty.ledger import service
from loyalty.ledger.rules import Draw, Grant
from loyalty.verification.rules import is_sound
from shared.contracts.customers import ApiKeyIssued
from shared.contracts.loyalty import PointsAdjusted, PointsTransferred
from shared.database.unit_of_work import UnitOfWork
from shared.http.api_keys import generate_key
from shared.testing.bus import expect

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


async def give(ledger, customer, points, *, expires_at=None, source="src_1"):
    async with UnitOfWork(ledger.database) as uow:
        await service.grant(uow, [Grant(customer, points, source, NOW, expires_at=expires_at)])
        await uow.commit()


@pytest.fixture
async def other_key(ledger) -> dict[str, str]:
    """The header of a second person."""
    made = generate_key()
    await ledger.hear(
        ApiKeyIssued(key_id=made.key_id, secret_sha256=made.sha256.hex(), name="second", scopes=["loyalty:manage"], issued_at=NOW)
    )
    return {"authorization": f"Bearer {made.key}"}


async def adjust(client, points, **more):
    return await client.post("/v1/adjustments", json={"customer_id": "cus_1", "points": points, "reason": "late delivery"} | more)


async def test_a_small_adjustment_is_posted_at_once(client, ledger):
    await give(ledger, "cus_1", 10)
    async with expect(ledger.database, PointsAdjusted, PointsAdjusted) as told:
        given = await adjust(client, 500)
        assert (given.status_code, given.json()["state"]) == (201, "posted")
        assert (await adjust(client, -100)).json()["points"] == -100
    assert [event.points for event in told] == [500, -100]
    assert await ledger.member("cus_1") == (410, 10)
    [entry, _, _] = (await client.get("/v1/members/cus_1/entries")).json()["data"]
    detail = (await client.get(f"/v1/entries/{entry['id']}")).json()
    assert (detail["reason"], detail["points"]) == ("late delivery", -100)
    assert sum(posting["points"] for posting in detail["postings"]) == 0
    assert sum(drawn["points"] for drawn in detail["draws"]) == 100
    assert is_sound(await ledger.proof())


async def test_a_large_one_waits_for_a_second_person(client, ledger, other_key):
    await give(ledger, "cus_1", 10)
    asked = (await adjust(client, 1_001)).json()
    assert (asked["state"], await ledger.member("cus_1")) == ("pending", (10, 10))
    own = await client.post(f"/v1/adjustments/{asked['id']}/approve")
    assert (own.status_code, own.json()["code"]) == (403, "own_adjustment")
    approved = (await client.post(f"/v1/adjustments/{asked['id']}/approve", headers=other_key)).json()
    assert approved["state"] == "posted"
    assert approved["decided_by"] != approved["requested_by"]
    assert await ledger.member("cus_1") == (1_011, 10)
    again = await client.post(f"/v1/adjustments/{asked['id']}/reject", headers=other_key)
    assert (again.status_code, again.json()["code"]) == (409, "adjustment_decided")


async def test_a_rejected_one_moves_nothing(client, ledger, other_key):
    await give(ledger, "cus_1", 10)
    asked = (await adjust(client, -2_000)).json()
    assert (await client.post(f"/v1/adjustments/{asked['id']}/reject", headers=other_key)).json()["state"] == "rejected"
    assert await ledger.member("cus_1") == (10, 10)


async def test_more_than_there_is_cannot_be_taken(client, ledger):
    await give(ledger, "cus_1", 10)
    refused = await adjust(client, -11)
    assert (refused.status_code, refused.json()["code"]) == (409, "insufficient_points")
    assert await ledger.fetch("SELECT FROM adjustments") == []


@pytest.mark.parametrize(
    ("more", "code"), [({"customer_id": "cus_none"}, "member_not_found"), ({"wallet": "nothing"}, "wallet_not_found")], ids=str
)
async def test_adjustments_need_a_member_and_a_wallet(client, ledger, more, code):
    await give(ledger, "cus_1", 10)
    assert (await adjust(client, 5, **more)).json()["code"] == code


async def test_a_gift_keeps_its_expiry(client, ledger):
    soon, later = NOW + DAY, NOW + 90 * DAY
    await give(ledger, "cus_1", 30, expires_at=soon)
    await give(ledger, "cus_1", 30, expires_at=later, source="src_2")
    await give(ledger, "cus_2", 5)
    async with expect(ledger.database, PointsTransferred, PointsTransferred) as told:
        answer = await client.post(
            "/v1/transfers", json={"customer_id": "cus_1", "to_customer_id": "cus_2", "points": 40, "message": "Happy birthday"}
        )
    assert answer.status_code == 201, answer.text
    assert [(event.customer_id, event.points) for event in told] == [("cus_1", -40), ("cus_2", 40)]
    lots = (await client.get("/v1/members/cus_2/lots")).json()["data"]
    assert [(lot["remaining"], lot["expires_at"] and datetime.fromisoformat(lot["expires_at"])) for lot in lots] == [
        (30, soon),
        (10, later),
        (5, None),
    ]
    assert (await ledger.member("cus_1"), await ledger.member("cus_2")) == ((20, 60), (45, 5))
    assert is_sound(await ledger.proof())


async def test_lots_come_page_by_page(client, ledger):
    for number in range(7):
        await give(ledger, "cus_1", 1 + number, expires_at=None if number % 3 == 0 else NOW + (9 - number) * DAY, source=f"src_{number}")
    seen, cursor = [], None
    while True:
        page = (await client.get("/v1/members/cus_1/lots", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [lot["remaining"] for lot in page["data"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert sorted(seen) == [1, 2, 3, 4, 5, 6, 7]
    assert seen[:4] == [6, 5, 3, 2]


async def test_nobody_gives_to_himself_to_nobody_or_more_than_he_has(client, ledger):
    await give(ledger, "cus_1", 30)
    await give(ledger, "cus_2", 30)
    for receiver, points, status, code in (
        ("cus_1", 5, 409, "transfer_to_oneself"),
        ("cus_none", 5, 404, "member_not_found"),
        ("cus_2", 31, 409, "insufficient_points"),
    ):
        refused = await client.post("/v1/transfers", json={"customer_id": "cus_1", "to_customer_id": receiver, "points": points})
        assert (refused.status_code, refused.json()["code"]) == (status, code)


async def test_a_household_spends_together_and_parts_again(client, ledger):
    await give(ledger, "cus_1", 30)
    await give(ledger, "cus_2", 30, expires_at=NOW + DAY)
    await give(ledger, "cus_3", 30)
    household = (await client.post("/v1/households", json={"customer_ids": ["cus_1", "cus_2"]})).json()
    shown = (await client.get("/v1/members/cus_1")).json()
    assert (shown["balance"], shown["pool_balance"], shown["household_id"]) == (30, 60, household["id"])
    joined = await client.post(f"/v1/households/{household['id']}/members", json={"customer_id": "cus_3"})
    assert joined.json()["customer_ids"] == ["cus_1", "cus_2", "cus_3"]
    again = await client.post("/v1/households", json={"customer_ids": ["cus_3"]})
    assert (again.status_code, again.json()["code"]) == (409, "already_in_household")
    async with UnitOfWork(ledger.database) as uow:
        [outcome] = await service.draw(uow, [Draw("cus_1", 45, "red_1")])
        await uow.commit()
    # First what expires first, whoever's it is; each wallet has its entry.
    assert sorted((line.customer_id, line.points) for line in outcome.lines) == [("cus_1", -15), ("cus_2", -30)]
    left = await client.delete(f"/v1/households/{household['id']}/members/cus_1")
    assert left.json()["customer_ids"] == ["cus_2", "cus_3"]
    shown = (await client.get("/v1/members/cus_1")).json()
    assert (shown["balance"], shown["pool_balance"], shown["household_id"]) == (15, None, None)
    assert (await client.delete(f"/v1/households/{household['id']}/members/cus_1")).status_code == 404
    assert is_sound(await ledger.proof())


async def test_a_household_needs_members_that_exist(client, ledger):
    await give(ledger, "cus_1", 30)
    refused = await client.post("/v1/households", json={"customer_ids": ["cus_1", "cus_none"]})
    assert (refused.status_code, refused.json()["code"]) == (404, "member_not_found")

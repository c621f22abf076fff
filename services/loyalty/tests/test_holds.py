"""Holds: placed, captured in whole or part, voided, over in time; and what expires while it is held."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from loyalty.due import note_timed_out_holds
from loyalty.holds import service as holds
from loyalty.holds.errors import HoldClosed
from loyalty.ledger import service
from loyalty.ledger.errors import InsufficientPoints
from loyalty.ledger.rules import Draw, Grant
from loyalty.verification.rules import is_sound
from shared.contracts.loyalty import HoldReleased, PointsHeld, PointsRedeemed
from shared.database.unit_of_work import UnitOfWork
from shared.testing.bus import expect

DAY = timedelta(days=1)
NOW = datetime.now(UTC)


async def give(ledger, points, customer="cus_1", *, expires_at=None, source="src_1", at=None):
    async with UnitOfWork(ledger.database) as uow:
        await service.grant(uow, [Grant(customer, points, source, at or NOW, expires_at=expires_at)], at=at)
        await uow.commit()


async def test_held_points_are_nobodys_to_spend_until_they_are_let_go(client, ledger):
    await give(ledger, 100)
    async with expect(ledger.database, PointsHeld, HoldReleased):
        answer = await client.post(
            "/v1/holds", json={"customer_id": "cus_1", "points": 60, "expires_in_seconds": 600, "reference": "basket"}
        )
        assert answer.status_code == 201, answer.text
        hold = answer.json()
        assert (hold["state"], hold["points"], hold["captured"], hold["reference"]) == ("open", 60, 0, "basket")
        shown = (await client.get("/v1/members/cus_1")).json()
        assert (shown["balance"], shown["held"]) == (40, 60)
        refused = await client.post("/v1/holds", json={"customer_id": "cus_1", "points": 41})
        assert (refused.status_code, refused.json()["code"], refused.json()["spendable"]) == (409, "insufficient_points", 40)
        voided = await client.post(f"/v1/holds/{hold['id']}/void")
        assert voided.json()["state"] == "voided"
    assert await ledger.member("cus_1") == (100, 100)


async def test_a_part_is_captured_and_the_rest_let_go(client, ledger):
    await give(ledger, 100)
    hold = (await client.post("/v1/holds", json={"customer_id": "cus_1", "points": 60})).json()
    async with expect(ledger.database, PointsRedeemed, HoldReleased):
        captured = (await client.post(f"/v1/holds/{hold['id']}/capture", json={"points": 25})).json()
    assert (captured["state"], captured["captured"]) == ("captured", 25)
    assert await ledger.member("cus_1") == (75, 100)
    again = await client.post(f"/v1/holds/{hold['id']}/capture")
    assert (again.status_code, again.json()["code"], again.json()["state"]) == (409, "hold_closed", "captured")
    assert (await client.get(f"/v1/holds/{hold['id']}")).json() == captured
    assert is_sound(await ledger.proof())


async def test_without_a_figure_all_of_it_is_captured(client, ledger):
    await give(ledger, 100)
    hold = (await client.post("/v1/holds", json={"customer_id": "cus_1", "points": 60})).json()
    assert (await client.post(f"/v1/holds/{hold['id']}/capture")).json()["captured"] == 60
    assert await ledger.entries("cus_1") == [("accrual", None, 100), ("redemption", None, -60)]


async def test_no_more_is_captured_than_is_held(client, ledger):
    await give(ledger, 100)
    hold = (await client.post("/v1/holds", json={"customer_id": "cus_1", "points": 60})).json()
    refused = await client.post(f"/v1/holds/{hold['id']}/capture", json={"points": 61})
    assert (refused.status_code, refused.json()["code"], refused.json()["points"]) == (409, "hold_exceeded", 60)


@pytest.mark.parametrize("path", ["/v1/holds/hol_none/capture", "/v1/holds/hol_none/void"])
async def test_an_unknown_hold_is_not_found(client, path):
    assert (await client.post(path)).json()["code"] == "hold_not_found"


async def test_nobody_can_hold_for_nobody(client):
    assert (await client.post("/v1/holds", json={"customer_id": "cus_none", "points": 1})).json()["code"] == "member_not_found"


@pytest.mark.parametrize(
    "body",
    [{"points": 0}, {"points": -5}, {"points": 10**13}, {"expires_in_seconds": 0}, {"expires_in_seconds": 10**9}, {"wallet": "No"}],
    ids=str,
)
async def test_what_cannot_be_held_is_refused(client, ledger, body):
    await give(ledger, 100)
    assert (await client.post("/v1/holds", json={"customer_id": "cus_1", "points": 5} | body)).status_code == 422


async def test_a_hold_is_over_at_its_instant_without_any_worker(ledger):
    await give(ledger, 100, at=NOW)
    async with UnitOfWork(ledger.database) as uow:
        hold = await holds.place(uow, "cus_1", 80, seconds=60, at=NOW)
        last = NOW + timedelta(seconds=60)
        before = last - timedelta(microseconds=1)
        with pytest.raises(InsufficientPoints):
            await holds.place(uow, "cus_1", 80, seconds=60, at=before)
        assert (await holds.found(uow.connection, hold.id, at=before)).state == "open"
        over = await holds.found(uow.connection, hold.id, at=last)
        assert (over.state, over.closed_at) == ("timed_out", last)
        with pytest.raises(HoldClosed):
            await holds.capture(uow, hold.id, at=last)
        assert (await holds.place(uow, "cus_1", 80, seconds=60, at=last)).state == "open"


async def test_time_outs_are_noted_later_and_told_once(ledger):
    await give(ledger, 100, at=NOW - DAY)
    async with expect(ledger.database, PointsHeld, HoldReleased) as told, UnitOfWork(ledger.database) as uow:
        hold = await holds.place(uow, "cus_1", 80, seconds=60, at=NOW - DAY)
        for _ in range(2):
            await note_timed_out_holds(uow, NOW)
        await uow.commit()
    assert told[1].occurred_at == hold.expires_at
    assert told[1].reason == "timed_out"


async def test_what_expires_while_it_is_held_can_be_captured_as_long_as_the_hold_lives(ledger):
    await give(ledger, 100, expires_at=NOW + timedelta(hours=1), at=NOW)
    async with UnitOfWork(ledger.database) as uow:
        hold = await holds.place(uow, "cus_1", 80, seconds=7_200, at=NOW)
        late = NOW + timedelta(minutes=90)
        assert await service.book_expiries(uow, 10, at=late) == 1
        await holds.capture(uow, hold.id, 50, at=late)
        # What was let go had expired: it is lost, and booked as of then.
        assert await service.book_expiries(uow, 10, at=late) == 1
        [spent] = await service.draw(uow, [Draw("cus_1", 1, "red_1")], at=late)
        assert (spent.status, spent.spendable) == ("insufficient", 0)
        await uow.commit()
    assert [entry[::2] for entry in await ledger.entries("cus_1")] == [
        ("accrual", 100),
        ("expiry", -20),
        ("redemption", -50),
        ("expiry", -30),
    ]
    assert is_sound(await ledger.proof())


@pytest.mark.parametrize("kind", ["hold", "draw"])
async def test_a_thousand_at_once_get_exactly_what_there_is(committed_ledger, kind):
    """Six hundred points for a thousand who want one each, through eight connections."""
    await give(committed_ledger, 250, source="src_1", expires_at=NOW + DAY)
    await give(committed_ledger, 350, source="src_2")
    waiting = asyncio.Semaphore(8)

    async def take(number: int) -> bool:
        async with waiting, UnitOfWork(committed_ledger.database) as uow:
            if kind == "draw":
                [outcome] = await service.draw(uow, [Draw("cus_1", 1, f"red_{number}")])
                await uow.commit()
                return outcome.status == "posted"
            try:
                await holds.place(uow, "cus_1", 1, seconds=600)
            except InsufficientPoints:
                return False
            await uow.commit()
            return True

    async with asyncio.timeout(120):
        taken = await asyncio.gather(*(take(number) for number in range(1_000)))
    assert sum(taken) == 600
    assert (await committed_ledger.member("cus_1"))[0] == 0
    proof = await committed_ledger.proof()
    assert is_sound(proof)
    assert proof.totals.points_spent == (600 if kind == "draw" else 0)
    numbers = [sequence for _, _, sequence in await committed_ledger.told()]
    assert sorted(numbers) == list(range(1, 603))

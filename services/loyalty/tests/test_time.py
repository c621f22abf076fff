"""Pending, expiry and the past: exact to the instant with every worker off, and the same when all is booked."""

from datetime import UTC, datetime, timedelta

import pytest

from loyalty.due import book_expiries
from loyalty.ledger import service
from loyalty.ledger.rules import Draw, Grant
from loyalty.verification.rules import is_sound
from shared.contracts.loyalty import PointsExpired
from shared.database.unit_of_work import UnitOfWork
from shared.testing.bus import expect

NOW = datetime.now(UTC).replace(microsecond=0)
DAY, TICK = timedelta(days=1), timedelta(microseconds=1)


async def post(ledger, *grants, at=None):
    async with UnitOfWork(ledger.database) as uow:
        await service.grant(uow, grants, at=at)
        await uow.commit()


async def shown(client, **params):
    answer = await client.get("/v1/members/cus_1", params={name: moment.isoformat() for name, moment in params.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def spent(ledger, points, source, at):
    async with UnitOfWork(ledger.database) as uow:
        [outcome] = await service.draw(uow, [Draw("cus_1", points, source)], at=at)
        await uow.commit()
    return outcome.status


@pytest.mark.parametrize(
    "instant", [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2028, 2, 29, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)]
)
async def test_points_count_up_to_their_instant_and_not_at_it(ledger, instant):
    await post(ledger, Grant("cus_1", 10, "src_1", instant - DAY, expires_at=instant), at=instant - DAY)
    assert await spent(ledger, 4, "red_1", instant - TICK) == "posted"
    assert await spent(ledger, 1, "red_2", instant) == "insufficient"
    # Nobody has booked anything yet, and booking changes nothing but the accounts.
    async with UnitOfWork(ledger.database) as uow:
        assert await service.book_expiries(uow, 10, at=instant - TICK) == 0
        assert await service.book_expiries(uow, 10, at=instant + 9 * DAY) == 1
        assert await service.book_expiries(uow, 10, at=instant + 9 * DAY) == 0
        await uow.commit()
    [entry] = await ledger.fetch("SELECT points, occurred_at FROM entries WHERE kind = 'expiry'")
    assert tuple(entry) == (-6, instant)
    assert is_sound(await ledger.proof())


async def test_pending_points_can_be_spent_from_their_instant_on(ledger, client):
    free = NOW + DAY
    await post(ledger, Grant("cus_1", 10, "src_1", NOW, available_from=free), at=NOW)
    member = await shown(client)
    assert (member["balance"], member["pending"], member["lifetime"]) == (0, 10, 10)
    assert await spent(ledger, 1, "red_1", free - TICK) == "insufficient"
    assert await spent(ledger, 1, "red_2", free) == "posted"


async def test_what_expires_first_is_spent_first(ledger):
    days = [9, 3, None, 6]
    await post(ledger, *(Grant("cus_1", 10, f"src_{d}", NOW, expires_at=d and NOW + d * DAY) for d in days), at=NOW)
    assert await spent(ledger, 25, "red_1", NOW) == "posted"
    rows = await ledger.fetch("SELECT remaining FROM lots ORDER BY expires_at")
    assert [row["remaining"] for row in rows] == [0, 0, 5, 10]


async def test_the_pass_books_and_tells(ledger):
    await post(ledger, Grant("cus_1", 10, "src_1", NOW - 9 * DAY, expires_at=NOW - DAY), Grant("cus_1", 5, "src_2", NOW))
    async with expect(ledger.database, PointsExpired) as told, UnitOfWork(ledger.database) as uow:
        assert await book_expiries(uow, NOW) is False
        await uow.commit()
    assert (told[0].points, told[0].occurred_at, told[0].reason) == (10, NOW - DAY, "expired")
    assert await ledger.member("cus_1") == (5, 15)


async def test_the_past_and_the_future_can_be_asked_for(ledger, client):
    await post(ledger, Grant("cus_1", 10, "src_1", NOW - 20 * DAY, expires_at=NOW + 5 * DAY), at=NOW - 20 * DAY)
    # Heard of late: it was true fifteen days ago, and known for two.
    await post(ledger, Grant("cus_1", 100, "src_2", NOW - 15 * DAY), at=NOW - 2 * DAY)
    assert await spent(ledger, 30, "red_1", NOW - DAY) == "posted"
    asked = {
        (None, None): 80,
        (NOW - 30 * DAY, None): 0,
        (NOW - 16 * DAY, None): 10,
        (NOW - 14 * DAY, None): 110,
        (NOW - 14 * DAY, NOW - 3 * DAY): 10,
        (NOW, NOW - 3 * DAY): 10,
        (NOW, NOW - 2 * DAY): 110,
        (NOW + 30 * DAY, None): 80,
        (NOW + 30 * DAY, NOW - 2 * DAY): 100,
    }
    for (as_of, known_at), balance in asked.items():
        params = {name: moment for name, moment in (("as_of", as_of), ("known_at", known_at)) if moment is not None}
        assert (await shown(client, **params))["balance"] == balance, params


async def test_the_tag_changes_when_time_changes_the_figures(ledger, client):
    await post(ledger, Grant("cus_1", 10, "src_1", NOW - 9 * DAY, expires_at=NOW + 99 * DAY))
    first = (await client.get("/v1/members/cus_1")).headers["etag"]
    await ledger.fetch("GRANT ALL ON lots TO CURRENT_USER")
    await ledger.fetch("UPDATE lots SET expires_at = now() - interval '1 minute'")
    lapsed = await client.get("/v1/members/cus_1", headers={"if-none-match": first})
    assert (lapsed.status_code, lapsed.json()["balance"]) == (200, 0)
    assert (await client.get("/v1/members/cus_1", headers={"if-none-match": lapsed.headers["etag"]})).status_code == 304


async def test_an_entry_explains_itself(ledger, client, story):
    await post(ledger, Grant("cus_1", 12, "src_1", NOW, rule_version="rul_1@3", explanation={"arithmetic": "6 * 2"}))
    await ledger.hear(story.placed("ord_1", 1_199))
    told = {entry["source_id"]: entry["id"] for entry in (await client.get("/v1/members/cus_1/entries")).json()["data"]}
    by_rule = (await client.get(f"/v1/entries/{told['src_1']}/explanation")).json()
    assert (by_rule["rule_version"], by_rule["explanation"]) == ("rul_1@3", {"arithmetic": "6 * 2"})
    by_rate = (await client.get(f"/v1/entries/{told['ord_1']}/explanation")).json()
    assert by_rate["explanation"]["inputs"] == {"amount_minor": 1_199, "numerator": 1, "denominator": 100, "rate_version": 1}
    assert by_rate["points"] == 11
    assert (await client.get("/v1/entries/ent_none/explanation")).json()["code"] == "entry_not_found"

"""The home screen: all that there is to say in one answer, which stays the same until something changes."""

from datetime import UTC, datetime, timedelta

import pytest

from loyalty.ledger import service as ledger_service
from loyalty.ledger.rules import Draw, Grant
from shared.contracts.customers import CustomerMerged
from shared.database.unit_of_work import UnitOfWork

NOW = datetime.now(UTC).replace(microsecond=0)
URL = "/v1/members/cus_1/home"
NAMES = {"en": "A mug", "ru": "Кружка", "zh": "马克杯", "lv": "Krūze"}


async def make(client, path, **body):
    answer = await client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def grant(ledger, points, source="src_1", expires_at=None):
    async with UnitOfWork(ledger.database) as uow:
        await ledger_service.grant(uow, [Grant("cus_1", points, source, NOW - timedelta(days=2), expires_at=expires_at)])
        await uow.commit()


@pytest.fixture
async def member(ledger, story):
    await ledger.hear(story.registered())


async def test_a_new_member_sees_an_empty_screen(member, client):
    home = (await client.get(URL)).json()
    figures = ("balance", "pending", "held", "lifetime", "card_number", "expiring", "next_reward", "rewards", "offers", "latest")
    assert [home[name] for name in figures] == [0, 0, 0, 0, None, None, None, [], [], []]
    assert home["tier"]["tier"] is None


async def test_one_call_tells_everything(ledger, member, client):
    await make(client, "/v1/tiers", code="gold", name={"en": "Gold", "lv": "Zelts"}, rank=1, threshold=500)
    for points in (100, 300, 900):
        await make(client, "/v1/rewards", name=NAMES, kind="goods", prices=[{"points": points}])
    soon = NOW + timedelta(days=9)
    await grant(ledger, 40, "src_1", soon)
    await grant(ledger, 300, "src_2")
    number = (await client.put("/v1/members/cus_1/card")).json()["number"]
    home = (await client.get(URL, params={"language": "ru"})).json()
    assert (home["balance"], home["lifetime"], home["card_number"]) == (340, 340, number)
    assert (home["expiring"]["points"], home["expiring"]["expires_at"]) == (40, soon.isoformat().replace("+00:00", "Z"))
    assert [(reward["name"], reward["prices"][0]["points"]) for reward in home["rewards"]] == [("Кружка", 300), ("Кружка", 100)]
    assert (home["next_reward"]["points"], home["next_reward"]["missing_points"]) == (900, 560)
    assert (home["tier"]["tier"], home["tier"]["next_tier"]) == (None, "gold")
    assert [entry["points"] for entry in home["latest"]] == [300, 40]


async def test_the_screen_is_not_sent_again_while_it_stays_the_same(ledger, member, client):
    await make(client, "/v1/tiers", code="gold", name={"en": "Gold"}, rank=1, threshold=500)
    await grant(ledger, 40)
    tag = (await client.get(URL)).headers["etag"]
    assert (await client.get(URL, headers={"if-none-match": tag})).status_code == 304
    async with UnitOfWork(ledger.database) as uow:
        await ledger_service.draw(uow, [Draw("cus_1", 1, "rdm_1")])
        await uow.commit()
    changed = await client.get(URL, headers={"if-none-match": tag})
    assert (changed.status_code, changed.json()["balance"]) == (200, 39)


async def test_who_was_merged_sees_what_the_person_has(ledger, story, member, client):
    await grant(ledger, 40)
    await ledger.hear(story.registered("cus_2"))
    await ledger.hear(CustomerMerged(merge_id="mrg_1", survivor_id="cus_2", merged_id="cus_1", merged_at=NOW))
    assert (await client.get("/v1/members/cus_2/home")).json()["balance"] == 40


async def test_a_member_sees_his_own_only(member, client, token_of):
    for customer, status in (("cus_1", 200), ("cus_2", 404)):
        assert (await client.get(URL, headers={"authorization": f"Bearer {token_of(customer)}"})).status_code == status
    assert (await client.get("/v1/members/cus_9/home")).json()["code"] == "member_not_found"

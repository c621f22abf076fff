"""What feedback hears of customers: once, twice, late, damaged."""

from datetime import UTC, datetime

from feedback.app import SERVICE
from feedback.customers.service import reset_projection
from shared.contracts.customers import CustomerRegistered, CustomerUpdated
from shared.database.unit_of_work import UnitOfWork
from shared.testing.bus import deliver, message

CUSTOMER = "cus_01jd3z0k7cz9v8w6t5s4r3q2p1"
OTHER = "cus_01jd3z0k7cz9v8w6t5s4r3q2p2"
AT = datetime(2026, 1, 1, tzinfo=UTC)
REGISTERED = CustomerRegistered(customer_id=CUSTOMER, kind="individual", language="lv", registered_at=AT)
UPDATED = CustomerUpdated(customer_id=CUSTOMER, changed=["language"], kind="individual", language="en", country="LV", updated_at=AT)


async def known(database) -> dict[str, tuple]:
    async with database.acquire() as connection:
        rows = await connection.fetch("SELECT id, kind, country, language, registered_at FROM customers")
    return {row["id"]: tuple(row)[1:] for row in rows}


async def test_a_registered_customer_is_known(database, client):
    answer = await client.post("/v1/responses", json={"customer_id": CUSTOMER, "question": "nps", "score": 9})
    assert answer.json()["customer_known"] is False
    await deliver(database, SERVICE, [(REGISTERED, 1)])
    assert await known(database) == {CUSTOMER: ("individual", None, "lv", AT)}
    read = await client.get(f"/v1/responses/{answer.json()['id']}")
    assert read.json() == answer.json() | {"customer_known": True}


async def test_hearing_it_twice_changes_nothing(database):
    messages = [message(REGISTERED, 1), message(UPDATED, 2)]
    await deliver(database, SERVICE, messages)
    once = await known(database)
    await deliver(database, SERVICE, messages)
    assert await known(database) == once == {CUSTOMER: ("individual", "LV", "en", AT)}


async def test_news_that_overtake_each_other_end_the_same(database):
    await deliver(database, SERVICE, [(UPDATED, 2)])
    await deliver(database, SERVICE, [(REGISTERED, 1)])
    assert await known(database) == {CUSTOMER: ("individual", "LV", "en", AT)}


async def test_a_damaged_event_harms_nobody_else(database):
    damaged = message(REGISTERED, 1)._replace(value=b'{"customer_id": 7}')
    other = REGISTERED.model_copy(update={"customer_id": OTHER})
    await deliver(database, SERVICE, [damaged, message(other, 1)])
    assert set(await known(database)) == {OTHER}
    async with database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM dead_letters WHERE status = 'dead'") == 1


async def test_a_batch_is_as_good_as_its_events_one_by_one(database):
    together = (
        REGISTERED.model_copy(update={"customer_id": OTHER}),
        UPDATED.model_copy(update={"customer_id": OTHER, "changed": ["country"]}),
    )
    await deliver(database, SERVICE, [(REGISTERED, 1)])
    await deliver(database, SERVICE, [(UPDATED, 2)])
    await deliver(database, SERVICE, [(together[0], 1), (together[1], 2)])
    rows = await known(database)
    assert rows[CUSTOMER] == rows[OTHER]


async def test_the_projection_can_be_emptied_and_filled_again(database):
    await deliver(database, SERVICE, [(REGISTERED, 1)], consumer="first")
    async with UnitOfWork(database) as uow:
        await reset_projection(uow)
        await uow.commit()
    assert await known(database) == {}
    await deliver(database, SERVICE, [(REGISTERED, 1)], consumer="second")
    assert set(await known(database)) == {CUSTOMER}

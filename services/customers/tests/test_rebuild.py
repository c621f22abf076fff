"""A rebuild: what others told is heard again, and nobody is moved a second time."""

from datetime import UTC, datetime, timedelta

import pytest

from customers.app import SERVICE
from customers.rebuilding import reset_projection
from customers.timeline.hearing import HEARD_KINDS
from shared.contracts.customers import InteractionRecorded, OrderPlaced
from shared.contracts.feedback import ResponseRecorded
from shared.contracts.loyalty import MemberEnrolled, PointsAccrued, PointsReversed
from shared.database.unit_of_work import UnitOfWork
from shared.messaging.inbox import forget_consumer
from shared.testing.bus import deliver, message

AT = datetime(2026, 2, 1, 9, tzinfo=UTC)
_TOUCHES = "SELECT customer_id, kind, source_id, journey_stage, sentiment, occurred_at, summary FROM touches ORDER BY kind, source_id"


@pytest.fixture
async def customer(client) -> str:
    return (await client.post("/v1/customers", json={"external_id": "C-1"})).json()["id"]


def story(customer: str) -> list:
    order = {"order_id": "ord_x", "customer_id": customer, "placed_at": AT, "currency": "EUR", "amount_minor": 5, "lines": []}
    met = {"customer_id": customer, "kind": "page_view", "occurred_at": AT + timedelta(days=3)}
    earned = {"customer_id": customer, "points": 5, "reason": "order", "occurred_at": AT}
    answered = {"question": "nps", "score": 10, "channel": None, "has_comment": False, "answered_at": AT + timedelta(days=1)}
    return [
        message(OrderPlaced(**order), 1),
        message(ResponseRecorded(response_id="rsp_1", subject_id=customer, customer_id=customer, **answered), 1),
        message(MemberEnrolled(customer_id=customer, enrolled_at=AT), 1),
        message(PointsAccrued(entry_id="ent_1", **earned), 2),
        message(PointsReversed(entry_id="ent_2", **earned), 3),
        message(InteractionRecorded(interaction_id="itr_1", **met), 1),
    ]


async def heard(database, messages, consumer: str = "customers") -> None:
    await deliver(database, SERVICE, messages, consumer=consumer)


async def reset(database) -> None:
    async with UnitOfWork(database) as uow:
        await reset_projection(uow)
        await forget_consumer(uow.connection, "customers")
        await uow.commit()


async def rows(database, statement: str) -> list[tuple]:
    async with database.acquire() as connection:
        return [tuple(row) for row in await connection.fetch(statement)]


async def test_what_others_told_is_gone_and_comes_back_the_same(database, client, customer):
    await client.post("/v1/interactions", json={"customer_id": customer, "kind": "call", "occurred_at": AT.isoformat()})
    await heard(database, story(customer))
    before = await rows(database, _TOUCHES)
    assert {"response", "member_enrolled", "points_accrued", "points_reversed"} <= {row[1] for row in before}
    await reset(database)
    left = await rows(database, _TOUCHES)
    assert {row[1] for row in left} == {row[1] for row in before} - set(HEARD_KINDS)
    await heard(database, story(customer))
    assert await rows(database, _TOUCHES) == before


async def test_nobody_is_moved_by_what_was_heard_before(database, client, customer, published):
    told = story(customer)
    await heard(database, told)
    await client.put(f"/v1/customers/{customer}/stages/lifecycle", json={"stage": "identified", "reason": "a mistake"})
    # Newer facts move him on from where he was put; the rules of today would lead further than those of then.
    await heard(database, [message(OrderPlaced(**(told_order(customer) | {"placed_at": datetime(2026, 3, 5, tzinfo=UTC)})), 1)])
    rules = (await client.get("/v1/stage-rules")).headers["etag"]
    far = {"name": "far", "track": "lifecycle", "when": "response_recorded", "stage": "grown"}
    assert (await client.put("/v1/stage-rules", json={"rules": [far]}, headers={"if-match": rules})).status_code == 200
    places = (await client.get(f"/v1/customers/{customer}/stages")).json()
    moves = await rows(database, "SELECT * FROM stage_moves ORDER BY number")
    events = len(await published("customer_stage"))
    await reset(database)
    await heard(database, told)
    assert (await client.get(f"/v1/customers/{customer}/stages")).json() == places
    assert await rows(database, "SELECT * FROM stage_moves ORDER BY number") == moves
    assert len(await published("customer_stage")) == events


def told_order(customer: str) -> dict:
    return {"order_id": "ord_y", "customer_id": customer, "currency": "EUR", "amount_minor": 5, "lines": []}


async def test_what_was_not_heard_before_moves_also_while_a_rebuild_goes_on(database, client, customer):
    told = story(customer)
    await heard(database, told[:1])
    await reset(database)
    await heard(database, told)
    places = (await client.get(f"/v1/customers/{customer}/stages")).json()
    assert places["journey"]["stage"] == "attention"
    await reset(database)
    await reset(database)
    await heard(database, told)
    assert (await client.get(f"/v1/customers/{customer}/stages")).json() == places


async def test_who_was_erased_meanwhile_stays_so(database, client, customer):
    await heard(database, story(customer))
    await client.post("/v1/erasures", json={"customer_id": customer})
    await reset(database)
    await heard(database, story(customer))
    assert await rows(database, _TOUCHES) == []
    assert await rows(database, "SELECT * FROM stage_moves") == []

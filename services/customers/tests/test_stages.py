"""Stages over the bus and over HTTP: what moves customers, what people decide, and the funnel that comes of it."""

from datetime import UTC, datetime, timedelta

import pytest

from customers.handlers import HANDLERS
from customers.profiles import repository as profiles
from customers.stages import repository, service
from customers.stages.rules import (
    DEFAULT_RULES,
)
from shared.contracts.customers import (
    ConsentChanged,
    CustomerErased,
    CustomerMerged,
    CustomerRegistered,
    CustomerUnmerged,
    InteractionRecorded,
    Line,
    OrderPlaced,
    OrderReturned,
)
from shared.contracts.feedback import ResponseRecorded
from shared.contracts.loyalty import ReferralCompleted
from shared.testing.bus import deliver, message
from shared.testing.plans import plan_of

AT = datetime(2026, 2, 1, 9, tzinfo=UTC)


@pytest.fixture
async def customer_id(client) -> str:
    return (await client.post("/v1/customers", json={"external_id": "C-1"})).json()["id"]


def registered(customer_id: str) -> CustomerRegistered:
    return CustomerRegistered(customer_id=customer_id, kind="individual", registered_at=AT)


def interaction(customer_id: str, number: int, hours: float = 1, **more) -> InteractionRecorded:
    values = {"kind": "chat", "direction": "inbound"} | more
    return InteractionRecorded(interaction_id=f"itr_{number}", customer_id=customer_id, occurred_at=AT + timedelta(hours=hours), **values)


def placed(order: dict) -> OrderPlaced:
    names = ("customer_id", "placed_at", "currency", "amount_minor")
    lines = [Line(**{name: line[name] for name in ("sku", "quantity", "amount_minor", "category")}) for line in order["lines"]]
    return OrderPlaced.model_validate({"order_id": order["id"], "lines": lines} | {name: order[name] for name in names})


def response(customer_id: str | None, score: int = 9) -> ResponseRecorded:
    return ResponseRecorded(
        response_id="rsp_1",
        subject_id=customer_id or "rsp_1",
        customer_id=customer_id,
        question="nps",
        score=score,
        has_comment=False,
        answered_at=AT + timedelta(days=10),
    )


async def buy(client, customer_id: str, days: int, category: str = "books", amount: int = 1000) -> dict:
    placed_at = (AT + timedelta(days=days)).isoformat()
    line = {"sku": f"s-{category}", "quantity": 1, "amount_minor": amount, "category": category}
    body = {"customer_id": customer_id, "placed_at": placed_at, "currency": "EUR", "lines": [line]}
    answer = await client.post("/v1/orders", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def stages(client, customer_id: str) -> tuple[str | None, str | None]:
    shown = (await client.get(f"/v1/customers/{customer_id}/stages")).json()
    return tuple(shown[track] and shown[track]["stage"] for track in ("lifecycle", "journey"))


async def history(client, customer_id: str) -> list[tuple[str, str | None, str]]:
    rows = (await client.get(f"/v1/customers/{customer_id}/stage-history")).json()["data"]
    return [(row["stage"], row["previous"], row["reason"]) for row in reversed(rows)]


async def test_a_customer_moves_with_his_events(client, database, customer_id, published):
    assert await stages(client, customer_id) == (None, None)
    first, second = await buy(client, customer_id, 1), await buy(client, customer_id, 20, category="music")
    events = [
        (registered(customer_id), 1),
        (interaction(customer_id, 1), 1),
        (placed(first), 1),
        (response(customer_id), 1),
        (placed(second), 1),
    ]
    assert (await deliver(database, HANDLERS, events)).applied == 5
    assert await stages(client, customer_id) == ("grown", "purchase")
    moves = await history(client, customer_id)
    assert ("identified", None, "registered") in moves
    assert ("grown", "retained", "new_category") in moves
    told = [(event.stage, sequence) for event, sequence in await published("customer_stage")]
    assert [sequence for _, sequence in told] == list(range(1, len(told) + 1))
    assert {stage for stage, _ in told} == {
        "identified",
        "attracted",
        "converted",
        "retained",
        "grown",
        "consideration",
        "purchase",
        "advocacy",
    }
    async with database.acquire() as connection:
        touches = await connection.fetchval("SELECT count(*) FROM touches WHERE kind = 'stage_changed' AND customer_id = $1", customer_id)
    # To be known is no touch.
    assert touches == len(told) - 1


async def test_once_twice_and_anew_are_the_same(client, database, customer_id):
    messages = [(registered(customer_id), 1), (interaction(customer_id, 1), 1), (placed(await buy(client, customer_id, 1)), 1)]
    first = await deliver(database, HANDLERS, messages)
    before = await history(client, customer_id)
    again = await deliver(database, HANDLERS, messages)
    anew = await deliver(database, HANDLERS, messages, consumer="another")
    assert (first.applied, again.applied, anew.applied) == (3, 0, 3)
    assert await history(client, customer_id) == before


async def test_in_any_order_customers_come_to_the_same_stages(client, database, customer_id):
    first, second = await buy(client, customer_id, 1), await buy(client, customer_id, 3)
    for event in (placed(second), interaction(customer_id, 1), placed(first), registered(customer_id)):
        await deliver(database, HANDLERS, [(event, 1)])
    assert await stages(client, customer_id) == ("retained", "purchase")


async def test_malformed_events_are_set_aside(database, client, customer_id):
    broken, whole = message(interaction(customer_id, 1), 1), message(interaction(customer_id, 2), 1)
    broken = broken._replace(value=b'{"kind": 7}')
    other = message(registered((await client.post("/v1/customers", json={})).json()["id"]), 1)
    applied = await deliver(database, HANDLERS, [broken, whole, other])
    assert (applied.dead, applied.applied) == (1, 1)
    assert await stages(client, customer_id) == (None, None)


def referral(customer_id: str) -> ReferralCompleted:
    return ReferralCompleted(referral_id="rfl_1", customer_id=customer_id, referred_id="cus_2", referrer_rewarded=True, completed_at=AT)


async def test_events_of_nobody_move_nobody(database):
    events = [
        (registered("cus_nobody"), 1),
        (response(None), 1),
        (referral("cus_nobody"), 1),
    ]
    assert (await deliver(database, HANDLERS, events)).applied == 3
    async with database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM customer_stages") == 0


async def test_consents_returns_referrals_and_erasure(client, database, customer_id):
    consent = {"consent_id": "con_1", "customer_id": customer_id, "purpose": "marketing", "channel": "email", "changed_at": AT}
    await deliver(database, HANDLERS, [(ConsentChanged(**consent, granted=False), 1)])
    assert await stages(client, customer_id) == (None, None)
    await deliver(database, HANDLERS, [(ConsentChanged(**consent, granted=True), 2)])
    assert await stages(client, customer_id) == ("attracted", None)
    await deliver(database, HANDLERS, [(referral(customer_id), 1)])
    assert await stages(client, customer_id) == ("attracted", "advocacy")
    returned = OrderReturned(
        return_id="ret_1",
        order_id="ord_1",
        customer_id=customer_id,
        placed_at=AT,
        returned_at=AT + timedelta(days=2),
        currency="EUR",
        amount_minor=1,
        order_amount_minor=1,
        returned_total_minor=1,
        lines=[],
    )
    await deliver(database, HANDLERS, [(returned, 1)])
    assert await stages(client, customer_id) == ("attracted", "service")
    async with database.acquire() as connection:
        assert len((await service.collect(connection, [customer_id]))["stages"]) == 3
    erased = CustomerErased(erasure_id="era_1", customer_id=customer_id, customer_ids=[customer_id], requested_at=AT)
    await deliver(database, HANDLERS, [(erased, 1)])
    async with database.acquire() as connection:
        assert await service.collect(connection, [customer_id]) == {"stages": []}
        assert await service.erase(connection, [customer_id]) == {"stage_moves": 0, "customer_stages": 0}


async def test_growth_is_a_year_against_the_year_before(client, database, customer_id):
    orders = [await buy(client, customer_id, days, amount=amount) for days, amount in ((-400, 1000), (-10, 1499), (-9, 1))]
    await deliver(database, HANDLERS, [(placed(order), 1) for order in orders[:2]])
    assert (await stages(client, customer_id))[0] == "retained"
    await deliver(database, HANDLERS, [(placed(orders[2]), 1)])
    assert (await stages(client, customer_id))[0] == "grown"


async def test_the_events_that_the_service_publishes_itself_move_its_customers(client, database, customer_id, published, clock):
    order = await buy(client, customer_id, 1)
    body = {"customer_id": customer_id, "kind": "chat", "direction": "inbound", "occurred_at": (AT + timedelta(hours=1)).isoformat()}
    assert (await client.post("/v1/interactions", json=body)).status_code == 201
    assert (await client.post(f"/v1/orders/{order['id']}/returns", json={})).status_code == 201
    wish = {"granted": True, "source": "shop", "text_version": "1"}
    answered = await client.put(f"/v1/customers/{customer_id}/consents/marketing/email", json=wish)
    assert answered.status_code == 200, answered.text
    told = await published("customer", "order", "interaction", "consent")
    applied = await deliver(database, HANDLERS, told)
    assert (applied.dead, applied.applied) == (0, len(told))
    assert await stages(client, customer_id) == ("converted", "service")
    # What they lead to is published in turn, and moves nobody.
    moves = await published("customer_stage")
    again = await deliver(database, HANDLERS, moves)
    assert (again.dead, len(await published("customer_stage"))) == (0, len(moves))


# By hand, and over HTTP


async def test_people_move_customers_also_back(client, customer_id, clock):
    path = f"/v1/customers/{customer_id}/stages"
    answer = await client.put(f"{path}/lifecycle", json={"stage": "grown", "reason": "Knows the owner"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["lifecycle"]["reason"] == "manual"
    clock.advance(timedelta(hours=1))
    back = await client.put(f"{path}/lifecycle", json={"stage": "attracted"})
    assert back.json()["lifecycle"]["stage"] == "attracted"
    same = await client.put(f"{path}/lifecycle", json={"stage": "attracted"})
    assert same.json() == back.json()
    history_path = f"/v1/customers/{customer_id}/stage-history"
    rows = (await client.get(f"{history_path}?limit=1")).json()
    assert (rows["data"][0]["stage"], rows["data"][0]["left_at"], rows["data"][0]["actor"][:7]) == ("attracted", None, "server:")
    older = (await client.get(history_path, params={"limit": 1, "cursor": rows["next_cursor"]})).json()["data"][0]
    assert (older["stage"], older["explanation"], older["left_at"]) == ("grown", "Knows the owner", rows["data"][0]["entered_at"])


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("lifecycle", {"stage": "purchase"}, 422),
        ("lifecycle", {"stage": "gone"}, 422),
        ("life", {"stage": "grown"}, 422),
        ("journey", {}, 422),
    ],
)
async def test_moves_by_hand_are_refused(client, customer_id, path, body, status):
    assert (await client.put(f"/v1/customers/{customer_id}/stages/{path}", json=body)).status_code == status


async def test_nobody_has_no_stages(client):
    assert (await client.get("/v1/customers/cus_nobody/stages")).status_code == 404
    assert (await client.get("/v1/customers/cus_nobody/stage-history")).status_code == 404
    assert (await client.put("/v1/customers/cus_nobody/stages/journey", json={"stage": "service"})).status_code == 404


async def test_members_see_their_own_stages_only(client, customer_id):
    other = (await client.post("/v1/customers", json={})).json()["id"]
    token = (await client.post("/v1/member-tokens", json={"customer_id": customer_id})).json()["token"]
    headers = {"authorization": f"Bearer {token}"}
    assert (await client.get(f"/v1/customers/{customer_id}/stages", headers=headers)).status_code == 200
    assert (await client.get(f"/v1/customers/{other}/stages", headers=headers)).status_code == 404
    assert (await client.put(f"/v1/customers/{customer_id}/stages/journey", json={"stage": "service"}, headers=headers)).status_code == 403


async def test_rules_are_data(client, database, customer_id):
    shown = await client.get("/v1/stage-rules")
    assert (shown.headers["etag"], shown.json()["set_at"], len(shown.json()["rules"])) == ('"1"', None, len(DEFAULT_RULES))
    rules = [
        {"name": "chatted", "track": "lifecycle", "when": "interaction_recorded", "stage": "retained", "conditions": {"kinds": ["chat"]}}
    ]
    assert (await client.put("/v1/stage-rules", json={"rules": rules})).status_code == 428
    replaced = await client.put("/v1/stage-rules", json={"rules": rules}, headers={"if-match": '"1"'})
    assert (replaced.status_code, replaced.headers["etag"]) == (200, '"2"'), replaced.text
    late = await client.put("/v1/stage-rules", json={"rules": []}, headers={"if-match": '"1"'})
    assert late.status_code == 412
    await deliver(database, HANDLERS, [(registered(customer_id), 1), (interaction(customer_id, 1), 1)])
    assert await history(client, customer_id) == [("retained", None, "chatted")]
    # What is shown can be sent again.
    again = (await client.get("/v1/stage-rules")).json()["rules"]
    assert (await client.put("/v1/stage-rules", json={"rules": again}, headers={"if-match": '"2"'})).status_code == 200
    wrong = await client.put("/v1/stage-rules", json={"rules": rules * 2}, headers={"if-match": '"3"'})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/rules/1/name")


async def test_the_funnel(client, database, customer_id, clock):
    other = (await client.post("/v1/customers", json={})).json()["id"]
    await deliver(database, HANDLERS, [(registered(customer_id), 1), (registered(other), 1), (interaction(customer_id, 1, hours=48), 1)])
    summary = (await client.get("/v1/stages/summary")).json()
    assert summary["ends_at"] == clock.now().isoformat().replace("+00:00", "Z")
    identified, attracted, *_ = summary["lifecycle"]["stages"]
    assert identified == {"stage": "identified", "customers": 1, "entered": 2, "left": 1, "median_seconds": 48 * 3600.0}
    assert attracted == {"stage": "attracted", "customers": 1, "entered": 1, "left": 0, "median_seconds": None}
    flows = [{"previous": None, "stage": "identified", "moves": 2}, {"previous": "identified", "stage": "attracted", "moves": 1}]
    assert summary["lifecycle"]["moves"] == flows
    earlier = (await client.get("/v1/stages/summary?ends_at=2026-01-01T00:00:00Z")).json()
    assert earlier["lifecycle"]["moves"] == []
    assert (await client.get("/v1/stages/summary?starts_at=2026-01-01T00:00:00Z&ends_at=2025-01-01T00:00:00Z")).status_code == 422


async def test_merged_customers_are_where_the_furthest_of_them_is(client, database, customer_id):
    other = (await client.post("/v1/customers", json={})).json()["id"]
    await deliver(database, HANDLERS, [(registered(customer_id), 1), (placed(await buy(client, other, 1)), 1)])
    merge = await client.post("/v1/merges", json={"survivor_id": customer_id, "merged_id": other})
    assert merge.status_code == 201, merge.text
    for each in (customer_id, other):
        assert await stages(client, each) == ("converted", "purchase")
    told = {"merge_id": merge.json()["id"], "survivor_id": customer_id, "merged_id": other}
    await deliver(database, HANDLERS, [(CustomerMerged(**told, merged_at=AT), 1)])
    assert await found(client, "lifecycle=identified") == []
    assert await found(client, "lifecycle=converted") == [customer_id]
    assert await found(client, "journey=purchase") == [customer_id]
    counts = {each["stage"]: each["customers"] for each in (await client.get("/v1/stages/summary")).json()["lifecycle"]["stages"]}
    assert (counts["identified"], counts["converted"]) == (0, 1)
    # A record moves on under whom it belongs to.
    await deliver(database, HANDLERS, [(placed(await buy(client, other, 2)), 1)])
    assert await found(client, "lifecycle=retained") == [customer_id]
    assert (await client.post(f"/v1/merges/{merge.json()['id']}/undo")).status_code == 200
    assert await stages(client, customer_id) == ("identified", None)
    assert await stages(client, other) == ("retained", "purchase")
    await deliver(database, HANDLERS, [(CustomerUnmerged(**told, unmerged_at=AT), 2)])
    assert await found(client, "lifecycle=identified") == [customer_id]
    assert await found(client, "journey=purchase") == [other]


async def found(client, query: str) -> list[str]:
    answer = await client.get(f"/v1/customers?stage.{query}")
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["data"]]


_ROWS = """
INSERT INTO customers (id, kind, root_id, created_at)
SELECT 'cus_' || n, 'individual', 'cus_' || n, now() - n * interval '1 minute' FROM generate_series(1, 5000) AS n;
INSERT INTO customer_stages (customer_id, version, shown_lifecycle, shown_journey)
SELECT 'cus_' || n, 1, CASE WHEN n % 500 = 0 THEN 'grown' ELSE 'identified' END, 'service' FROM generate_series(1, 5000) AS n;
INSERT INTO stage_moves (customer_id, number, track, stage, entered_at, left_at, reason)
SELECT 'cus_' || 1 + n % 50, n, 'lifecycle', 'identified', now() - n * interval '1 hour', now() - n * interval '1 hour', 'x'
FROM generate_series(1, 5000) AS n;
ANALYZE customers; ANALYZE customer_stages; ANALYZE stage_moves;
SET LOCAL enable_seqscan = off;
"""
_SOON = "'lifecycle', now() - interval '2 hours', now()"


@pytest.mark.parametrize(
    ("index", "statement", "values"),
    [
        ("ix_customer_stages_shown_lifecycle_customer_id", profiles._page_statement(("lifecycle",), "created_at", False), "'grown', 20"),
        ("ix_customer_stages_shown_journey_customer_id", profiles._page_statement(("journey",), "created_at", False), "'attention', 20"),
        ("ix_stage_moves_customer_id_entered_at_number", repository._NEXT_HISTORY, "ARRAY['cus_1'], 20, now(), 1, 'cus_1'"),
        ("ix_stage_moves_left", repository._MEDIANS, _SOON),
        ("ix_stage_moves_entered", repository._FLOWS, _SOON),
    ],
)
async def test_each_index_serves_its_query(database, index, statement, values):
    async with database.acquire() as connection:
        await connection.execute(_ROWS)
        plan = await plan_of(connection, statement, values)
    assert index in plan, plan

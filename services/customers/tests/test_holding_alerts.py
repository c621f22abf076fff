"""What was noticed about holdings, as it is read: of one holding, and of all that a customer holds."""

from datetime import timedelta

import pytest

from customers.app import SERVICE
from customers.holdings.repository import ALERTS_AFTER, FAMILY_ALERTS_AFTER
from shared.messaging.passes import Passes
from shared.testing.plans import plan_of

DAY = timedelta(days=1)


async def hold(client, number, customer, **changes):
    holding = {
        "external_id": f"ACC-{number}",
        "customer_external_id": customer,
        "product_kind": "deposit",
        "currency": "EUR",
        "opened_at": "2025-01-15T00:00:00Z",
        "matures_at": "2026-04-20T00:00:00Z",
        "payment_due_at": "2026-04-01T00:00:00Z",
        "falling_percent": 50,
    }
    answer = await client.post("/v1/holdings", json=holding | changes)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
def look(database, clock):
    async def look() -> None:
        await Passes(database, SERVICE.passes, clock=clock).run_once()

    return look


async def alerts(client, path, **query):
    answer = await client.get(f"/v1/{path}/alerts", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_holding_tells_what_was_noticed_the_last_first(client, clock, look):
    holding = await hold(client, 1, "C-1")
    path = f"holdings/{holding['id']}"
    assert (await alerts(client, path))["data"] == []
    for minor, at in ((1_000, "2026-02-20T00:00:00Z"), (400, "2026-02-25T00:00:00Z")):
        await client.post(f"/v1/{path}/balances", json={"balance_minor": minor, "at": at})
    clock.advance(25 * DAY)
    await look()
    clock.advance(10 * DAY)
    await look()
    shown = (await alerts(client, path))["data"]
    assert [(each["alert"], each["about_at"]) for each in shown] == [
        ("payment_overdue", "2026-04-01T00:00:00Z"),
        ("maturity_nearing", "2026-04-20T00:00:00Z"),
        ("balance_falling", "2026-02-20T00:00:00Z"),
    ]
    assert {(each["holding_id"], each["customer_id"], each["product_kind"]) for each in shown} == {
        (holding["id"], holding["customer_id"], "deposit")
    }
    page = await alerts(client, path, limit=2)
    assert page["data"] + (await alerts(client, path, limit=2, cursor=page["next_cursor"]))["data"] == shown


async def test_a_customer_has_the_alerts_of_all_of_his_records(client, clock, look):
    one, two, other = [await hold(client, number, f"C-{number}", payment_due_at=None) for number in (1, 2, 3)]
    await client.post("/v1/merges", json={"survivor_id": one["customer_id"], "merged_id": two["customer_id"]})
    clock.advance(30 * DAY)
    await look()
    for customer_id in (one["customer_id"], two["customer_id"]):
        shown = (await alerts(client, f"customers/{customer_id}"))["data"]
        assert {each["holding_id"] for each in shown} == {one["id"], two["id"]}
        page = await alerts(client, f"customers/{customer_id}", limit=1)
        assert page["data"] + (await alerts(client, f"customers/{customer_id}", cursor=page["next_cursor"]))["data"] == shown
    assert [each["holding_id"] for each in (await alerts(client, f"customers/{other['customer_id']}"))["data"]] == [other["id"]]


async def test_nobody_has_no_alerts(client):
    assert (await client.get("/v1/holdings/hld_unknown/alerts")).json()["code"] == "holding_not_found"
    assert (await client.get("/v1/customers/cus_unknown/alerts")).json()["code"] == "customer_not_found"


@pytest.mark.parametrize(("statement", "whose"), [(ALERTS_AFTER, "'hld_5'"), (FAMILY_ALERTS_AFTER, "ARRAY['cus_5', 'cus_6']")])
async def test_lists_read_the_index(database, statement, whose):
    async with database.acquire() as connection:
        await connection.execute(
            """
            INSERT INTO customers (id, kind, root_id) SELECT 'cus_' || n, 'individual', 'cus_' || n FROM generate_series(0, 99) AS n;
            INSERT INTO holdings (id, customer_id, product_kind, currency, opened_at, falling_days)
            SELECT 'hld_' || n, 'cus_' || n % 100, 'deposit', 'EUR', now(), 30 FROM generate_series(1, 200) AS n;
            INSERT INTO holding_alerts (id, holding_id, alert, about_at, raised_at)
            SELECT 'hal_' || n, 'hld_' || 1 + n % 200, 'payment_overdue', now() + n * interval '1 day', now()
            FROM generate_series(1, 9000) AS n;
            ANALYZE holdings; ANALYZE holding_alerts;
            """
        )
        plan = await plan_of(connection, statement, f"{whose}, 20, 'hal_9'")
    assert "ix_holding_alerts_holding_id_id" in plan, plan

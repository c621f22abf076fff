"""Learning material, and how far customers have come with it."""

from datetime import timedelta

import pytest

from customers.materials import repository, service
from shared.testing.plans import plan_of

STEPS = {"titles": {"en": "First steps", "zh": "第一步"}, "links": {"en": "https://example.com/steps"}, "journey_stage": "service"}


async def material(client, **more):
    answer = await client.post("/v1/materials", json=STEPS | more)
    assert answer.status_code == 201, answer.text
    return answer


async def customer(client):
    return (await client.post("/v1/customers", json={})).json()["id"]


async def test_material_lives_over_http(client):
    made = await material(client)
    shown = made.json()
    assert (shown["titles"], shown["texts"], shown["journey_stage"]) == (STEPS["titles"], {}, "service")
    assert (await client.get(made.headers["location"])).json() == shown
    await material(client, journey_stage="advocacy", texts={"lv": "Pastāsti draugam."})
    assert len((await client.get("/v1/materials")).json()["data"]) == 2
    assert (await client.get("/v1/materials?journey_stage=service")).json()["data"] == [shown]
    first = (await client.get("/v1/materials?limit=1")).json()
    rest = (await client.get("/v1/materials", params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert (first["data"][0], rest["next_cursor"]) == (shown, None)


@pytest.mark.parametrize(
    "change", [{"titles": {}}, {"titles": {"de": "x"}}, {"links": {}}, {"links": {"en": "javascript:alert(1)"}}, {"journey_stage": "grown"}]
)
async def test_material_is_refused(client, change):
    assert (await client.post("/v1/materials", json=STEPS | change)).status_code == 422


async def test_progress_is_a_touch_and_a_step(client, clock):
    customer_id, material_id = await customer(client), (await material(client)).json()["id"]
    path = f"/v1/customers/{customer_id}/materials/{material_id}/progress"
    opened = await client.post(path, json={"status": "opened"})
    assert opened.status_code == 200, opened.text
    assert opened.json()["completed_at"] is None
    clock.advance(timedelta(hours=1))
    completed = (await client.post(path, json={"status": "completed"})).json()
    assert completed["opened_at"] == opened.json()["opened_at"] < completed["completed_at"]
    clock.advance(timedelta(hours=1))
    # What was first counts.
    assert (await client.post(path, json={"status": "completed"})).json() == completed
    assert (await client.get(f"/v1/customers/{customer_id}/materials")).json()["data"] == [completed]
    kinds = [each["kind"] for each in (await client.get(f"/v1/customers/{customer_id}/timeline")).json()["data"]]
    assert sorted(kinds) == ["material_completed", "material_opened", "stage_changed"]
    shown = (await client.get(f"/v1/customers/{customer_id}/stages")).json()
    assert (shown["lifecycle"]["stage"], shown["journey"]["stage"]) == ("attracted", "service")


async def test_progress_is_refused(client):
    customer_id, material_id = await customer(client), (await material(client)).json()["id"]

    async def tell(customer_id, material_id, **body):
        answer = await client.post(f"/v1/customers/{customer_id}/materials/{material_id}/progress", json=body)
        return answer.status_code, answer.json()["code"]

    assert await tell("cus_nobody", material_id, status="opened") == (404, "customer_not_found")
    assert await tell(customer_id, "mat_nothing", status="opened") == (404, "material_not_found")
    assert await tell(customer_id, material_id, status="burnt") == (422, "validation_failed")
    assert (await tell(customer_id, material_id, status="opened", occurred_at="2026-04-01T00:00:00Z"))[0] == 422
    assert (await client.get("/v1/materials/mat_nothing")).status_code == 404
    assert (await client.get("/v1/customers/cus_nobody/materials")).status_code == 404


async def test_progress_is_erased_and_collected(client, database):
    customer_id, material_id = await customer(client), (await material(client)).json()["id"]
    await client.post(f"/v1/customers/{customer_id}/materials/{material_id}/progress", json={"status": "opened"})
    async with database.acquire() as connection:
        assert [each["material_id"] for each in (await service.collect(connection, [customer_id]))["material_progress"]] == [material_id]
        assert await service.erase(connection, [customer_id]) == {"material_progress": 1}
        assert await service.collect(connection, [customer_id]) == {"material_progress": []}


@pytest.mark.parametrize(("staged", "index"), [(False, "ix_materials_created_at_id"), (True, "ix_materials_journey_stage_created_at_id")])
async def test_a_page_walks_the_index(database, staged, index):
    async with database.acquire() as connection:
        await connection.execute(
            """
            INSERT INTO materials (id, titles, journey_stage, created_at)
            SELECT 'mat_' || n, '{}', CASE WHEN n % 50 = 0 THEN 'service' ELSE 'attention' END, now() - n * interval '1 hour'
            FROM generate_series(1, 3000) AS n;
            ANALYZE materials; SET LOCAL enable_seqscan = off;
            """
        )
        values = "20, '1970-01-01', ''" + (", 'service'" if staged else "")
        plan = await plan_of(connection, repository.PAGES[staged], values)
    assert index in plan, plan

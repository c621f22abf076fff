"""Notes: what people write about a customer, and that no merge loses it."""

import pytest

from customers.notes import repository, service
from shared.testing.plans import plan_of

NOTE = {"text": "Prefers to be called in the evening.", "pinned": True}


async def customer(client, **fields):
    return (await client.post("/v1/customers", json=fields)).json()["id"]


async def test_a_note_lives_over_http(client, database):
    path = f"/v1/customers/{await customer(client)}/notes"
    made = await client.post(path, json=NOTE)
    assert made.status_code == 201, made.text
    shown = made.json()
    assert shown["author"].startswith("server:")
    assert (shown["text"], shown["pinned"], made.headers["etag"]) == (NOTE["text"], True, '"1"')
    own = made.headers["location"]
    assert (await client.get(own)).json() == shown
    assert (await client.patch(own, json={"pinned": False})).status_code == 428
    changed = await client.patch(own, json={"pinned": False}, headers={"if-match": '"1"'})
    assert (changed.json()["pinned"], changed.json()["text"], changed.headers["etag"]) == (False, NOTE["text"], '"2"')
    same = await client.patch(own, json={"text": None}, headers={"if-match": '"2"'})
    assert same.headers["etag"] == '"2"'
    assert (await client.patch(own, json={"text": "x"}, headers={"if-match": '"1"'})).status_code == 412
    async with database.acquire() as connection:
        touches = await connection.fetch("SELECT kind, source_id, summary FROM touches")
    # On the timeline, without its words.
    assert [tuple(each) for each in touches] == [("note", shown["id"], {"author": shown["author"]})]
    assert (await client.delete(own, headers={"if-match": '"2"'})).status_code == 204
    assert (await client.get(own)).status_code == 404
    assert (await client.get(path)).json()["data"] == []


async def test_notes_come_newest_first_in_pages(client, database):
    customer_id = await customer(client)
    path = f"/v1/customers/{customer_id}/notes"
    async with database.acquire() as connection:
        await connection.execute(
            """
            INSERT INTO notes (id, customer_id, author, text, is_pinned, created_at)
            SELECT 'not_' || n, $1, 'x', n::text, n % 2 = 0, now() - n * interval '1 hour' FROM generate_series(1, 5) AS n
            """,
            customer_id,
        )
    first = (await client.get(f"{path}?limit=3")).json()
    rest = (await client.get(path, params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [note["text"] for note in first["data"] + rest["data"]] == ["1", "2", "3", "4", "5"]
    pinned = (await client.get(f"{path}?pinned=true&limit=1")).json()
    more = (await client.get(path, params={"pinned": "true", "limit": 1, "cursor": pinned["next_cursor"]})).json()
    assert [note["text"] for note in pinned["data"] + more["data"]] == ["2", "4"]


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": "a\x00b"}, {"text": "a", "author": "me"}, {"text": "a", "pinned": 1}])
async def test_notes_are_refused(client, body):
    assert (await client.post(f"/v1/customers/{await customer(client)}/notes", json=body)).status_code == 422


async def test_of_nobody_there_are_no_notes(client):
    path = "/v1/customers/cus_nobody/notes"
    for answer in (await client.post(path, json=NOTE), await client.get(path), await client.get(f"{path}/not_1")):
        assert (answer.status_code, answer.json()["code"]) == (404, "customer_not_found")


async def test_a_note_is_reached_through_its_customer_only(client):
    own, other = await customer(client), await customer(client)
    note = (await client.post(f"/v1/customers/{own}/notes", json=NOTE)).json()
    refused = await client.get(f"/v1/customers/{other}/notes/{note['id']}")
    assert (refused.status_code, refused.json()["code"]) == (404, "note_not_found")
    assert (await client.delete(f"/v1/customers/{other}/notes/{note['id']}", headers={"if-match": '"1"'})).status_code == 404


async def test_members_do_not_see_notes(client):
    customer_id = await customer(client)
    token = (await client.post("/v1/member-tokens", json={"customer_id": customer_id})).json()["token"]
    refused = await client.get(f"/v1/customers/{customer_id}/notes", headers={"authorization": f"Bearer {token}"})
    assert refused.status_code == 403


async def test_notes_are_erased_and_collected(client, database):
    customer_id = await customer(client)
    await client.post(f"/v1/customers/{customer_id}/notes", json=NOTE)
    async with database.acquire() as connection:
        collected = await service.collect(connection, [customer_id])
        assert [note["text"] for note in collected["notes"]] == [NOTE["text"]]
        assert await service.erase(connection, [customer_id]) == {"notes": 1}
        assert await service.collect(connection, [customer_id]) == {"notes": []}


@pytest.mark.parametrize("pinned", [False, True])
async def test_a_page_walks_the_index(database, pinned):
    async with database.acquire() as connection:
        await connection.execute(
            """
            INSERT INTO customers (id, kind, root_id) SELECT 'cus_' || n, 'individual', 'cus_' || n FROM generate_series(1, 20) AS n;
            INSERT INTO notes (id, customer_id, author, text, is_pinned, created_at)
            SELECT 'not_' || n, 'cus_' || 1 + n % 20, 'x', 'x', n % 50 = 0, now() - n * interval '1 hour'
            FROM generate_series(1, 3000) AS n;
            ANALYZE notes; SET LOCAL enable_seqscan = off;
            """
        )
        text = await plan_of(connection, repository.PAGES[pinned, True], "ARRAY['cus_1'], 20, now(), 'x'")
    assert ("ix_notes_pinned" if pinned else "ix_notes_customer_id_created_at_id") in text, text


async def test_no_merge_makes_notes_orphans(client, database):
    # Twenty #23892: merging people deleted their timeline, and tasks and notes belonged to nobody.
    survivor, merged = await customer(client, name="Ilze"), await customer(client, name="Ilze B.")
    own = (await client.post(f"/v1/customers/{survivor}/notes", json=NOTE | {"text": "own"})).json()
    his = (await client.post(f"/v1/customers/{merged}/notes", json=NOTE | {"text": "his"})).json()
    merge = await client.post("/v1/merges", json={"survivor_id": survivor, "merged_id": merged})
    assert merge.status_code == 201, merge.text
    late = (await client.post(f"/v1/customers/{merged}/notes", json=NOTE | {"text": "late"})).json()
    for each in (survivor, merged):
        notes = (await client.get(f"/v1/customers/{each}/notes")).json()["data"]
        assert {note["id"] for note in notes} == {own["id"], his["id"], late["id"]}
        timeline = (await client.get(f"/v1/customers/{each}/timeline?kind=note")).json()["data"]
        assert {touch["source_id"] for touch in timeline} == {own["id"], his["id"], late["id"]}
        # By any id of the customer.
        assert (await client.get(f"/v1/customers/{each}/notes/{his['id']}")).json() == his
    changed = await client.patch(f"/v1/customers/{survivor}/notes/{his['id']}", json={"text": "changed"}, headers={"if-match": '"1"'})
    assert changed.status_code == 200
    assert (await client.post(f"/v1/merges/{merge.json()['id']}/undo")).status_code == 200
    texts = [{note["text"] for note in (await client.get(f"/v1/customers/{each}/notes")).json()["data"]} for each in (survivor, merged)]
    assert texts == [{"own"}, {"changed", "late"}]
    async with database.acquire() as connection:
        orphans = "SELECT count(*) FROM notes AS n WHERE NOT EXISTS (SELECT FROM customers AS c WHERE c.id = n.customer_id)"
        assert await connection.fetchval(orphans) == 0

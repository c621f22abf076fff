"""Contacts of organisations, seen from both sides, and who belongs to whom."""

import pytest

from customers.contacts import repository, service
from shared.testing.plans import plan_of

NAMED = {"name": "Jānis Ozols", "email": "janis@example.com", "phone": "+37126123456", "roles": ["billing"], "title": "Accountant"}


async def make(client, kind="organisation", **fields):
    answer = await client.post("/v1/customers", json={"kind": kind} | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def add(client, organisation, **contact):
    answer = await client.post(f"/v1/customers/{organisation}/contacts", json=contact)
    assert answer.status_code == 201, answer.text
    return answer


async def listed(client, path, **query):
    answer = await client.get(f"/v1/customers/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_a_contact_lives_over_http(client):
    organisation, person = await make(client, name="SIA Bērzi"), await make(client, "individual", name="Ilze", email="ilze@example.com")
    made = await add(client, organisation, person_id=person, roles=["decision_maker"], primary=True)
    shown = made.json()
    assert (shown["name"], shown["email"], shown["organisation_name"]) == ("Ilze", "ilze@example.com", "SIA Bērzi")
    own = made.headers["location"]
    assert (await client.get(own)).json() == shown
    twice = await client.post(f"/v1/customers/{organisation}/contacts", json={"person_id": person})
    assert (twice.status_code, twice.json()["code"]) == (409, "contact_exists")
    assert (await client.patch(own, json={"title": "Director"})).status_code == 428
    changed = await client.patch(own, json={"title": "Director", "roles": None, "valid_to": "2026-01-31"}, headers={"if-match": '"1"'})
    assert (changed.json()["title"], changed.json()["roles"], changed.headers["etag"]) == ("Director", ["decision_maker"], '"2"')
    assert (await client.patch(own, json={"title": "x"}, headers={"if-match": '"1"'})).status_code == 412
    his = await client.patch(own, json={"email": "x@example.com"}, headers={"if-match": '"2"'})
    assert (his.status_code, his.json()["code"]) == (422, "person_unknown")
    # From his side, too.
    assert [each["organisation_id"] for each in await listed(client, f"{person}/organisations")] == [organisation]
    assert await listed(client, f"{person}/organisations", current="true") == []
    assert (await client.delete(own, headers={"if-match": '"2"'})).status_code == 204
    assert (await client.get(own)).json()["code"] == "contact_not_found"
    assert (await client.get(f"/v1/customers/{person}")).status_code == 200


async def test_one_is_asked_first(client):
    organisation = await make(client)
    first = await add(client, organisation, **NAMED, primary=True)
    second = await add(client, organisation, name="Anna", primary=True)
    assert [each["primary"] for each in await listed(client, f"{organisation}/contacts")] == [False, True]
    back = await client.patch(first.headers["location"], json={"primary": True}, headers={"if-match": '"2"'})
    assert back.json()["primary"] is True
    assert (await client.get(second.headers["location"])).json()["primary"] is False


async def test_lists_are_filtered_and_paged(client):
    organisation = await make(client)
    for number in range(3):
        await add(client, organisation, name=f"P{number}", roles=["buyer"] if number else ["billing", "buyer"])
    await add(client, organisation, name="Gone", valid_to="2026-03-01")
    assert [each["name"] for each in await listed(client, f"{organisation}/contacts", role="billing")] == ["P0"]
    # The clock stands at the second of March.
    assert [each["name"] for each in await listed(client, f"{organisation}/contacts", current="true")] == ["P0", "P1", "P2"]
    path = f"/v1/customers/{organisation}/contacts"
    first = (await client.get(path, params={"limit": 3})).json()
    rest = (await client.get(path, params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [each["name"] for each in first["data"] + rest["data"]] == ["P0", "P1", "P2", "Gone"]


@pytest.mark.parametrize(
    ("contact", "status", "code"),
    [
        ({}, 422, "validation_failed"),
        ({"name": "A", "person_id": "cus_01jd3z0k7cz9v8w6t5s4r3q2p1"}, 422, "validation_failed"),
        ({"person_id": "cus_01jd3z0k7cz9v8w6t5s4r3q2p1", "email": "a@b.lv"}, 422, "validation_failed"),
        ({"person_id": "cus_01jd3z0k7cz9v8w6t5s4r3q2p1"}, 422, "person_unknown"),
        ({"name": "A", "roles": ["king"]}, 422, "validation_failed"),
        ({"name": "A", "valid_from": "2026-01-02", "valid_to": "2026-01-01"}, 422, "contact_period_refused"),
    ],
)
async def test_contacts_are_refused(client, contact, status, code):
    refused = await client.post(f"/v1/customers/{await make(client)}/contacts", json=contact)
    assert (refused.status_code, refused.json()["code"]) == (status, code)


async def test_only_organisations_have_contacts_and_only_persons_are(client):
    person, organisation = await make(client, "individual"), await make(client)
    refused = await client.post(f"/v1/customers/{person}/contacts", json={"name": "A"})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_an_organisation")
    refused = await client.post(f"/v1/customers/{organisation}/contacts", json={"person_id": organisation})
    assert (refused.status_code, refused.json()["code"]) == (422, "person_unknown")
    for path in ("contacts", "organisations", "organisation", "subsidiaries"):
        assert (await client.get(f"/v1/customers/cus_nobody/{path}")).status_code == 404
    assert (await client.post("/v1/customers/cus_nobody/contacts", json={"name": "A"})).status_code == 404
    assert (await client.put("/v1/customers/cus_nobody/organisation", json={})).status_code == 404


async def test_contact_data_is_masked(client):
    organisation = await make(client)
    await add(client, organisation, **NAMED)
    key = (await client.post("/v1/api-keys", json={"name": "shop", "scopes": ["customers:read"]})).json()["key"]
    shown = await client.get(f"/v1/customers/{organisation}/contacts", headers={"authorization": f"Bearer {key}"})
    contact = shown.json()["data"][0]
    assert (contact["name"], contact["email"], contact["phone"]) == ("J*** O***", "j***@***.com", "***56")
    assert contact["title"] == NAMED["title"]


async def test_contacts_follow_families_on_both_sides(client):
    kept, merged = await make(client, name="A"), await make(client, name="B")
    person, twin = await make(client, "individual", name="P"), await make(client, "individual", name="Q")
    await add(client, merged, person_id=twin, primary=True)
    for survivor, other in ((kept, merged), (person, twin)):
        assert (await client.post("/v1/merges", json={"survivor_id": survivor, "merged_id": other})).status_code == 201
    for organisation in (kept, merged):
        [contact] = await listed(client, f"{organisation}/contacts")
        # The record stays what it was; its names are those of whom it stands for now.
        assert (contact["organisation_id"], contact["organisation_name"], contact["name"]) == (merged, "A", "P")
    assert len(await listed(client, f"{person}/organisations")) == 1
    await add(client, kept, **NAMED, primary=True)
    assert [each["primary"] for each in await listed(client, f"{kept}/contacts")] == [False, True]


async def put(client, customer_id, **body):
    return await client.put(f"/v1/customers/{customer_id}/organisation", json=body)


async def test_organisations_belong_to_each_other_without_rings(client):
    top, middle, bottom = [await make(client, name=name) for name in "ABC"]
    assert (await put(client, top, channel_kind="manufacturer")).json() == {
        "channel_kind": "manufacturer",
        "parent_id": None,
        "ancestors": [],
    }
    assert (await put(client, middle, channel_kind="wholesaler", parent_id=top)).status_code == 200
    shown = await put(client, bottom, channel_kind="retailer", parent_id=middle)
    assert shown.json() == {"channel_kind": "retailer", "parent_id": middle, "ancestors": [middle, top]}
    assert (await client.get(f"/v1/customers/{bottom}/organisation")).json() == shown.json()
    for parent in (bottom, middle, top):
        refused = await put(client, top, parent_id=parent)
        assert (refused.status_code, refused.json()["code"]) == (409, "hierarchy_cycle")
    assert await listed(client, f"{top}/subsidiaries") == [{"customer_id": middle, "name": "B", "channel_kind": "wholesaler"}]
    person = await make(client, "individual")
    assert (await put(client, top, parent_id=person)).json()["code"] == "parent_unknown"
    assert (await put(client, person, channel_kind="other")).json()["code"] == "not_an_organisation"
    assert (await put(client, top, channel_kind="shop")).status_code == 422


async def test_a_ring_that_a_merge_closes_is_walked_once(client):
    top, bottom = await make(client), await make(client)
    assert (await put(client, bottom, parent_id=top)).status_code == 200
    assert (await client.post("/v1/merges", json={"survivor_id": top, "merged_id": bottom})).status_code == 201
    shown = (await client.get(f"/v1/customers/{top}/organisation")).json()
    assert (shown["parent_id"], shown["ancestors"]) == (None, [])


async def test_chains_are_limited(client):
    above = await make(client)
    for _ in range(service.MAX_DEPTH - 1):
        below = await make(client)
        assert (await put(client, below, parent_id=above)).status_code == 200
        above = below
    refused = await put(client, await make(client), parent_id=above)
    assert refused.json()["code"] == "hierarchy_cycle"


async def test_contacts_are_erased_and_collected_on_both_sides(client, database):
    organisation, child, person = await make(client), await make(client), await make(client, "individual")
    await add(client, organisation, person_id=person)
    await put(client, organisation, channel_kind="retailer")
    await put(client, child, parent_id=organisation)
    async with database.acquire() as connection:
        assert [each["person_id"] for each in (await service.collect(connection, [person]))["contacts"]] == [person]
        assert len((await service.collect(connection, [organisation]))["organisations"]) == 1
        assert await service.erase(connection, [person]) == {"contacts": 1, "organisations": 0}
        assert await service.erase(connection, [organisation]) == {"contacts": 0, "organisations": 1}
    assert (await client.get(f"/v1/customers/{child}/organisation")).json()["parent_id"] is None


_ROWS = """
INSERT INTO customers (id, kind, root_id) SELECT 'cus_' || n, 'organisation', 'cus_' || n FROM generate_series(1, 2000) AS n;
INSERT INTO contacts (id, organisation_id, person_id)
SELECT 'cnt_' || n, 'cus_' || 1 + n % 1000, 'cus_' || 1001 + n % 997 FROM generate_series(1, 3000) AS n;
INSERT INTO organisations (customer_id, parent_id) SELECT 'cus_' || n, 'cus_' || 1 + n % 50 FROM generate_series(51, 2000) AS n;
ANALYZE customers; ANALYZE contacts; ANALYZE organisations;
SET LOCAL enable_seqscan = off;
"""
_PAGE = "ARRAY['cus_7'], 20, '1970-01-01', '', NULL, NULL"


@pytest.mark.parametrize(
    ("index", "statement", "values"),
    [
        ("ix_contacts_organisation_id_created_at_id", repository.PAGES["organisation_id"], _PAGE),
        ("uq_contacts_person_id", repository.PAGES["person_id"], _PAGE),
        ("ix_organisations_parent_id", repository.SUBSIDIARIES, "ARRAY['cus_7'], '', 20"),
    ],
)
async def test_each_index_serves_its_query(database, index, statement, values):
    async with database.acquire() as connection:
        await connection.execute(_ROWS)
        plan = await plan_of(connection, statement, values)
    assert index in plan, plan

"""Attributes of customers as they are defined: checked in every way of writing them, unique, and found."""

import asyncio

import pytest

from customers.attributes import service
from customers.attributes.filters import MAX_COMPARISONS
from customers.profiles import repository as profiles
from shared.database.unit_of_work import UnitOfWork

CARD = {"name": "card_number", "type": "text", "unique": True, "filterable": True}
SIZE = {"name": "shoe_size", "type": "integer", "filterable": True, "limits": {"minimum": 15}}
COLOURS = {"name": "colours", "type": "options", "options": [{"code": "red"}, {"code": "blue"}], "filterable": True}


async def define(client, *definitions):
    for definition in definitions:
        answer = await client.post("/v1/attribute-definitions", json=definition)
        assert answer.status_code == 201, answer.text


async def make(client, attributes, external_id=None):
    return await client.post("/v1/customers", json={"attributes": attributes} | ({"external_id": external_id} if external_id else {}))


async def test_values_are_normalised_and_refused_by_name(client):
    await define(client, SIZE | {"required": True})
    made = await make(client, {"shoe_size": 44.0, "free": {"a": 1}})
    assert (made.status_code, made.json()["attributes"]) == (201, {"shoe_size": 44, "free": {"a": 1}})
    for attributes, code in (
        ({"shoe_size": "44"}, "attribute_invalid"),
        ({"shoe_size": 14}, "attribute_invalid"),
        ({}, "attribute_required"),
    ):
        refused = await make(client, attributes)
        assert (refused.status_code, refused.json()["code"]) == (422, code)
        assert refused.json()["errors"][0]["pointer"] == "/attributes/shoe_size"
    assert (await client.post("/v1/customers", json={})).status_code == 422
    path = made.headers["location"]
    wrong = await client.patch(path, json={"attributes": {"shoe_size": "x"}}, headers={"if-match": '"1"'})
    assert wrong.json()["code"] == "attribute_invalid"
    gone = await client.patch(path, json={"attributes": {"shoe_size": None}}, headers={"if-match": '"1"'})
    assert gone.json()["code"] == "attribute_required"
    fine = await client.patch(path, json={"attributes": {"free": None}, "city": "Rīga"}, headers={"if-match": '"1"'})
    assert fine.json()["attributes"] == {"shoe_size": 44}


async def test_strict_refuses_what_is_not_defined(client):
    await define(client, SIZE)
    before = await make(client, {"free": 1})
    assert (await client.get("/v1/attribute-settings")).json() == {"strict": False}
    assert (await client.put("/v1/attribute-settings", json={"strict": True})).json() == {"strict": True}
    refused = await make(client, {"shoe_size": 40, "free": 1})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/attributes/free")
    assert (await make(client, {"shoe_size": 40})).status_code == 201
    # What was there before stays until it is touched.
    kept = await client.patch(before.headers["location"], json={"attributes": {"shoe_size": 40}}, headers={"if-match": '"1"'})
    assert kept.json()["attributes"] == {"free": 1, "shoe_size": 40}


async def test_a_batch_answers_for_each_item(client):
    await define(client, CARD, SIZE)
    items = [
        {"external_id": "a", "attributes": {"card_number": " 1 ", "shoe_size": 40.0}},
        {"external_id": "b", "attributes": {"shoe_size": "large"}},
        {"external_id": "c", "attributes": {"card_number": "1"}},
        {"external_id": "a", "attributes": {"card_number": "1"}},
    ]
    results = (await client.post("/v1/customers/batch", json={"items": items})).json()["results"]
    assert [each["status"] for each in results] == [201, 422, 409, 200]
    assert results[2]["problem"]["errors"][0]["pointer"] == "/attributes/card_number"
    again = (await client.post("/v1/customers/batch", json={"items": [items[0], items[2]]})).json()["results"]
    assert [each["status"] for each in again] == [200, 409]
    shown = (await client.get("/v1/customers?external_id=a")).json()["data"][0]
    assert shown["attributes"] == {"card_number": "1", "shoe_size": 40}


async def test_a_unique_value_belongs_to_one_customer(committed_client):
    client = committed_client
    await define(client, CARD)
    first = await make(client, {"card_number": "1"})
    assert first.status_code == 201
    taken = await make(client, {"card_number": "1"})
    assert (taken.status_code, taken.json()["code"]) == (409, "attribute_taken")
    assert taken.json()["errors"][0]["pointer"] == "/attributes/card_number"
    second = await make(client, {"card_number": "2"})
    moved = await client.patch(second.headers["location"], json={"attributes": {"card_number": "1"}}, headers={"if-match": '"1"'})
    assert moved.json()["code"] == "attribute_taken"
    given_up = await client.patch(first.headers["location"], json={"attributes": {"card_number": "3"}}, headers={"if-match": '"1"'})
    assert given_up.status_code == 200
    free = await client.patch(second.headers["location"], json={"attributes": {"card_number": "1"}}, headers={"if-match": '"1"'})
    assert free.status_code == 200


async def test_of_many_at_once_one_gets_the_value(committed_client):
    await define(committed_client, CARD)
    answers = await asyncio.gather(*(make(committed_client, {"card_number": "1"}) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


async def test_a_stale_cache_lets_nothing_in_that_is_taken(committed_client, committed_database):
    assert (await make(committed_client, {"card_number": "1"})).status_code == 201
    stale = service._cache.catalogue
    assert stale is not None
    # Another process makes the attribute unique; this one has not looked yet.
    async with UnitOfWork(committed_database) as uow:
        columns = {"name": "card_number", "type": "text", "titles": {}, "options": [], "limits": {}, "is_required": False}
        await service.define(uow, columns | {"is_unique": True, "is_filterable": False, "is_personal": False})
        await uow.commit()
    service._cache.catalogue, service._cache.fresh_until = stale, float("inf")
    refused = await make(committed_client, {"card_number": "1"})
    assert (refused.status_code, refused.json()["code"]) == (409, "attribute_taken")
    service.forget_cached()


async def test_what_is_shared_cannot_become_unique(client):
    for _ in range(2):
        assert (await make(client, {"card_number": "1"})).status_code == 201
    refused = await client.post("/v1/attribute-definitions", json=CARD)
    assert (refused.status_code, refused.json()["code"]) == (409, "attribute_values_not_unique")


async def test_present_values_become_unique(committed_client):
    assert (await make(committed_client, {"card_number": "1"})).status_code == 201
    await define(committed_client, CARD)
    assert (await make(committed_client, {"card_number": "1"})).status_code == 409
    deleted = await committed_client.delete("/v1/attribute-definitions/card_number", headers={"if-match": '"1"'})
    assert deleted.status_code == 204
    assert (await make(committed_client, {"card_number": "1"})).status_code == 201


async def test_records_of_one_customer_may_share_a_unique_value(database, client):
    await define(client, CARD)
    own, other = [(await make(client, attributes)).json()["id"] for attributes in ({}, {"card_number": "1"})]
    async with database.acquire() as connection:
        await connection.execute("UPDATE customers SET merged_into = $1, root_id = $1 WHERE id = $2", own, other)
        await connection.execute('UPDATE customers SET attributes = \'{"card_number": "1"}\' WHERE id = $1', own)
        # The one who holds it gives it up: the other holds it from now on.
        await connection.execute("UPDATE customers SET attributes = '{}' WHERE id = $1", other)
        assert await connection.fetchval("SELECT customer_id FROM attribute_values") == own
        assert await service.erase(connection, [own, other]) == {"attribute_values": 1}
        assert await service.collect(connection, [own]) == {}


async def test_lists_are_filtered_by_attributes(client):
    await define(client, CARD, SIZE, COLOURS, {"name": "hidden", "type": "text"})
    values = [
        {"card_number": "1", "shoe_size": 38, "colours": ["red"]},
        {"card_number": "2", "shoe_size": 42, "colours": ["red", "blue"]},
        {"card_number": "3", "shoe_size": 46},
    ]
    ids = [(await make(client, attributes)).json()["id"] for attributes in values]

    async def found(**query):
        answer = await client.get("/v1/customers", params={f"attributes.{name.replace('__', '.')}": value for name, value in query.items()})
        assert answer.status_code == 200, answer.text
        return [ids.index(each["id"]) for each in answer.json()["data"]]

    assert await found(card_number="2") == [1]
    assert await found(shoe_size="38") == [0]
    assert await found(colours="red") == [0, 1]
    assert await found(colours="red,blue", shoe_size="42") == [1]
    assert await found(shoe_size__from="42") == [1, 2]
    assert await found(shoe_size__from="38", shoe_size__to="46") == [0, 1]
    assert await found(shoe_size__to="40", colours="blue") == []


async def test_pages_of_a_filtered_list_follow_each_other(client):
    await define(client, SIZE)
    for _ in range(3):
        await make(client, {"shoe_size": 40})
    first = (await client.get("/v1/customers?attributes.shoe_size=40&limit=2")).json()
    rest = await client.get("/v1/customers", params={"attributes.shoe_size": "40", "limit": "2", "cursor": first["next_cursor"]})
    assert (len(first["data"]), len(rest.json()["data"])) == (2, 1)
    other = await client.get("/v1/customers", params={"attributes.shoe_size": "41", "limit": "2", "cursor": first["next_cursor"]})
    assert (other.status_code, other.json()["code"]) == (400, "cursor_mismatch")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("attributes.nothing=1", 422, "attribute_not_filterable"),
        ("attributes.colours.from=red", 422, "attribute_not_filterable"),
        ("attributes.shoe_size=large", 422, "attribute_invalid"),
        ("attributes.*=x", 422, "attribute_not_filterable"),
        ("attributesx=1", 400, "unknown_parameter"),
        ("other.x=1", 400, "unknown_parameter"),
    ],
)
async def test_filters_are_refused(client, query, status, code):
    await define(client, SIZE, COLOURS)
    refused = await client.get(f"/v1/customers?{query}")
    assert (refused.status_code, refused.json()["code"]) == (status, code)


async def test_comparisons_are_limited(client):
    await define(client, *({"name": f"n{number}", "type": "number", "filterable": True} for number in range(MAX_COMPARISONS + 1)))
    query = "&".join(f"attributes.n{number}.from=1" for number in range(MAX_COMPARISONS + 1))
    assert (await client.get(f"/v1/customers?{query}")).json()["code"] == "attribute_not_filterable"


_ROWS = """
INSERT INTO attribute_definitions (name, type, is_required, is_unique, is_filterable, is_personal)
VALUES ('size', 'number', false, false, true, false);
INSERT INTO customers (id, kind, root_id, attributes, created_at)
SELECT 'cus_' || n, 'individual', 'cus_' || n, jsonb_build_object('size', n, 'colour', 'c' || n % 500), now() - n * interval '1 minute'
FROM generate_series(1, 5000) AS n;
ANALYZE customers; ANALYZE attribute_values;
"""


@pytest.mark.parametrize(
    ("index", "name", "value"),
    [
        ("ix_customers_attributes", "attributes", '{"colour": "c7"}'),
        ("pk_attribute_values", "compared_1", '{"name": "size", "low": 5, "high": 9}'),
    ],
)
async def test_filters_are_served_by_their_index(database, index, name, value):
    async with database.acquire() as connection:
        await connection.execute(_ROWS)
        await connection.execute("SET LOCAL enable_seqscan = off")
        await connection.execute(f"PREPARE asked AS {profiles._page_statement((name,), 'created_at', False)}")
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE asked ('{value}', 20)"))
        rows = await connection.fetch(f"EXECUTE asked ('{value}', 20)")
        await connection.execute("DEALLOCATE asked")
    assert index in plan, plan
    assert len(rows) == {"attributes": 10, "compared_1": 4}[name]


async def test_merging_lets_records_share_a_unique_value_and_undoing_gives_it_back(client):
    await define(client, CARD)
    survivor, merged = [(await make(client, attributes)).json()["id"] for attributes in ({}, {"card_number": "1"})]
    merge = await client.post("/v1/merges", json={"survivor_id": survivor, "merged_id": merged})
    assert merge.status_code == 201, merge.text
    assert (await client.get(f"/v1/customers/{survivor}")).json()["attributes"] == {"card_number": "1"}
    # It is still nobody else's.
    assert (await make(client, {"card_number": "1"})).status_code == 409
    undone = await client.post(f"/v1/merges/{merge.json()['id']}/undo")
    assert undone.status_code == 200, undone.text
    assert (await client.get(f"/v1/customers/{survivor}")).json()["attributes"] == {}
    assert (await client.get(f"/v1/customers/{merged}")).json()["attributes"] == {"card_number": "1"}
    assert (await make(client, {"card_number": "1"})).status_code == 409

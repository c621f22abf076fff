"""Customers over HTTP."""

import asyncio
import base64
import hashlib

import orjson
import pytest

from shared.contracts.customers import CustomerRegistered, CustomerUpdated

FULL = {
    "kind": "individual",
    "external_id": "C-1",
    "name": "Ilze Bērziņa",
    "email": "ilze@example.com",
    "phone": "+37126123456",
    "language": "lv",
    "country": "LV",
    "city": "Rīga",
    "birth_date": "1985-03-14",
    "sex": "female",
    "attributes": {"newsletter": True, "sizes": {"shoe": 39.5}, "tags": ["a", None]},
}


async def test_what_is_sent_is_returned(client, published):
    answer = await client.post("/v1/customers", json=FULL)
    assert answer.status_code == 201
    assert answer.headers["etag"] == '"1"'
    shown = answer.json()
    assert shown | FULL == shown
    read = await client.get(answer.headers["location"])
    assert read.json() == shown
    assert read.headers["etag"] == '"1"'
    [(event, sequence)] = await published()
    assert isinstance(event, CustomerRegistered)
    assert (event.customer_id, event.country, event.language, sequence) == (shown["id"], "LV", "lv", 1)


async def test_nothing_need_be_told(client):
    shown = (await client.post("/v1/customers", json={})).json()
    assert shown["kind"] == "individual"
    assert shown["attributes"] == {}
    assert shown["external_id"] is None


async def test_an_unchanged_customer_is_not_sent_again(client):
    location = (await client.post("/v1/customers", json=FULL)).headers["location"]
    answer = await client.get(location, headers={"if-none-match": '"1"'})
    assert (answer.status_code, answer.content) == (304, b"")


async def test_an_external_id_belongs_to_one_customer(client):
    await client.post("/v1/customers", json=FULL)
    answer = await client.post("/v1/customers", json={"external_id": "C-1"})
    assert (answer.status_code, answer.json()["code"]) == (409, "external_id_taken")
    other = await client.post("/v1/customers", json={"external_id": "C-2"})
    answer = await client.patch(other.headers["location"], json={"external_id": "C-1"}, headers={"if-match": '"1"'})
    assert (answer.status_code, answer.json()["code"]) == (409, "external_id_taken")


@pytest.mark.parametrize(
    "path", ["/v1/customers/cus_00000000000000000000000000", "/v1/customers/whatever", "/v1/customers/whatever/orders"]
)
async def test_an_unknown_customer_is_not_found(client, path):
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "customer_not_found")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("kind", "robot", "literal_error"),
        ("external_id", "", "string_too_short"),
        ("name", "x" * 301, "string_too_long"),
        ("email", "ilze@", "email_invalid"),
        ("phone", "26123456", "phone_invalid"),
        ("phone", "+371", "phone_invalid"),
        ("language", "latviski", "language_invalid"),
        ("country", "XX", "country_unknown"),
        ("country", "lv", "country_unknown"),
        ("birth_date", "2026-03-05", "birth_date_in_future"),
        ("birth_date", "1985-02-30", "date_from_datetime_parsing"),
        ("birth_date", 486_000_000, "date_type"),
        ("birth_date", "486000000", "date_invalid"),
        ("sex", "x", "literal_error"),
        ("attributes", [], "dict_type"),
        ("attributes", {str(n): n for n in range(51)}, "too_long"),
        ("attributes", {"a": {"b": {"c": {}}}}, "attributes_refused"),
        ("attributes", {"a": "x" * 8_192}, "attributes_refused"),
        ("attributes", {"": 1}, "attributes_refused"),
        ("nickname", "Ila", "extra_forbidden"),
    ],
)
async def test_bad_fields_are_named(client, field, value, code):
    answer = await client.post("/v1/customers", json={field: value})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["pointer"] == f"/{field}"
    assert error["code"] == code


async def test_values_take_their_one_form(client):
    sent = {"email": "Ilze@EXAMPLE.com", "phone": "+371 26-123-456", "language": "ZH-hant-tw"}
    shown = (await client.post("/v1/customers", json=sent)).json()
    assert (shown["email"], shown["phone"], shown["language"]) == ("Ilze@example.com", "+37126123456", "zh-Hant-TW")


async def test_a_patch_changes_what_it_names(client, published, clock):
    made = (await client.post("/v1/customers", json=FULL)).json()
    patch = {"name": "Ilze Kalniņa", "city": None, "attributes": {"newsletter": None, "sizes": {"hat": 56}}}
    answer = await client.patch(
        f"/v1/customers/{made['id']}", json=patch, headers={"if-match": '"1"', "content-type": "application/merge-patch+json"}
    )
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    expected = made | {
        "name": "Ilze Kalniņa",
        "city": None,
        "attributes": {"sizes": {"shoe": 39.5, "hat": 56}, "tags": ["a", None]},
        "updated_at": answer.json()["updated_at"],
    }
    assert answer.json() == expected
    assert (await client.get(f"/v1/customers/{made['id']}")).json() == expected
    event, sequence = (await published())[-1]
    assert isinstance(event, CustomerUpdated)
    assert (event.changed, sequence) == (["attributes", "city", "name"], 2)


async def test_a_patch_that_changes_nothing_leaves_no_trace(client, published):
    made = (await client.post("/v1/customers", json=FULL)).json()
    answer = await client.patch(f"/v1/customers/{made['id']}", json=FULL, headers={"if-match": '"1"'})
    assert (answer.status_code, answer.headers["etag"], answer.json()) == (200, '"1"', made)
    assert len(await published()) == 1


async def test_a_patch_names_the_version_it_changes(client):
    made = (await client.post("/v1/customers", json=FULL)).json()
    path = f"/v1/customers/{made['id']}"
    assert (await client.patch(path, json={"city": "Cēsis"})).status_code == 428
    assert (await client.patch(path, json={"city": "Cēsis"}, headers={"if-match": '"1"'})).status_code == 200
    stale = await client.patch(path, json={"city": "Ogre"}, headers={"if-match": '"1"'})
    assert (stale.status_code, stale.headers["etag"]) == (412, '"2"')
    unknown = await client.patch("/v1/customers/cus_unknown", json={}, headers={"if-match": '"1"'})
    assert unknown.status_code == 404


async def test_a_batch_answers_each_item_in_order(client, published):
    await client.post("/v1/customers", json=FULL)
    items = [
        {"external_id": "N-1", "name": "Anna"},
        {"external_id": "C-1", "city": "Cēsis"},
        {"name": "no external id"},
        {"external_id": "N-1", "name": "Anna", "country": "EE"},
        {"external_id": "C-1"},
        {"external_id": "N-2", "birth_date": "2030-01-01"},
        {"external_id": "N-1", "country": "EE"},
        "not an object",
    ]
    answer = await client.post("/v1/customers/batch", json={"items": items})
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [201, 200, 422, 200, 200, 422, 200, 422]
    assert results[0]["id"] == results[3]["id"] == results[6]["id"]
    assert results[5]["problem"]["code"] == "birth_date_in_future"
    anna = await client.get(f"/v1/customers/{results[0]['id']}")
    assert anna.headers["etag"] == '"2"'
    assert (anna.json()["name"], anna.json()["country"]) == ("Anna", "EE")
    ilze = (await client.get(f"/v1/customers/{results[1]['id']}")).json()
    assert {name: ilze[name] for name in FULL} == FULL | {"city": "Cēsis"}
    told = [(type(event).__name__, getattr(event, "changed", None), sequence) for event, sequence in await published()]
    assert told == [
        ("CustomerRegistered", None, 1),
        ("CustomerRegistered", None, 1),
        ("CustomerUpdated", ["country"], 2),
        ("CustomerUpdated", ["city"], 2),
    ]


async def test_a_batch_sent_again_changes_nothing(client, published):
    items = [FULL | {"external_id": f"B-{number}"} for number in range(50)]
    first = (await client.post("/v1/customers/batch", json={"items": items})).json()["results"]
    again = (await client.post("/v1/customers/batch", json={"items": items})).json()["results"]
    assert [result["status"] for result in first] == [201] * 50
    assert again == [{"status": 200, "id": result["id"]} for result in first]
    assert len(await published()) == 50


@pytest.mark.parametrize("items", [[], [{}] * 1_001, "x", None])
async def test_a_batch_has_1_to_1000_items(client, items):
    assert (await client.post("/v1/customers/batch", json={"items": items})).status_code == 422


async def test_concurrent_batches_make_each_customer_once(committed_client):
    items = [{"external_id": f"R-{number}", "name": "x"} for number in range(100)]
    orders = [items, items[::-1], items[50:] + items[:50], items]
    answers = await asyncio.gather(*(committed_client.post("/v1/customers/batch", json={"items": each}) for each in orders))
    results = [answer.json()["results"] for answer in answers]
    assert sum(result["status"] == 201 for batch in results for result in batch) == 100
    assert len({result["id"] for batch in results for result in batch}) == 100


def forged_cursor(path: str, key: str) -> str:
    """Return a cursor as the list itself would write it, with another key; the binding of a query without a filter is known to all."""
    binding = hashlib.blake2b(orjson.dumps([path, []]), digest_size=6).digest()
    return base64.urlsafe_b64encode(binding + f"[{key}]".encode()).rstrip(b"=").decode()


class TestList:
    @pytest.fixture(autouse=True)
    async def _customers(self, client):
        named = [
            ("Ilze Bērziņa", "LV", "lv"),
            ("Анна Берзиня", "LV", "ru"),
            ("张伟明", "CN", "zh"),
            ("Łukasz O'Neil", "PL", "pl"),
            ("Anna Smith", "GB", "en"),
            (None, None, None),
        ]
        items = [
            {
                "external_id": f"L-{number}",
                "name": name,
                "country": country,
                "language": language,
                "email": f"P{number}@example.com",
                "phone": f"+3712612340{number}",
                "city": f"City {number % 2}",
                "kind": "organisation" if number == 3 else "individual",
            }
            for number, (name, country, language) in enumerate(named)
        ]
        for item in items:
            await client.post("/v1/customers", json=item)

    async def numbers(self, client, query) -> list[int]:
        answer = await client.get("/v1/customers", params=query)
        assert answer.status_code == 200, answer.text
        return [int(customer["external_id"][2:]) for customer in answer.json()["data"]]

    @pytest.mark.parametrize(
        ("query", "numbers"),
        [
            ({}, [0, 1, 2, 3, 4, 5]),
            ({"sort": "-created_at"}, [5, 4, 3, 2, 1, 0]),
            ({"sort": "name"}, [5, 1, 4, 0, 3, 2]),
            ({"kind": "organisation"}, [3]),
            ({"country": "LV"}, [0, 1]),
            ({"language": "zh"}, [2]),
            ({"city": "City 1"}, [1, 3, 5]),
            ({"city": "City 1", "country": "LV", "kind": "individual"}, [1]),
            ({"external_id": "L-4"}, [4]),
            ({"email": "p2@EXAMPLE.com"}, [2]),
            ({"phone": "+37126123405"}, [5]),
            ({"created_from": "2100-01-01T00:00:00Z"}, []),
            ({"created_to": "2100-01-01T00:00:00Z"}, [0, 1, 2, 3, 4, 5]),
            ({"q": "ber"}, [0, 1]),
            ({"q": "BĒRZIŅA"}, [0, 1]),
            ({"q": "Берзина"}, [0, 1]),
            ({"q": "伟"}, [2]),
            ({"q": "张伟"}, [2]),
            ({"q": "章"}, [2]),  # sounds the same
            ({"q": "李"}, []),
            ({"q": "an"}, [1, 4]),
            ({"q": "a"}, [1, 4]),
            ({"q": "lukas"}, [3]),
            ({"q": "smithe"}, [4]),
            ({"q": "o'neil"}, [3]),
            ({"q": "%"}, []),
            ({"q": "an_x"}, []),
            ({"q": "ber", "sort": "name"}, [1, 0]),
        ],
    )
    async def test_filters_sorts_and_searches(self, client, query, numbers):
        assert await self.numbers(client, query) == numbers

    @pytest.mark.parametrize("sort", ["created_at", "-created_at", "name"])
    async def test_pages_join_to_the_whole(self, client, sort):
        whole = await self.numbers(client, {"sort": sort})
        seen, cursor = [], None
        while True:
            page = (await client.get("/v1/customers", params={"sort": sort, "limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
            seen += [int(customer["external_id"][2:]) for customer in page["data"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == whole

    @pytest.mark.parametrize("path", ["customers", "customers/{id}/orders", "api-keys"])
    @pytest.mark.parametrize("key", ['["v",1]', '["v",1],["v","x"]', '["t","2026-01-01T00:00:00"],["v","x"]', '["v",null],["v","x"]', "7"])
    async def test_a_forged_cursor_is_refused(self, client, path, key):
        customer = (await client.get("/v1/customers", params={"limit": 1})).json()["data"][0]
        path = "/v1/" + path.format(id=customer["id"])
        answer = await client.get(path, params={"cursor": forged_cursor(path, key)})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")

    @pytest.mark.parametrize("query", [{"name": "x"}, {"cursor": "nonsense"}, {"offset": "1"}])
    async def test_unknown_parameters_are_refused(self, client, query):
        assert (await client.get("/v1/customers", params=query)).status_code == 400

    @pytest.mark.parametrize("query", [{"sort": "email"}, {"limit": "101"}, {"kind": "robot"}, {"created_from": "yesterday"}])
    async def test_bad_values_are_refused(self, client, query):
        assert (await client.get("/v1/customers", params=query)).status_code in {400, 422}

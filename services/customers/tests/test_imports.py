"""Imports over HTTP, from the upload to the last row."""

import csv
import io
from dataclasses import replace
from typing import Any

import httpx2
import orjson
import pytest

from customers.app import SERVICE
from customers.settings import CustomersSettings
from shared.contracts.customers import CustomerRegistered, CustomerUpdated
from shared.http import create_app
from shared.http.api_keys import generate_key

HEADER = "external_id,name,email,phone,city\n"
CSV = {"content-type": "text/csv"}


@pytest.fixture
def client(quiet_client):
    return quiet_client


@pytest.fixture
def imported(client, work):
    """Imports a file and returns the import."""

    async def do(content: str | bytes, **options: str) -> dict[str, Any]:
        body = content.encode() if isinstance(content, str) else content
        answer = await client.post("/v1/imports", content=body, headers=CSV, params=options)
        assert answer.status_code == 202, answer.text
        await work()
        return (await client.get(answer.headers["location"])).json()

    return do


async def customer(client, external_id: str) -> dict[str, Any] | None:
    found = (await client.get("/v1/customers", params={"external_id": external_id})).json()["data"]
    return found[0] if found else None


async def errors_of(client, import_id: str) -> list[dict[str, Any]]:
    answer = await client.get(f"/v1/imports/{import_id}/errors")
    return [orjson.loads(line) for line in answer.text.splitlines()]


async def test_rows_become_customers(client, imported, published):
    done = await imported(HEADER + "C-1,Ilze Bērziņa,Ilze@EXAMPLE.com,+371 26-123-456,Rīga\nC-2,Пётр,,,\n")
    assert (done["status"], done["progress"]) == ("succeeded", 1.0)
    assert done["counts"] == {"rows_read": 2, "created": 2, "updated": 0, "unchanged": 0, "merged": 0, "refused": 0}
    ilze = await customer(client, "C-1")
    assert ilze is not None
    assert (ilze["name"], ilze["email"], ilze["phone"], ilze["city"]) == ("Ilze Bērziņa", "Ilze@example.com", "+37126123456", "Rīga")
    assert [type(event) for event, _ in await published("customer")] == [CustomerRegistered, CustomerRegistered]
    assert (await client.get("/v1/customers", params={"q": "petr"})).json()["data"][0]["external_id"] == "C-2"


async def test_the_same_file_again_changes_nothing(client, imported, published):
    rows = HEADER + "C-1,Ilze,ilze@example.com,,Rīga\n"
    await imported(rows)
    done = await imported(rows)
    assert done["counts"]["unchanged"] == 1
    assert len(await published("customer")) == 1


async def test_rows_complete_customers_and_empty_cells_keep(client, imported, published):
    await imported(HEADER + "C-1,Ilze,ilze@example.com,,Rīga\n")
    done = await imported(HEADER + "C-1,Ilze Kalniņa,,+37126123456,\n")
    assert done["counts"]["updated"] == 1
    found = await customer(client, "C-1")
    assert found is not None
    assert (found["name"], found["email"], found["phone"], found["city"]) == ("Ilze Kalniņa", "ilze@example.com", "+37126123456", "Rīga")
    event, sequence = (await published("customer"))[-1]
    assert isinstance(event, CustomerUpdated)
    assert (event.changed, sequence) == (["name", "phone"], 2)


async def test_empty_cells_can_clear(client, imported):
    await imported(HEADER + "C-1,Ilze,ilze@example.com,,Rīga\n")
    await imported(HEADER + "C-1,Ilze,,,\n", empty="clear")
    found = await customer(client, "C-1")
    assert found is not None
    assert (found["name"], found["email"], found["city"]) == ("Ilze", None, None)


async def test_an_import_by_email_updates_instead_of_duplicating(client, imported):
    """As Twenty #11864 has it: importing by e-mail made a second person."""
    made = (await client.post("/v1/customers", json={"name": "Ilze", "email": "Ilze@example.com"})).json()
    done = await imported("e-mail,city\nILZE@example.com,Cēsis\nilze@Example.com,Ogre\n", match="email")
    assert (done["counts"]["created"], done["counts"]["updated"], done["counts"]["merged"]) == (0, 1, 1)
    everybody = (await client.get("/v1/customers")).json()["data"]
    assert [(each["id"], each["city"]) for each in everybody] == [(made["id"], "Ogre")]


async def test_an_import_validates_like_the_interface(client, imported):
    """As Chatwoot #12325 has it: imported contacts had numbers that nobody could save again."""
    rows = [
        ("C-1", "not-a-number", "phone_invalid", "/phone"),
        ("C-2", "+371", "phone_invalid", "/phone"),
        ("", "+37126123456", "identity_missing", "/external_id"),
    ]
    done = await imported("external_id,phone\n" + "".join(f"{external_id},{phone}\n" for external_id, phone, *_ in rows))
    assert done["counts"] == {"rows_read": 3, "created": 0, "updated": 0, "unchanged": 0, "merged": 0, "refused": 3}
    found = await errors_of(client, done["id"])
    assert [(each["row"], each["code"], each["pointer"]) for each in found] == [
        (number, code, pointer) for number, (_, _, code, pointer) in enumerate(rows, 2)
    ]
    assert "not-a-number" not in str(found)
    api = await client.post("/v1/customers", json={"external_id": "C-1", "phone": "not-a-number"})
    assert api.json()["errors"][0]["code"] == found[0]["code"]


async def test_a_number_of_one_customer_makes_no_second_one(client, imported):
    await imported("external_id,phone\nC-1,+37126123456\n")
    done = await imported("phone,city\n+371 26 123 456,Rīga\n+37126123456,Ogre\n+37126123457,Cēsis\n", match="phone")
    assert (done["counts"]["updated"], done["counts"]["merged"], done["counts"]["created"]) == (1, 1, 1)


async def test_an_identity_of_two_is_refused(client, imported):
    for name in ("Anna", "Jānis"):
        await client.post("/v1/customers", json={"name": name, "email": "both@example.com"})
    done = await imported("email,city\nboth@example.com,Rīga\n", match="email")
    assert [each["code"] for each in await errors_of(client, done["id"])] == ["identity_ambiguous"]


async def test_an_address_of_nobody_makes_no_one_of_strangers(client, imported):
    await client.post("/v1/customers", json={"name": "Anna", "email": "noreply@example.com"})
    rows = "email,name\nnoreply@example.com,Jānis\nnull@example.com,Zane\nNULL@example.com,Ilze\nreal@example.com,Pēteris\n"
    done = await imported(rows, match="email")
    assert (done["counts"]["created"], done["counts"]["refused"]) == (1, 3)
    assert {each["code"] for each in await errors_of(client, done["id"])} == {"identity_blocked"}


async def test_an_external_id_belongs_to_one(client, imported):
    await imported("external_id,email\nC-1,a@example.com\nC-2,b@example.com\n")
    done = await imported("email,external_id\na@example.com,C-2\nc@example.com,C-1\nd@example.com,C-9\ne@example.com,C-9\n", match="email")
    assert done["counts"]["created"] == 1
    assert [(each["row"], each["code"]) for each in await errors_of(client, done["id"])] == [
        (2, "external_id_taken"),
        (3, "external_id_taken"),
        (5, "external_id_taken"),
    ]


async def test_rows_of_one_customer_apply_in_order(client, imported, published):
    done = await imported(HEADER + "C-1,Anna,,,Rīga\nC-2,Eva,,,\nC-1,,anna@example.com,,\nC-1,Anna Liepa,,,\n")
    assert (done["counts"]["created"], done["counts"]["merged"]) == (2, 2)
    anna = await customer(client, "C-1")
    assert anna is not None
    assert (anna["name"], anna["email"], anna["city"]) == ("Anna Liepa", "anna@example.com", "Rīga")
    assert len(await published("customer")) == 2


@pytest.mark.parametrize(("mode", "code", "counts"), [("create", "customer_exists", (1, 0)), ("update", "customer_unknown", (0, 1))])
async def test_modes(client, imported, mode, code, counts):
    await imported(HEADER + "C-1,Anna,,,\n")
    done = await imported(HEADER + "C-1,Anna Liepa,,,\nC-2,Eva,,,\n", mode=mode)
    assert (done["counts"]["created"], done["counts"]["updated"]) == counts
    assert [each["code"] for each in await errors_of(client, done["id"])] == [code]


async def test_a_dry_run_tells_what_would_happen_and_apply_does_it(client, imported, work, published):
    await imported(HEADER + "C-1,Anna,,,Rīga\nC-2,Eva,,,Rīga\n")
    before = (await client.get("/v1/customers")).json()
    events = await published("customer")
    rows = HEADER + "C-1,Anna Liepa,,,\nC-2,Eva,,,\nC-3,Zane,,,\nC-3,,,,Ogre\nC-4,,nonsense,,\n"
    seen = await imported(rows, dry_run="true")
    expected = {"rows_read": 5, "created": 1, "updated": 1, "unchanged": 1, "merged": 1, "refused": 1}
    assert (seen["status"], seen["counts"]) == ("previewed", expected)
    assert {name: [sample["row"] for sample in rows] for name, rows in seen["samples"].items()} == {
        "created": [4],
        "updated": [2],
        "unchanged": [3],
        "merged": [5],
        "refused": [6],
    }
    assert (await client.get("/v1/customers")).json() == before
    assert await published("customer") == events
    answer = await client.post(f"/v1/imports/{seen['id']}/apply")
    assert answer.status_code == 202, answer.text
    await work()
    done = (await client.get(f"/v1/imports/{seen['id']}")).json()
    assert (done["status"], done["counts"], done["preview"]) == ("succeeded", expected, expected)
    assert len(await errors_of(client, seen["id"])) == 1
    again = await client.post(f"/v1/imports/{seen['id']}/apply")
    assert (again.status_code, again.json()["code"]) == (409, "import_not_previewed")


async def test_mapping_with_transforms(client, imported):
    rows = "Klients;Uzvārds;Vārds;Dzimis;Dz.;Punkti;VIP\nc-1;Bērziņa;Ilze;14.03.1985;S;1 234,5;jā\n"
    mapping = {
        "Klients": {"field": "external_id", "transforms": ["trim", "upper"]},
        "Vārds": "name",
        "Uzvārds": "name",
        "Dzimis": {"field": "birth_date", "date_format": "%d.%m.%Y"},
        "Dz.": {"field": "sex", "values": {"s": "female", "v": "male"}},
        "Punkti": {"field": "attributes.points", "transforms": ["number"]},
        "VIP": {"field": "attributes.vip", "transforms": ["boolean"]},
    }
    done = await imported(rows, mapping=orjson.dumps(mapping).decode())
    assert done["counts"]["created"] == 1, await errors_of(client, done["id"])
    found = await customer(client, "C-1")
    assert found is not None
    assert (found["name"], found["birth_date"], found["sex"]) == ("Ilze Bērziņa", "1985-03-14", "female")
    assert found["attributes"] == {"points": 1234.5, "vip": True}


async def test_attributes_merge_into_those_that_are_there(client, imported):
    await client.post("/v1/customers", json={"external_id": "C-1", "attributes": {"size": 39, "newsletter": True}})
    await imported("external_id,attributes.colour\nC-1,red\n")
    found = await customer(client, "C-1")
    assert found is not None
    assert found["attributes"] == {"size": 39, "newsletter": True, "colour": "red"}


@pytest.mark.parametrize(
    ("rows", "encoding"),
    [
        ("\ufeffexternal_id,name\nC-1,Ilze Bērziņa\n", "utf-8"),
        ("external_id;name\nC-1;Пётр Ильич\nC-2;Анна Сергеевна\n", "cp1251"),
        ("external_id;name\r\nC-1;Ilze Bērziņa\r\nC-2;Jānis Ozoliņš\r\n", "cp1257"),
        ("external_id,name\nC-1,王伟\nC-2,李娜\n", "gb18030"),
        ("external_id\tname\nC-1\tIlze Bērziņa\n", "utf-16"),
        ("sep=;\nexternal_id;name\nC-1;Ilze Bērziņa\n", "utf-8"),
    ],
)
async def test_files_of_spreadsheets(client, imported, rows, encoding):
    done = await imported(rows.encode(encoding))
    assert done["counts"]["refused"] == 0
    found = await customer(client, "C-1")
    assert found is not None
    [expected, *_] = [line for line in rows.replace("\t", ";").replace(",", ";").splitlines() if line.startswith("C-1")]
    assert found["name"] == expected.partition(";")[2]


async def test_quotes_lines_and_empty_rows(client, imported):
    done = await imported('external_id,name,city\nC-1,"Liepa, ""Anna""","Rīga\nLatvija"\n,,\n\nC-2,Eva,Ogre\nC-3,Zane,Cēsis,too,many\n')
    assert (done["counts"]["created"], done["counts"]["refused"]) == (2, 1)
    found = await customer(client, "C-1")
    assert found is not None
    assert (found["name"], found["city"]) == ('Liepa, "Anna"', "Rīga\nLatvija")
    [error] = await errors_of(client, done["id"])
    assert (error["row"], error["code"]) == (6, "cells_too_many")


async def test_ndjson(client, work):
    lines = [{"external_id": "C-1", "name": "Anna", "tags": ["vip"], "attributes.size": 39}, {"external_id": "C-2", "email": 5}]
    body = b"\n".join(map(orjson.dumps, lines)) + b"\nnonsense\n"
    answer = await client.post("/v1/imports", content=body, headers={"content-type": "application/x-ndjson"})
    await work()
    done = (await client.get(answer.headers["location"])).json()
    assert (done["counts"]["created"], done["counts"]["refused"]) == (1, 2)
    assert [(each["row"], each["code"]) for each in await errors_of(client, done["id"])] == [(2, "string_type"), (3, "row_malformed")]
    found = await customer(client, "C-1")
    assert found is not None
    assert (found["attributes"], found["tags"]) == ({"size": 39}, ["vip"])


async def test_a_form_with_a_file(client, work):
    files = {"file": ("people.csv", "kods;vārds\nC-1;Ilze\n".encode(), "application/octet-stream")}
    form = {"mapping": '{"kods": "external_id", "vārds": "name"}', "source": "crm", "dry_run": "false"}
    answer = await client.post("/v1/imports", files=files, data=form)
    assert answer.status_code == 202, answer.text
    await work()
    shown = (await client.get(answer.headers["location"])).json()
    assert (shown["source"], shown["counts"]["created"], shown["reading"]["delimiter"]) == ("crm", 1, ";")


@pytest.mark.parametrize(
    ("content", "params", "code"),
    [
        ("", {}, "file_empty"),
        ("a,a\n1,2\n", {}, "header_refused"),
        ("a,,b\n1,2,3\n", {}, "header_refused"),
        ("a,b\n1,2\n", {}, "nothing_mapped"),
        ("a,name\n1,2\n", {}, "match_unmapped"),
        ("a,b\n1,2\n", {"mapping": '{"c": "external_id"}'}, "column_unknown"),
        ("a,b\n1,2\n", {"mapping": '{"a": "nickname"}'}, "field_unknown"),
        ("a,b\n1,2\n", {"mapping": '{"a": "external_id", "b": "external_id"}'}, "field_unknown"),
        ("a,b\n1,2\n", {"mapping": "{"}, "upload_malformed"),
        ("external_id,attributes.shoe_size\n1,2\n", {"match": "shoe_size"}, "match_refused"),
        # Two customers may have one: it is not defined as unique.
        ("external_id,attributes.shoe_size\n1,2\n", {"match": "attributes.shoe_size"}, "match_refused"),
        ("external_id,name\n1,2\n", {"match": "external_id,identities.card"}, "match_unmapped"),
        ("name,city\n1,2\n", {"match": "any"}, "match_unmapped"),
        ("external_id,a\n1,2\n", {"mapping": '{"external_id": "external_id", "a": "identities.external_id"}'}, "field_unknown"),
        ("external_id,a\n1,2\n", {"mapping": '{"external_id": "external_id", "a": "identities.email.shop"}'}, "field_unknown"),
        ("a,b\n1,2\n", {"delimiter": ":"}, "literal_error"),
    ],
)
async def test_what_cannot_be_read_is_refused_at_once(client, content, params, code):
    answer = await client.post("/v1/imports", content=content, headers=CSV, params=params)
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert code in {problem["code"], *(each["code"] for each in problem.get("errors", ()))}


async def test_errors_as_csv(client, imported):
    done = await imported("external_id,phone\nC-1,nonsense\n")
    answer = await client.get(f"/v1/imports/{done['id']}/errors", params={"format": "csv"})
    [row] = csv.DictReader(io.StringIO(answer.text))
    assert (row["row"], row["pointer"], row["code"]) == ("2", "/phone", "phone_invalid")


async def test_the_list_is_newest_first(client, imported):
    ids = [(await imported(HEADER + f"C-{number},A,,,\n"))["id"] for number in range(3)]
    first = (await client.get("/v1/imports", params={"limit": 2})).json()
    rest = (await client.get("/v1/imports", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [each["id"] for each in [*first["data"], *rest["data"]]] == ids[::-1]


async def test_a_cancelled_import_writes_nothing_more(client, work):
    answer = await client.post("/v1/imports", content=HEADER + "C-1,A,,,\n", headers=CSV)
    path = answer.headers["location"]
    cancelled = await client.post(f"{path}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    await work()
    assert (await client.get(path)).json()["status"] == "cancelled"
    assert await customer(client, "C-1") is None
    assert (await client.post(f"{path}/cancel")).json()["code"] == "import_not_running"


async def test_progress_as_events(client, imported):
    done = await imported(HEADER + "C-1,A,,,\n")
    answer = await client.get(f"/v1/imports/{done['id']}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    [data] = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    assert orjson.loads(data) == {"status": "succeeded", "progress": 1.0, **done["counts"]}


async def test_the_same_request_again_is_one_import(client, work):
    headers = CSV | {"idempotency-key": "one"}
    first = await client.post("/v1/imports", content=HEADER + "C-1,A,,,\n", headers=headers)
    again = await client.post("/v1/imports", content=HEADER + "C-1,A,,,\n", headers=headers)
    assert (again.status_code, again.json()) == (202, first.json())
    other = await client.post("/v1/imports", content=HEADER + "C-2,A,,,\n", headers=headers)
    assert other.json()["code"] == "idempotency_mismatch"


async def test_the_file_is_gone_when_it_is_done(client, imported, database):
    await imported(HEADER + "C-1,Anna,,,\n")
    seen = await imported(HEADER + "C-1,Anna,,,\n", dry_run="true")
    async with database.acquire() as connection:
        rows = await connection.fetch("SELECT DISTINCT import_id FROM import_files")
        assert [row["import_id"] for row in rows] == [seen["id"]]
        assert await connection.fetchval("SELECT count(*) FROM import_keys") == 0


async def test_who_was_erased_is_not_brought_back(client, imported):
    await imported(HEADER + "C-1,Anna,anna@example.com,,\n")
    anna = await customer(client, "C-1")
    assert anna is not None
    answer = await client.post("/v1/erasures", json={"customer_id": anna["id"]})
    assert answer.status_code < 300, answer.text
    done = await imported(HEADER + "C-1,Anna,,,\nC-2,Eva,anna@example.com,,\nC-3,Zane,,,\n")
    assert (done["counts"]["created"], done["counts"]["refused"]) == (1, 2)
    assert [(each["row"], each["code"]) for each in await errors_of(client, done["id"])] == [(2, "identity_erased"), (3, "identity_erased")]


@pytest.mark.parametrize("chunked", [False, True])
async def test_files_have_a_limit_of_their_own(database, clock, chunked):
    key = generate_key().key
    limits = {"max_body_bytes": 1_024, "import_max_bytes": 4_096}
    settings = CustomersSettings.model_validate({"database_url": "postgresql://unused", "bootstrap_server_key": key, **limits})
    app = create_app(replace(SERVICE, jobs={}), settings, database=database, clock=clock)
    headers = {"authorization": f"Bearer {key}", **CSV}

    async def pieces(rows: int):
        yield b"external_id\n"
        for number in range(rows):
            yield f"C-{number:07}\n".encode()

    async def send(client, path: str, rows: int) -> int:
        content = pieces(rows) if chunked else b"".join([piece async for piece in pieces(rows)])
        return (await client.post(path, content=content, headers=headers)).status_code

    transport = httpx2.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url="http://customers") as client:
        assert await send(client, "/v1/imports", 300) == 202
        assert await send(client, "/v1/imports", 500) == 413
        assert await send(client, "/v1/customers", 300) == 413

"""Exports: everybody who is wanted, once, in files that do no harm."""

import csv
import io
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.app import SERVICE
from customers.exports import job, repository
from customers.exports import service as exports
from customers.exports.rules import cell, csv_lines
from customers.imports import service as imports
from shared.database.unit_of_work import UnitOfWork
from shared.http.access_events import issue_key
from shared.http.jobs import JobRunner

PEOPLE = [
    {
        "external_id": "C-1",
        "name": "Ilze Bērziņa",
        "email": "ilze@example.com",
        "country": "LV",
        "attributes": {"size": 39},
        "tags": ["vip"],
    },
    {"external_id": "C-2", "name": "=HYPERLINK(1)", "phone": "+37126123456", "country": "EE"},
    {"external_id": "C-3", "name": "王伟", "birth_date": "1985-03-14", "country": "LV"},
]


@pytest.fixture
async def client(quiet_client):
    answer = await quiet_client.post("/v1/customers/batch", json={"items": PEOPLE})
    assert [result["status"] for result in answer.json()["results"]] == [201, 201, 201]
    return quiet_client


@pytest.fixture
def exported(client, work):
    async def do(**draft: Any) -> dict[str, Any]:
        answer = await client.post("/v1/exports", json=draft)
        assert answer.status_code == 202, answer.text
        await work()
        return (await client.get(answer.headers["location"])).json()

    return do


async def rows_of(client, export: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await client.get(f"/v1/exports/{export['id']}/file")
    assert answer.status_code == 200, answer.text
    assert len(answer.content) == export["file_bytes"]
    if export["format"] == "csv":
        return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    return [orjson.loads(line) for line in answer.text.splitlines()]


async def test_csv(client, exported):
    done = await exported(fields=["external_id", "name", "phone", "attributes.size", "tags"])
    assert (done["status"], done["rows"], done["masked"]) == ("succeeded", 3, False)
    rows = await rows_of(client, done)
    assert rows == [
        {"external_id": "C-1", "name": "Ilze Bērziņa", "phone": "", "attributes.size": "39", "tags": '["vip"]'},
        {"external_id": "C-2", "name": "'=HYPERLINK(1)", "phone": "+37126123456", "attributes.size": "", "tags": ""},
        {"external_id": "C-3", "name": "王伟", "phone": "", "attributes.size": "", "tags": ""},
    ]


async def test_ndjson_by_a_filter(client, exported, monkeypatch):
    monkeypatch.setattr(job, "PAGE", 1)
    done = await exported(format="ndjson", filter={"country": "LV"})
    rows = await rows_of(client, done)
    assert [row["external_id"] for row in rows] == ["C-1", "C-3"]
    shown = (await client.get(f"/v1/customers/{rows[0]['id']}")).json()
    assert rows[0] == {name: shown[name] for name in rows[0]}


async def test_contact_data_is_masked_from_whom_may_not_see_it(client, exported, database):
    clear = await exported(fields=["email"])
    async with UnitOfWork(database) as uow:
        issued = await issue_key(uow, name="reader", scopes=["customers:read"])
        await uow.commit()
    client.headers["authorization"] = f"Bearer {issued.key}"
    done = await exported(format="ndjson", fields=["external_id", "name", "email", "country"])
    assert done["masked"] is True
    rows = await rows_of(client, done)
    assert rows[0] == {"external_id": "C-1", "name": "***", "email": "***", "country": "LV"}
    refused = await client.get(f"/v1/exports/{clear['id']}/file")
    assert (refused.status_code, refused.json()["code"]) == (403, "export_in_the_clear")


async def test_the_audit_log_is_told(exported, client, database):
    done = await exported(fields=["name"])
    await client.get(f"/v1/exports/{done['id']}/file")
    async with database.acquire() as connection:
        rows = await connection.fetch("SELECT action FROM audit_entries WHERE subject_id = $1 ORDER BY action", done["id"])
    assert [row["action"] for row in rows] == ["customers_exported", "export_downloaded"]


async def test_a_file_expires(client, exported, database, clock):
    done = await exported()
    async with UnitOfWork(database) as uow:
        await exports.forget_expired(uow, clock.now() + timedelta(hours=25))
        await uow.commit()
    answer = await client.get(f"/v1/exports/{done['id']}/file")
    assert (answer.status_code, answer.json()["code"]) == (404, "export_file_gone")
    async with database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM export_files") == 0


async def test_a_file_that_is_not_complete_is_not_given_out(client):
    path = (await client.post("/v1/exports", json={})).headers["location"]
    answer = await client.get(f"{path}/file")
    assert (answer.status_code, answer.json()["code"]) == (409, "export_not_finished")


@pytest.mark.parametrize(
    ("draft", "code"),
    [({"fields": ["shoes"]}, "export_field_unknown"), ({"filter": {"shoes": 1}}, "extra_forbidden"), ({"format": "xls"}, "literal_error")],
)
async def test_what_cannot_be_exported_is_refused(client, draft, code):
    answer = await client.post("/v1/exports", json=draft)
    assert answer.status_code == 422
    assert code in {answer.json()["code"], *(each["code"] for each in answer.json().get("errors", ()))}


@pytest.mark.parametrize("file_format", ["csv", "ndjson"])
async def test_what_is_exported_can_be_imported_and_changes_nothing(client, exported, work, file_format):
    fields = ["external_id", "name", "email", "phone", "country", "birth_date", "attributes", "tags"]
    done = await exported(format=file_format, fields=fields)
    content = (await client.get(f"/v1/exports/{done['id']}/file")).content
    media_type = {"csv": "text/csv", "ndjson": "application/x-ndjson"}[file_format]
    answer = await client.post("/v1/imports", content=content, headers={"content-type": media_type})
    assert answer.status_code == 202, answer.text
    await work()
    counts = (await client.get(answer.headers["location"])).json()["counts"]
    assert (counts["rows_read"], counts["unchanged"]) == (3, 3)


async def test_an_erasure_leaves_no_file(client, exported, work, database):
    await exported()
    dry = await client.post("/v1/imports?dry_run=true", content="external_id\nC-1\n", headers={"content-type": "text/csv"})
    await work()
    async with database.acquire() as connection:
        ids = await connection.fetchval("SELECT array_agg(id) FROM customers")
        assert await exports.erase(connection, ["cus_x"]) == {"export_files": 0}
        assert await imports.erase(connection, ["cus_x"]) == {"import_files": 0}
        assert await exports.erase(connection, ids[:1]) == {"export_files": 1}
        assert await imports.erase(connection, ids[:1]) == {"import_files": 1}
        assert await connection.fetchval("SELECT (SELECT count(*) FROM export_files) + (SELECT count(*) FROM import_files)") == 0
    applied = await client.post(f"{dry.headers['location']}/apply")
    assert applied.json()["code"] == "import_not_previewed"


class Killed(BaseException):
    """As a kill is: nothing in the code under test catches it."""


@pytest.fixture
def small(monkeypatch) -> None:
    """Pages of one customer, and a piece for each."""
    monkeypatch.setattr(job, "PAGE", 1)
    monkeypatch.setattr(repository, "PIECE_BYTES", 64)


def at_page(monkeypatch, number: int, do: Callable[[], Awaitable[None]]) -> None:
    """Do something once, when the lines of a page are about to be added to the file; the first page is the header."""
    plain, calls = job._Writer._add, []

    async def add(self: Any, content: bytes) -> None:
        calls.append(content)
        if len(calls) == number:
            await do()
        await plain(self, content)

    monkeypatch.setattr(job._Writer, "_add", add)


async def ordered(client, **draft: Any) -> str:
    return (await client.post("/v1/exports", json=draft)).headers["location"]


async def file_of(client, path: str) -> bytes:
    answer = await client.get(f"{path}/file")
    assert answer.status_code == 200, answer.text
    return answer.content


async def test_a_killed_export_begins_anew(client, exported, database, monkeypatch, small):
    async def kill() -> None:
        raise Killed

    whole = await file_of(client, f"/v1/exports/{(await exported())['id']}")
    at_page(monkeypatch, 3, kill)
    path = await ordered(client)
    runner = JobRunner(database, SERVICE.jobs, lease_seconds=0.0)
    with pytest.raises(Killed):
        await runner.run_one()
    assert (await client.get(path)).json()["status"] == "running"
    await runner.run_one()
    assert await file_of(client, path) == whole


async def test_of_two_runners_the_last_writes_the_file(client, exported, database, monkeypatch, small, work):
    """As after a pause that was longer than the lease."""
    whole = await file_of(client, f"/v1/exports/{(await exported())['id']}")

    async def run_again() -> None:
        async with database.acquire() as connection:
            await connection.execute("UPDATE jobs SET heartbeat_at = now() - interval '1 hour' WHERE status = 'running'")
        await JobRunner(database, SERVICE.jobs).run_one()

    at_page(monkeypatch, 3, run_again)
    path = await ordered(client)
    await work()
    shown = (await client.get(path)).json()
    assert (shown["status"], shown["rows"], await file_of(client, path)) == ("succeeded", 3, whole)


@pytest.mark.parametrize("page", [1, 2, 3])
async def test_whoever_is_erased_while_a_file_is_written_is_not_in_it(client, database, monkeypatch, small, work, page):
    row = (await client.get("/v1/customers", params={"external_id": "C-1"})).json()["data"][0]

    async def erase() -> None:
        answer = await client.post("/v1/erasures", json={"customer_id": row["id"]})
        assert answer.status_code in (201, 202), answer.text

    at_page(monkeypatch, page, erase)
    path = await ordered(client, format="ndjson", fields=["external_id", "name", "email"])
    await work()
    shown = (await client.get(path)).json()
    assert (shown["status"], shown["rows"]) == ("succeeded", 2)
    assert [orjson.loads(line)["external_id"] for line in (await file_of(client, path)).splitlines()] == ["C-2", "C-3"]


async def test_no_more_than_a_page_and_a_piece_is_held_at_once(client, exported, monkeypatch):
    """However many they are: what is asked for and what is kept at once has a limit of its own."""
    people = [{"external_id": f"M-{number}", "name": "N" * 200} for number in range(300)]
    await client.post("/v1/customers/batch", json={"items": people})
    monkeypatch.setattr(job, "PAGE", 20)
    monkeypatch.setattr(repository, "PIECE_BYTES", 4_096)
    plain_page, plain_put, pages, pieces = job.profiles.listed, repository.put_piece, [], []

    async def listed(*arguments: Any) -> list[Any]:
        pages.append(await plain_page(*arguments))
        return pages[-1]

    async def put_piece(*arguments: Any) -> bool:
        pieces.append(len(arguments[-1]))
        return await plain_put(*arguments)

    monkeypatch.setattr(job.profiles, "listed", listed)
    monkeypatch.setattr(repository, "put_piece", put_piece)
    shown = await exported(fields=["external_id", "name"])
    assert len(await rows_of(client, shown)) == shown["rows"] == 303
    assert max(map(len, pages)) == 20
    assert max(pieces) == 4_096
    assert len(pieces) > 10


async def test_imports_tell_what_they_told_of_a_customer(client, work, database):
    answer = await client.post("/v1/imports", content="external_id,city\nC-1,Ogre\n", headers={"content-type": "text/csv"})
    await work()
    [row] = (await client.get("/v1/customers", params={"external_id": "C-1"})).json()["data"]
    async with database.acquire() as connection:
        found = (await imports.collect(connection, [row["id"]]))["imports"]
    assert [(each["import_id"], each["source"]) for each in found] == [(answer.json()["id"], "import")]


async def test_waiting_files_and_errors_go_with_the_time(client, work, database, clock):
    answer = await client.post("/v1/imports?dry_run=true", content="external_id,phone\nC-1,x\n", headers={"content-type": "text/csv"})
    await work()
    async with UnitOfWork(database) as uow:
        assert await imports.forget_expired(uow, clock.now() + timedelta(days=8)) is True
        assert await imports.forget_expired(uow, clock.now() + timedelta(days=8)) is False
        await uow.commit()
    gone = await client.post(f"{answer.headers['location']}/apply")
    assert (gone.status_code, gone.json()["code"]) == (409, "import_file_gone")
    assert (await client.get(f"{answer.headers['location']}/errors")).text == ""


@given(st.lists(st.lists(st.text(), min_size=1, max_size=3), max_size=4))
def test_cells_are_read_as_they_were_written_and_begin_no_formula(rows):
    read = list(csv.reader(io.StringIO(csv_lines(rows).decode("utf-8", "surrogatepass"), newline="")))
    shown = [[cell(value) for value in row] for row in rows]
    assert [row for row in read if row] == [row for row in shown if row]
    for row in shown:
        for text in row:
            assert text[:1] not in "=@\t\r" or text == ""

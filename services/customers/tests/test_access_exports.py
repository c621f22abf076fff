"""Access exports: sealed pieces of every service become one archive, which expires and goes with its customer."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from privacy_answers import PROVIDED, data_of, hear

from customers.privacy.access_exports.archive import build
from customers.privacy.access_exports.rules import Progress, progress, status
from customers.privacy.access_exports.service import on_data_provided
from customers.privacy.passes import shred_expired_exports
from shared.contracts.customers import CustomerDataRequested
from shared.database.unit_of_work import UnitOfWork
from shared.following import sealing
from shared.messaging.handlers import PermanentError

OTHERS = sorted(PROVIDED)
AT = datetime(2026, 5, 1, tzinfo=UTC)


class TestRules:
    @given(st.lists(st.integers(0, 3), min_size=1, max_size=4), st.booleans())
    def test_complete_means_all_of_all(self, pieces, expired):
        services = [f"s{n}" for n in range(len(pieces))]
        arrived = {service: (count, 2) for service, count in zip(services, pieces, strict=True) if count}
        parts = progress(services, arrived)
        assert [part.service for part in parts] == services
        expected = "expired" if expired else "complete" if all(count >= 2 for count in pieces) else "incomplete"
        assert status(parts, expired=expired) == expected

    def test_nothing_came(self):
        assert not Progress("loyalty", 0, None).is_complete

    @pytest.mark.parametrize(("language", "title"), [("en", "Your data"), ("ru", "Ваши данные"), ("zh", "您的数据"), ("lv", "Jūsu dati")])
    def test_the_page_reads_in_four_languages_and_escapes(self, language, title):
        answers = {"loyalty": {"members": [{"name": "<script>alert(1)</script>", "points": 3}], "../../etc": [{"x": None}]}, "feedback": {}}
        made = zipfile.ZipFile(io.BytesIO(build(answers, customer_id="cus_1", requested_at=AT, language=language)))
        assert sorted(made.namelist()) == ["index.html", "loyalty/______etc.json", "loyalty/members.json"]
        page = made.read("index.html").decode()
        assert title in page
        assert "<script>" not in page
        assert "http" not in page


@pytest.fixture
async def customer(client) -> str:
    person = {"name": "Ilze Bērziņa", "email": "ilze@example.com", "language": "lv"}
    return (await client.post("/v1/customers", json=person)).json()["id"]


@pytest.fixture
async def export(client, customer) -> dict:
    answer = await client.post("/v1/access-exports", json={"customer_id": customer})
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/access-exports/{answer.json()['id']}"
    return answer.json()


@pytest.fixture
async def request_event(export, published) -> CustomerDataRequested:
    [(event, sequence)] = await published("access_export")
    assert sequence == 1
    return event


async def test_an_archive_holds_what_all_services_sent(client, database, customer, export, request_event):
    assert (export["status"], export["missing"]) == ("incomplete", OTHERS)
    early = await client.get(f"/v1/access-exports/{export['id']}/archive")
    assert (early.status_code, early.json()["code"], early.json()["missing"]) == (409, "access_export_incomplete", OTHERS)
    for service in OTHERS:
        await hear(database, on_data_provided, *data_of(service, request_event, {"things": [{"of": service}]}))
    shown = (await client.get(f"/v1/access-exports/{export['id']}")).json()
    assert (shown["status"], shown["missing"]) == ("complete", [])
    assert (await client.get("/v1/access-exports")).json()["data"] == [shown]
    answer = await client.get(f"/v1/access-exports/{export['id']}/archive")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    for service in OTHERS:
        assert json.loads(archive.read(f"{service}/things.json")) == [{"of": service}]
    [profile] = json.loads(archive.read("customers/profiles.json"))
    assert (profile["id"], profile["name"]) == (customer, "Ilze Bērziņa")
    assert "Jūsu dati" in archive.read("index.html").decode()
    told = (await client.get("/v1/audit", params={"customer_id": customer})).json()["data"]
    assert {"access_export_requested", "access_export_read"} <= {each["action"] for each in told}


async def test_nothing_lies_open_on_its_way(client, database, customer, export, request_event):
    async with database.acquire() as connection:
        rows = await connection.fetch("SELECT sealed FROM access_export_parts")
        logged = await connection.fetch("SELECT payload FROM event_log WHERE type LIKE '%data_requested%'")
    assert len(rows) == len(logged) == 1
    assert all(secret not in row[0] for row in [*rows, *logged] for secret in ("Ilze", "ilze@"))


async def test_pieces_may_come_twice_and_in_any_order(client, database, export, request_event, monkeypatch):
    monkeypatch.setattr(sealing, "PIECE_BYTES", 40)
    pieces = data_of("loyalty", request_event, {"things": [{"n": n * n} for n in range(40)]})
    assert len(pieces) > 2
    await hear(database, on_data_provided, *reversed(pieces[1:]))
    assert "loyalty" in (await client.get(f"/v1/access-exports/{export['id']}")).json()["missing"]
    await hear(database, on_data_provided, pieces[0], pieces[1], pieces[1])
    shown = (await client.get(f"/v1/access-exports/{export['id']}")).json()
    [part] = [part for part in shown["parts"] if part["service"] == "loyalty"]
    assert part == {"service": "loyalty", "complete": True, "pieces": len(pieces), "of": len(pieces)}


@pytest.mark.parametrize("change", [{"sealed": "AAAA"}, {"number": 2}, {"number": 0}, {"of": 3}], ids=lambda change: next(iter(change)))
async def test_a_piece_that_was_changed_is_refused(client, database, export, request_event, change):
    [piece] = data_of("loyalty", request_event, {})
    with pytest.raises(PermanentError):
        await hear(database, on_data_provided, piece.model_copy(update=change))
    assert "loyalty" in (await client.get(f"/v1/access-exports/{export['id']}")).json()["missing"]


async def test_a_piece_of_another_service_is_refused(client, database, export, request_event):
    [piece] = data_of("loyalty", request_event, {})
    with pytest.raises(PermanentError):
        await hear(database, on_data_provided, PROVIDED["feedback"].model_validate(piece.model_dump()))


async def test_an_archive_expires(client, database, customer, export, request_event, clock):
    for service in OTHERS:
        await hear(database, on_data_provided, *data_of(service, request_event, {}))
    clock.advance(timedelta(days=30))
    assert (await client.get(f"/v1/access-exports/{export['id']}")).json()["status"] == "expired"
    gone = await client.get(f"/v1/access-exports/{export['id']}/archive")
    assert (gone.status_code, gone.json()["code"]) == (404, "access_export_expired")
    await client.post("/v1/access-exports", json={"customer_id": customer})
    async with database.acquire() as connection:
        assert await connection.fetchval("SELECT private_key FROM access_exports WHERE id = $1", export["id"]) is None
        assert await connection.fetchval("SELECT count(*) FROM access_export_parts WHERE export_id = $1", export["id"]) == 0
    # What comes after that changes nothing.
    await hear(database, on_data_provided, *data_of("loyalty", request_event, {}))


async def test_an_erasure_deletes_it_at_once(client, database, customer, export, request_event):
    assert (await client.post("/v1/erasures", json={"customer_id": customer})).status_code == 202
    assert (await client.get(f"/v1/access-exports/{export['id']}")).json()["code"] == "access_export_not_found"
    await hear(database, on_data_provided, *data_of("loyalty", request_event, {}))
    async with database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM access_export_parts") == 0


async def test_nobody_is_not_exported(client):
    answer = await client.post("/v1/access-exports", json={"customer_id": "cus_00000000000000000000000000"})
    assert (answer.status_code, answer.json()["code"]) == (404, "customer_not_found")
    assert (await client.get("/v1/access-exports/nothing")).json()["code"] == "access_export_not_found"


async def test_the_pass_deletes_what_is_expired(client, database, customer, export, clock):
    for advance, left in ((timedelta(days=29), 1), (timedelta(days=1), 0)):
        clock.advance(advance)
        async with UnitOfWork(database) as uow:
            assert not await shred_expired_exports(uow, clock.now())
            await uow.commit()
        async with database.acquire() as connection:
            assert await connection.fetchval("SELECT count(private_key) FROM access_exports") == left
            assert await connection.fetchval("SELECT count(*) FROM access_export_parts") == left

"""Imports of files whose rows say when they were true."""

from typing import Any

import pytest

CSV = {"content-type": "text/csv"}
HEADER = "external_id,city,phone,observed_at\n"


@pytest.fixture
def client(quiet_client):
    return quiet_client


@pytest.fixture
def imported(client, work):
    async def do(content: str, **options: str) -> dict[str, Any]:
        answer = await client.post("/v1/imports", content=content.encode(), headers=CSV, params=options)
        assert answer.status_code == 202, answer.text
        await work()
        return (await client.get(answer.headers["location"])).json()

    return do


async def shown(client, external_id: str) -> dict[str, Any]:
    [found] = (await client.get("/v1/customers", params={"external_id": external_id})).json()["data"]
    return found


async def test_old_rows_fill_what_is_empty_and_displace_nothing_newer(client, imported):
    await client.post("/v1/customers", json={"external_id": "C-1", "city": "Riga"})
    done = await imported(HEADER + "C-1,Liepaja,+37126123456,2025-01-01T00:00:00Z\nC-2,Cesis,,2025-01-01T00:00:00Z\n")
    assert (done["counts"]["updated"], done["counts"]["created"]) == (1, 1)
    one = await shown(client, "C-1")
    assert (one["city"], one["phone"]) == ("Riga", "+37126123456")
    again = await imported(HEADER + "C-2,Riga,,2024-12-31T00:00:00Z\n")
    assert again["counts"]["unchanged"] == 1
    two = await shown(client, "C-2")
    history = (await client.get(f"/v1/customers/{two['id']}/history", params={"field": "city"})).json()["data"]
    assert (two["city"], [(each["value"], each["observed_at"]) for each in history]) == (
        "Cesis",
        [("Riga", "2024-12-31T00:00:00Z"), ("Cesis", "2025-01-01T00:00:00Z")],
    )


@pytest.mark.parametrize("known", [False, True])
async def test_rows_of_one_customer_count_by_when_they_were_true(client, imported, known):
    if known:
        await imported("external_id\nC-1\n")
    rows = "C-1,Riga,,2025-03-01T00:00:00Z\nC-1,Liepaja,+37126123456,2025-01-01T00:00:00Z\nC-1,Cesis,,2025-02-01T00:00:00Z\n"
    done = await imported(HEADER + rows)
    assert sum(done["counts"][name] for name in ("created", "updated", "merged")) == 3
    found = await shown(client, "C-1")
    assert (found["city"], found["phone"]) == ("Riga", "+37126123456")
    provenance = (await client.get(f"/v1/customers/{found['id']}/provenance")).json()["fields"]
    dates = {each["field"]: each["observed_at"] for each in provenance}
    assert (dates["city"], dates["phone"]) == ("2025-03-01T00:00:00Z", "2025-01-01T00:00:00Z")
    # The number was seen in January: what was seen in February is newer.
    await imported(HEADER + "C-1,Jelgava,+37126999999,2025-02-15T00:00:00Z\n")
    after = await shown(client, "C-1")
    assert (after["city"], after["phone"]) == ("Riga", "+37126999999")


async def test_a_column_in_the_form_of_the_house_is_read_and_the_future_refused(client, imported):
    mapping = '{"id": "external_id", "city": "city", "seen": {"field": "observed_at", "date_format": "%d.%m.%Y %H:%M"}}'
    done = await imported("id,city,seen\nC-1,Riga,01.02.2025 10:30\nC-2,Riga,01.02.2035 10:30\nC-3,Riga,\n", mapping=mapping)
    assert (done["counts"]["created"], done["counts"]["refused"]) == (2, 1)
    found = await shown(client, "C-1")
    [city] = (await client.get(f"/v1/customers/{found['id']}/history", params={"field": "city"})).json()["data"]
    assert city["observed_at"] == "2025-02-01T10:30:00Z"


@pytest.mark.parametrize(("observed_at", "city"), [("2025-02-01T00:00:00Z", "Liepaja"), ("2024-02-01T00:00:00Z", "Riga")])
async def test_undo_gives_back_what_was_there(client, imported, work, observed_at, city):
    await client.post("/v1/customers", json={"external_id": "C-1", "city": "Riga", "observed_at": "2025-01-01T00:00:00Z"})
    done = await imported(HEADER + f"C-1,Liepaja,+37126123456,{observed_at}\n")
    assert (await shown(client, "C-1"))["city"] == city
    assert (await client.post(f"/v1/imports/{done['id']}/undo")).status_code == 202
    await work()
    found = await shown(client, "C-1")
    assert (found["city"], found["phone"]) == ("Riga", None)


async def test_a_file_without_the_column_is_told_now(client, imported):
    await client.post("/v1/customers", json={"external_id": "C-1", "city": "Riga", "observed_at": "2025-01-01T00:00:00Z"})
    await imported("external_id,city\nC-1,Liepaja\n")
    assert (await shown(client, "C-1"))["city"] == "Liepaja"

"""How rows of imports are written: as the interface writes, and whatever others do meanwhile."""

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.imports import job, matching

NDJSON = {"content-type": "application/x-ndjson"}
CSV = {"content-type": "text/csv"}
_TEXTS = st.text(st.sampled_from("aBā\\\t\n\r\"'N.Ж王 ,;"), min_size=1, max_size=8).map(lambda text: f"x{text}x")
_VALUES = st.none() | st.booleans() | st.integers(-5, 5) | _TEXTS | st.lists(_TEXTS, max_size=2)
_PROFILES = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["individual", "organisation"]),
        "name": st.none() | _TEXTS,
        "email": st.just("Anna@EXAMPLE.com"),
        "language": st.sampled_from(["lv", "zh-hant"]),
        "country": st.sampled_from(["LV", "CN"]),
        "birth_date": st.none() | st.just("1985-03-14"),
        "attributes": st.dictionaries(_TEXTS, _VALUES, max_size=3),
        "preferences": st.none() | st.just({"channel": "email"}),
        "tags": st.none() | st.lists(_TEXTS, max_size=2, unique=True),
        "addresses": st.just([{"kind": "home", "city": 'R"\\\tiga', "country": "LV"}]),
        "observed_at": st.just("2025-01-01T10:00:00Z"),
    },
)


@pytest.fixture
def client(quiet_client):
    return quiet_client


@pytest.fixture
def imported(client, work):
    async def do(content: str | bytes, headers: dict[str, str] = CSV, **options: str) -> dict[str, Any]:
        body = content.encode() if isinstance(content, str) else content
        answer = await client.post("/v1/imports", content=body, headers=headers, params=options)
        assert answer.status_code == 202, answer.text
        await work()
        return (await client.get(answer.headers["location"])).json()

    return do


async def _written(database, external_id: str) -> dict[str, Any]:
    """Return all that was written of a customer, but for who he is, who told it and when."""
    async with database.acquire() as connection:
        row = dict(await connection.fetchrow("SELECT * FROM customers WHERE external_id = $1", external_id))
        change = await connection.fetchrow("SELECT * FROM profile_changes WHERE customer_id = $1", row["id"])
        [event] = await connection.fetch("SELECT * FROM event_log JOIN outbox_pending USING (position) WHERE aggregateid = $1", row["id"])
    assert row["root_id"] == row["id"] == event["key"]
    payload = orjson.loads(event["payload"])
    assert payload.pop("customer_id") == row["id"]
    assert payload.pop("registered_at") == row["created_at"].isoformat().replace("+00:00", "Z")
    facts = {name: value for name, value in change["fields"].items() if name != "external_id" and value is not None}
    own = {name: row[name] for name in row.keys() - {"id", "root_id", "external_id", "search_document", "created_at", "updated_at"}}
    return own | {"facts": facts, "observed": change["observed_at"], "event": (event["type"], event["sequence"], payload)}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(profile=_PROFILES, number=st.integers(1, 10**9))
async def test_an_imported_customer_is_as_one_that_the_interface_makes(client, imported, database, profile, number):
    told, sent = f"T-{number}", f"S-{number}"
    answer = await client.post("/v1/customers", json={**profile, "external_id": told})
    done = await imported(orjson.dumps({**profile, "external_id": sent}), NDJSON, empty="clear")
    if answer.status_code == 409:
        return
    assert (answer.status_code == 201) == (done["counts"]["created"] == 1), answer.text
    if answer.status_code == 201:
        assert await _written(database, sent) == await _written(database, told)


async def test_who_was_made_meanwhile_is_found_the_second_time(client, imported, monkeypatch):
    await imported("external_id,name\nC-1,Anna\n")
    plain, calls = matching.match, []

    async def match(*arguments):
        calls.append(arguments)
        return {} if len(calls) == 1 else await plain(*arguments)

    monkeypatch.setattr(matching, "match", match)
    done = await imported("external_id,name\nC-1,Anna Liepa\nC-2,Eva\n")
    assert (done["counts"]["updated"], done["counts"]["created"], len(calls)) == (1, 1, 2)
    found = (await client.get("/v1/customers")).json()["data"]
    assert {each["external_id"]: each["name"] for each in found} == {"C-1": "Anna Liepa", "C-2": "Eva"}


@pytest.mark.parametrize("dry_run", ["false", "true"])
async def test_whom_an_import_may_not_change_it_may_not_change_later_either(client, imported, monkeypatch, dry_run):
    """Who was there before is refused in every piece of a file that only makes; who was made by it hears its later rows."""
    await imported("external_id,name\nC-1,Anna\n")
    monkeypatch.setattr(job, "MAX_ROWS", 2)
    rows = "external_id,name\nC-1,Zane\nC-2,Eva\nC-1,Inga\nC-2,Eva Ozola\n"
    done = await imported(rows, mode="create", dry_run=dry_run)
    assert done["counts"] == {"rows_read": 4, "created": 1, "updated": 0, "unchanged": 0, "merged": 1, "refused": 2}

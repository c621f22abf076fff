"""Imports that are undone: what they did is gone, what others did since stays."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.imports import job, undo
from customers.imports.undo_rules import Told, reversal_of
from customers.timeline.service import Touch, record
from shared.contracts.customers import CustomerErased, CustomerUpdated

CSV = {"content-type": "text/csv"}
NDJSON = {"content-type": "application/x-ndjson"}
IMPORT = "imp_1"


@pytest.fixture
def client(quiet_client):
    return quiet_client


@pytest.fixture
def imported(client, work):
    async def do(content: str, **options: str) -> str:
        answer = await client.post("/v1/imports", content=content, headers=CSV, params=options)
        assert answer.status_code == 202, answer.text
        await work()
        return answer.headers["location"]

    return do


@pytest.fixture
def undone(client, work):
    async def do(path: str) -> dict[str, Any]:
        answer = await client.post(f"{path}/undo")
        assert answer.status_code == 202, answer.text
        await work()
        shown = (await client.get(path)).json()
        assert shown["status"] == "undone"
        return shown["undo"]

    return do


async def customers(client) -> dict[str, dict[str, Any]]:
    rows = (await client.get("/v1/customers", params={"limit": 100})).json()["data"]
    return {row["external_id"]: {name: value for name, value in row.items() if name != "updated_at"} for row in rows}


async def edit(client, external_id: str, **fields: Any) -> None:
    row = (await client.get("/v1/customers", params={"external_id": external_id})).json()["data"][0]
    found = await client.get(f"/v1/customers/{row['id']}")
    answer = await client.patch(f"/v1/customers/{row['id']}", json=fields, headers={"if-match": found.headers["etag"]})
    assert answer.status_code == 200, answer.text


async def test_what_was_made_is_removed_and_what_was_changed_is_as_before(client, imported, undone, published):
    await client.post("/v1/customers", json={"external_id": "C-1", "name": "Anna", "attributes": {"size": 38}})
    before = await customers(client)
    path = await imported("external_id,name,city,attributes.size,attributes.hat\nC-1,Anna Liepa,Rīga,39,56\nC-2,Eva,,,\n")
    assert await undone(path) == {"removed": 1, "restored": 1, "kept": 0}
    assert await customers(client) == before
    events = [event for event, _ in await published("customer", "erasure")]
    assert isinstance(events[-1], CustomerUpdated | CustomerErased)
    [gone] = [event for event in events if isinstance(event, CustomerErased)]
    assert gone.customer_id not in {row["id"] for row in before.values()}
    erasure = (await client.get(f"/v1/erasures/{gone.erasure_id}")).json()
    assert (erasure["status"], erasure["reimport"]) == ("incomplete", "anew")


async def test_what_others_changed_since_stays(client, imported, undone):
    await client.post("/v1/customers", json={"external_id": "C-1", "name": "Anna", "city": "Ogre"})
    path = await imported("external_id,name,city\nC-1,Anna Liepa,Rīga\nC-2,Eva,Rīga\nC-3,Zane,Rīga\n")
    await edit(client, "C-1", city="Cēsis")
    await edit(client, "C-2", name="Eva Ozola")
    assert await undone(path) == {"removed": 1, "restored": 0, "kept": 2}
    after = await customers(client)
    assert (after["C-1"]["name"], after["C-1"]["city"]) == ("Anna", "Cēsis")
    assert (after["C-2"]["name"], after["C-2"]["city"]) == ("Eva Ozola", "Rīga")
    assert "C-3" not in after


async def test_another_import_since_is_another_source(client, imported, undone):
    first = await imported("external_id,name,city\nC-1,Anna,Rīga\n")
    second = await imported("external_id,name\nC-1,Anna Liepa\n")
    assert await undone(first) == {"removed": 0, "restored": 0, "kept": 1}
    assert (await customers(client))["C-1"]["name"] == "Anna Liepa"
    # Now nobody has told anything of him that counts.
    assert await undone(second) == {"removed": 1, "restored": 0, "kept": 0}
    assert await customers(client) == {}


async def test_in_whichever_order_imports_are_undone(client, imported, undone):
    first = await imported("external_id,name,city\nC-1,Anna,Rīga\n")
    second = await imported("external_id,name\nC-1,Anna Liepa\n")
    assert await undone(second) == {"removed": 0, "restored": 1, "kept": 0}
    after = await customers(client)
    assert (after["C-1"]["name"], after["C-1"]["city"]) == ("Anna", "Rīga")
    assert await undone(first) == {"removed": 1, "restored": 0, "kept": 0}


async def test_who_ordered_since_stays(client, imported, undone):
    path = await imported("external_id,name\nC-1,Anna\nC-2,Eva\n")
    lines = [{"sku": "tea", "quantity": 1, "amount_minor": 100}]
    order = {"external_id": "O-1", "customer_external_id": "C-1", "placed_at": "2026-03-01T00:00:00Z", "currency": "EUR", "lines": lines}
    answer = await client.post("/v1/orders/batch", json={"items": [order]})
    assert answer.json()["results"][0]["status"] == 201, answer.text
    assert await undone(path) == {"removed": 1, "restored": 0, "kept": 1}
    assert set(await customers(client)) == {"C-1"}


@pytest.mark.parametrize(("kind", "removed"), [("member_enrolled", 1), ("stage_changed", 1), ("points_accrued", 0)])
async def test_what_comes_by_itself_is_no_use_and_points_are(client, imported, undone, database, kind, removed):
    """Every new customer becomes a member and enters a stage; that alone keeps nobody."""
    path = await imported("external_id,name\nC-1,Anna\n")
    row = (await client.get("/v1/customers", params={"external_id": "C-1"})).json()["data"][0]
    async with database.acquire() as connection:
        await record(connection, [Touch(row["id"], kind, "x", datetime(2026, 3, 1, tzinfo=UTC))])
    assert await undone(path) == {"removed": removed, "restored": 0, "kept": 1 - removed}
    async with database.acquire() as connection:
        left = await connection.fetchval("SELECT count(*) FROM touches WHERE customer_id = $1", row["id"])
    assert left == 1 - removed


async def test_undone_once(client, imported, undone):
    path = await imported("external_id,name\nC-1,Anna\n")
    await undone(path)
    answer = await client.post(f"{path}/undo")
    assert (answer.status_code, answer.json()["code"]) == (409, "import_already_undone")


async def test_a_dry_run_has_nothing_to_undo(client, imported):
    path = await imported("external_id,name\nC-1,Anna\n", dry_run="true")
    answer = await client.post(f"{path}/undo")
    assert (answer.status_code, answer.json()["code"]) == (409, "import_not_finished")


async def test_the_same_file_can_be_imported_again(client, imported, undone):
    content = "external_id,name,email\nC-1,Anna,anna@example.com\n"
    await undone(await imported(content))
    path = await imported(content)
    assert (await client.get(path)).json()["counts"]["created"] == 1


async def test_a_killed_undoing_goes_on(client, imported, database, monkeypatch):
    from customers.app import SERVICE
    from shared.http.jobs import JobRunner

    class Killed(BaseException):
        pass

    path = await imported("external_id,name\n" + "".join(f"C-{number},Name\n" for number in range(25)))
    monkeypatch.setattr(undo, "BATCH", 10)
    plain, calls = undo.undo_repository.advance, []

    async def advance(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise Killed
        return await plain(*arguments)

    monkeypatch.setattr(undo.undo_repository, "advance", advance)
    await client.post(f"{path}/undo")
    runner = JobRunner(database, SERVICE.jobs, lease_seconds=0.0)
    with pytest.raises(Killed):
        await runner.run_one()
    await runner.run_one()
    shown = (await client.get(path)).json()
    counts = {"removed": 25, "restored": 0, "kept": 0}
    assert (shown["status"], shown["undo"]) == ("undone", counts)
    async with database.acquire() as connection:
        row = await connection.fetchrow("SELECT done, total FROM jobs WHERE id = $1", shown["job_id"])
    assert tuple(row) == (25, 25)
    followed = (await client.get(f"{path}/events")).text
    assert orjson.loads(followed.partition("data: ")[2].splitlines()[0])["undo"] == counts


_NAMES = st.sampled_from(["a", "b", "c"])
_VALUES = st.sampled_from([None, 1, 2])
_CHANGES = st.lists(st.tuples(st.sampled_from([None, IMPORT, "imp_2"]), st.dictionaries(_NAMES, _VALUES, min_size=1)), max_size=8)


@given(_CHANGES)
def test_the_reversal_is_the_fold_without_the_import(changes):
    told = [Told(cause, fields) for cause, fields in changes]

    def fold(those: list[Told]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for change in those:
            values |= change.fields
        return {name: value for name, value in values.items() if value is not None}

    reversal = reversal_of(told, IMPORT)
    others = [change for change in told if change.cause != IMPORT]
    if reversal.is_made:
        assert told[0].cause == IMPORT
        assert reversal.is_touched == bool(others)
    else:
        assert fold([*told, Told("undo", reversal.fields)]) == fold(others)
        assert not set(reversal.kept) & set(reversal.fields)


_IDS = st.sampled_from([f"C-{number}" for number in range(5)])
_TEXTS = st.sampled_from(["A", "B", "C"])
_ROWS = st.lists(
    st.fixed_dictionaries(
        {"external_id": _IDS},
        optional={
            "name": _TEXTS,
            "city": _TEXTS,
            "attributes.x": st.sampled_from([1, True, {"y": 1}]),
            "tags": st.lists(_TEXTS, max_size=2, unique=True),
        },
    ),
    min_size=1,
    max_size=8,
)
_EDITS = st.lists(st.tuples(_IDS, st.sampled_from(["name", "city"]), st.sampled_from(["A", "D", None])), max_size=4)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=_ROWS, rows=_ROWS, edits=_EDITS)
async def test_undoing_gives_the_state_before_but_for_edits_since(client, work, monkeypatch, before, rows, edits):
    """Whatever was there, was imported and was edited since."""
    monkeypatch.setattr(job, "MAX_ROWS", 3)

    async def bring(lines, **options) -> str:
        content = b"\n".join(map(orjson.dumps, lines))
        answer = await client.post("/v1/imports", content=content, headers=NDJSON, params=options)
        await work()
        assert (await client.get(answer.headers["location"])).json()["counts"]["refused"] == 0
        return answer.headers["location"]

    await bring(before, source="crm")
    then = await customers(client)
    path = await bring(rows)
    imported = await customers(client)
    for external_id, field, value in edits:
        if external_id in imported:
            await edit(client, external_id, **{field: value})
    now = await customers(client)
    await client.post(f"{path}/undo")
    await work()
    after = await customers(client)
    changed = {
        (external_id, field)
        for external_id, shown in now.items()
        for field, value in shown.items()
        if value != imported[external_id][field]
    }
    edited = {external_id for external_id, _ in changed}
    assert set(after) == set(then) | (edited & set(imported))
    for external_id, shown in after.items():
        if external_id not in then:
            # Made by the import and adopted by somebody: stays as it is.
            assert shown == now[external_id]
            continue
        for field, value in shown.items():
            expected = now[external_id][field] if (external_id, field) in changed else then[external_id][field]
            told_since = any(edit[:2] == (external_id, field) for edit in edits)
            assert value == expected or (told_since and value == now[external_id][field]), (external_id, field)

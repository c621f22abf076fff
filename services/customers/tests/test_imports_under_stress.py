"""Imports that are killed, doubled and overtaken: each row counts once."""

import asyncio
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.app import SERVICE
from customers.imports import job, writing
from shared.http.jobs import JobRunner

CSV = {"content-type": "text/csv"}
ROWS = 400


class Killed(BaseException):
    """As a kill is: nothing in the code under test catches it."""


def file_of(rows: int) -> str:
    # Every tenth row speaks of somebody of an earlier row.
    return "external_id,name\n" + "".join(f"C-{number // 10 * 9 + number % 9},Name {number}\n" for number in range(rows))


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(job, "MAX_ROWS", 50)


async def sent(client, content: str, **options: str) -> str:
    answer = await client.post("/v1/imports", content=content, headers=CSV, params=options)
    assert answer.status_code == 202, answer.text
    return answer.headers["location"]


@pytest.mark.parametrize("is_written", [False, True], ids=["before-it-is-written", "before-its-commit"])
async def test_a_killed_import_goes_on_where_it_stopped(quiet_client, database, monkeypatch, published, is_written):
    plain, calls = writing.write, Counter()

    async def write(uow, order, drafts):
        calls["all"] += 1
        # The second, the fifth, the ninth … piece is lost.
        if calls["all"] in (2, 5, 9):
            if is_written:
                await plain(uow, order, drafts)
            raise Killed
        return await plain(uow, order, drafts)

    monkeypatch.setattr(writing, "write", write)
    path = await sent(quiet_client, file_of(ROWS))
    kills = 0
    runner = JobRunner(database, SERVICE.jobs, lease_seconds=0.0)
    while True:
        try:
            if not await runner.run_one():
                break
        except Killed:
            kills += 1
    assert kills == 3
    done = (await quiet_client.get(path)).json()
    assert done["status"] == "succeeded"
    assert done["counts"] == {"rows_read": 400, "created": 360, "updated": 0, "unchanged": 0, "merged": 40, "refused": 0}
    assert len({event.customer_id for event, sequence in await published("customer") if sequence == 1}) == 360


async def test_no_piece_is_read_from_the_beginning_again(quiet_client, work, monkeypatch):
    """As Mautic has it: each batch of an import read the file from its start, so that a long one never ended."""
    plain, positions = job.repository.read_file, []

    async def read_file(connection, import_id, position, length):
        positions.append(position)
        return await plain(connection, import_id, position, length)

    monkeypatch.setattr(job.repository, "read_file", read_file)
    await sent(quiet_client, file_of(ROWS))
    await work()
    assert len(positions) == ROWS / 50
    assert positions == sorted(set(positions))


async def test_the_same_file_twice_at_once(quiet_committed_client, committed_database):
    """Both imports go through the whole file; together they make each customer once."""
    client = quiet_committed_client
    paths = [await sent(client, file_of(ROWS), source=source) for source in ("one", "two")]
    await asyncio.gather(*(JobRunner(committed_database, SERVICE.jobs).run_one() for _ in paths))
    shown = [(await client.get(path)).json()["counts"] for path in paths]
    assert sum(counts["created"] for counts in shown) == 360
    assert [counts["rows_read"] for counts in shown] == [400, 400]
    async with committed_database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM customers") == 360


async def test_a_runner_that_was_overtaken_writes_nothing(quiet_client, database, monkeypatch):
    """One that wakes up when another has moved the import on finds another position."""
    path = await sent(quiet_client, file_of(100))
    plain = writing.write

    async def write(uow, order, drafts):
        outcome = await plain(uow, order, drafts)
        await uow.connection.execute("UPDATE imports SET position = position + 1")
        return outcome

    monkeypatch.setattr(writing, "write", write)
    await JobRunner(database, SERVICE.jobs).run_one()
    assert (await quiet_client.get(path)).json()["counts"]["rows_read"] == 0
    assert (await quiet_client.get("/v1/customers")).json()["data"] == []


_IDS = st.sampled_from([f"C-{number}" for number in range(8)])
_EMAILS = st.sampled_from(["", "a@example.com", "b@example.com", "C@example.com", "c@EXAMPLE.com", "nonsense"])
_LINES = st.lists(st.tuples(_IDS, st.sampled_from(["", "Anna", "Eva"]), _EMAILS), min_size=1, max_size=25)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=_LINES, rows=_LINES, match=st.sampled_from(["external_id", "email"]), mode=st.sampled_from(["create", "update", "upsert"]))
async def test_a_dry_run_tells_the_truth(quiet_client, work, monkeypatch, before, rows, match, mode):
    """What it counts is what the import then does, whatever the rows and the state, and however the file is cut."""
    monkeypatch.setattr(job, "MAX_ROWS", 4)

    def content(lines) -> str:
        return "external_id,name,email\n" + "".join(f"{','.join(line)}\n" for line in lines)

    await sent(quiet_client, content(before))
    path = await sent(quiet_client, content(rows), match=match, mode=mode, dry_run="true")
    await work()
    await quiet_client.post(f"{path}/apply")
    await work()
    done = (await quiet_client.get(path)).json()
    assert done["status"] == "succeeded"
    assert done["counts"] == done["preview"]
    assert sum(done["counts"].values()) == 2 * done["counts"]["rows_read"] == 2 * len(rows)

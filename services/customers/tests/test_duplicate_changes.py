"""Duplicates of whom is new or changed: compared alone, a few seconds later, with what a scan of everybody would find."""

from datetime import UTC, datetime

import pytest
from synthetic_people import synthetic_people
from test_duplicates import ILZE, candidates, listed, load, load_more, scanned

from customers.duplicates import marks, scan
from customers.duplicates.passes import compare_changed
from customers.handlers import HANDLERS
from shared.contracts.customers import CustomerMerged, CustomerRegistered, CustomerUnmerged, CustomerUpdated
from shared.database.unit_of_work import UnitOfWork
from shared.http.jobs import JobRunner
from shared.testing.bus import deliver, message

AT = datetime(2026, 2, 1, tzinfo=UTC)


def registered(customer):
    return CustomerRegistered(customer_id=customer, kind="individual", country=None, language=None, registered_at=AT)


def updated(customer, *changed):
    return CustomerUpdated(customer_id=customer, changed=list(changed), kind="individual", country=None, language=None, updated_at=AT)


async def heard(database, *events):
    await deliver(database, HANDLERS, [message(event, sequence) for event, sequence in events], consumer="customers")


async def waiting(database):
    async with database.acquire() as connection:
        return {row["customer_id"] for row in await connection.fetch("SELECT customer_id FROM duplicate_checks")}


async def marked(database, *ids):
    async with database.acquire() as connection:
        await marks.mark(connection, ids)


async def looked(database):
    """One look of the pass."""
    async with UnitOfWork(database) as uow:
        assert await compare_changed(uow, AT) is False
        await uow.commit()


async def changed_scanned(client, database):
    answer = await client.post("/v1/duplicates/scan", params={"scope": "changed"})
    assert answer.status_code == 202
    assert await JobRunner(database, {scan.KIND: scan.run}).run_one()
    job = (await client.get(answer.headers["location"])).json()
    assert job["status"] == "succeeded", job
    return job["result"]


def pairs_of(found):
    return {tuple(each["customer_ids"]): each["score"] for each in found}


class TestMarks:
    async def test_whoever_is_new_or_called_otherwise_waits_once(self, client, database):
        one, other = await load_more(client, [{"name": "Anna"}, {"name": "Ilze"}])
        events = [(registered(one), 1), (registered(other), 1), (updated(one, "name", "tags"), 2)]
        await heard(database, *events)
        await heard(database, *events)
        assert await waiting(database) == {one, other}

    async def test_what_nobody_is_compared_by_marks_nobody(self, client, database):
        [one] = await load_more(client, [{"name": "Anna"}])
        await heard(database, (updated(one, "tags", "interests", "attributes"), 2))
        assert await waiting(database) == set()

    async def test_of_nobody_and_of_the_erased_nothing_is_kept(self, client, database):
        [one] = await load_more(client, [{"name": "Anna"}])
        await marked(database, one)
        await client.post("/v1/erasures", json={"customer_id": one})
        assert await waiting(database) == set()
        await heard(database, (registered("cus_nobody"), 1), (updated(one, "name"), 2))
        assert await waiting(database) == set()

    async def test_families_and_identities_are_compared_anew(self, client, database):
        one, other, third = await load_more(client, [{"name": "Anna"}, {"name": "Ilze"}, {"name": "Zane"}])
        merged = CustomerMerged(merge_id="mrg_1", survivor_id=one, merged_id=other, merged_at=AT)
        await heard(database, (merged, 1))
        assert await waiting(database) == {one, other}
        await looked(database)
        await heard(database, (CustomerUnmerged(merge_id="mrg_1", survivor_id=one, merged_id=other, unmerged_at=AT), 2))
        await client.post(f"/v1/customers/{third}/identities", json={"kind": "card", "value": "12"})
        assert await waiting(database) == {one, other, third}

    async def test_those_who_wait_longest_come_first_and_are_taken_once(self, client, database, monkeypatch):
        monkeypatch.setattr(scan, "CHUNK", 2)
        ids = await load_more(client, [{"name": "Anna"}, {"name": "Ilze"}, {"name": "Zane"}])
        async with database.acquire() as connection:
            for minute, customer in enumerate((ids[2], ids[0], ids[1])):
                statement = "INSERT INTO duplicate_checks VALUES ($1, now() + $2 * interval '1 minute')"
                await connection.execute(statement, customer, minute)
        await looked(database)
        assert await waiting(database) == {ids[1]}
        await looked(database)
        await looked(database)
        assert await waiting(database) == set()


async def test_the_changed_find_what_a_scan_of_everybody_finds(client, database):
    ids = await load(client, synthetic_people(120).records)
    await marked(database, *ids)
    result = await changed_scanned(client, database)
    found = pairs_of(await listed(client))
    assert result == {"customers": len(ids), "pairs": len(found)}
    await scanned(client, database)
    assert pairs_of(await listed(client)) == found != {}
    # Nothing changed: nothing is compared, and nothing is lost.
    assert await changed_scanned(client, database) == {"customers": 0, "pairs": 0}
    assert pairs_of(await listed(client)) == found


@pytest.fixture
async def pair_found(client, database):
    """Ilze, a stranger, and Ilze again, whose pair is known."""
    ids = await load(client, [ILZE, {"name": "John Smith"}, {**ILZE, "name": "Берзиня Илзе", "email": "berzina@example.com"}])
    await marked(database, *ids)
    await looked(database)
    assert set(pairs_of(await listed(client))) == {(ids[0], ids[2])}
    return ids


async def test_one_who_is_new_is_compared_with_all_and_nobody_else_is(client, database, pair_found):
    [new] = await load_more(client, [{**ILZE, "name": "Ilze Berzina"}])
    await marked(database, new)
    assert await changed_scanned(client, database) == {"customers": 1, "pairs": 2}
    first, _, third = pair_found
    assert set(pairs_of(await listed(client))) == {(first, third), (first, new), (third, new)}


@pytest.mark.parametrize("place", [0, 2])
async def test_a_pair_that_resembles_no_more_is_forgotten_whichever_of_them_changed(client, database, pair_found, place):
    patch = {"name": "Kārlis Ozols", "birth_date": "1990-01-01", "phone": None}
    await client.patch(f"/v1/customers/{pair_found[place]}", json=patch, headers={"if-match": '"1"'})
    await marked(database, pair_found[place])
    await looked(database)
    assert await listed(client) == []


@pytest.mark.parametrize("place", [0, 2])
async def test_an_open_pair_stays_open_with_its_new_score(client, database, pair_found, place):
    [before] = await listed(client)
    await client.patch(f"/v1/customers/{pair_found[place]}", json={"birth_date": None}, headers={"if-match": '"1"'})
    await marked(database, pair_found[place])
    await looked(database)
    [after] = await listed(client)
    assert (after["id"], after["found_at"]) == (before["id"], before["found_at"])
    assert MIN_SHOWN <= after["score"] < before["score"]


MIN_SHOWN = 50


async def test_what_was_decided_never_comes_back(client, database, pair_found):
    [found] = await listed(client)
    await client.post(f"/v1/duplicates/{found['id']}/reject")
    await client.patch(f"/v1/customers/{pair_found[2]}", json={"email": ILZE["email"]}, headers={"if-match": '"1"'})
    await marked(database, pair_found[0], pair_found[2])
    await looked(database)
    assert await listed(client) == []
    assert [each["id"] for each in await listed(client, status="rejected")] == [found["id"]]


async def test_pairs_of_the_merged_wait_for_an_unmerge(client, database, pair_found):
    first, stranger, third = pair_found
    merge = (await client.post("/v1/merges", json={"survivor_id": stranger, "merged_id": first})).json()
    await marked(database, *pair_found)
    await looked(database)
    hidden = await listed(client)
    assert not any(first in each["customer_ids"] for each in hidden)
    await client.post(f"/v1/merges/{merge['id']}/undo")
    await marked(database, first, stranger)
    await looked(database)
    assert set(pairs_of(await listed(client))) == {(first, third)}


async def test_a_killed_scan_of_what_changed_goes_on(client, database, monkeypatch):
    monkeypatch.setattr(scan, "CHUNK", 10)
    ids = await load(client, synthetic_people(20).records)
    await marked(database, *ids)
    answer = await client.post("/v1/duplicates/scan", params={"scope": "changed"})
    async with UnitOfWork(database) as uow:
        # One that died after its first chunk.
        await scan.compare_marked(uow)
        await uow.commit()
    async with database.acquire() as connection:
        await connection.execute("UPDATE jobs SET done = 10 WHERE id = $1", answer.json()["job_id"])
    assert await JobRunner(database, {scan.KIND: scan.run}).run_one()
    assert (await client.get(answer.headers["location"])).json()["result"]["customers"] == len(ids)
    found = pairs_of(await listed(client))
    await scanned(client, database)
    assert pairs_of(await listed(client)) == found


async def test_a_word_that_went_with_another_s_erasure_comes_back_with_its_bearer(client, database):
    [one] = await load_more(client, [{"name": "Zeltspalvins"}])
    async with database.acquire() as connection:
        await connection.execute("DELETE FROM name_words")
    await marked(database, one)
    await looked(database)
    answer = await client.get("/v1/customers", params={"q": "zeltspavlins"})
    assert [each["id"] for each in answer.json()["data"]] == [one]
    assert await candidates(client, one) == []


async def test_an_unknown_scope_is_refused(client):
    assert (await client.post("/v1/duplicates/scan", params={"scope": "some"})).status_code == 422


async def test_whoever_waits_can_still_be_taken_back_with_his_import(quiet_client, database, work):
    rows = "external_id,name\nU-1,Zelta Spalvina\n"
    answer = await quiet_client.post("/v1/imports", content=rows.encode(), headers={"content-type": "text/csv"})
    await work()
    [one] = (await quiet_client.get("/v1/customers", params={"external_id": "U-1"})).json()["data"]
    await marked(database, one["id"])
    assert (await quiet_client.post(f"{answer.headers['location']}/undo")).status_code == 202
    await work()
    assert (await quiet_client.get(f"/v1/customers/{one['id']}")).status_code == 404
    assert await waiting(database) == set()

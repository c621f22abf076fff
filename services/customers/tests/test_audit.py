"""The audit log: what it tells, that nobody rewrites it, and that a rewrite is found."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.audit import repository, service
from customers.audit.passes import chain_audit_log
from customers.audit.reads import ReadLog
from customers.audit.rules import START, Head, Logged, Stored, chained, first_fault
from customers.audit.service import Entry
from shared.database.unit_of_work import UnitOfWork
from shared.errors import Unavailable

AT = datetime(2026, 5, 1, tzinfo=UTC)
texts = st.text(st.characters(codec="utf-8"), max_size=10)
entries = st.lists(
    st.builds(
        lambda n, actor, action, customer, fields: Logged(n, AT + timedelta(microseconds=n), actor, action, customer, None, fields),
        *(st.integers(1, 10**9), texts, texts, st.none() | texts, st.lists(texts, max_size=3)),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda entry: entry.id,
)
BEGIN = Head(0, START)


class TestRules:
    @given(entries)
    def test_a_chain_that_nobody_touched_holds(self, log):
        links = chained(BEGIN, log)
        head, fault = first_fault(BEGIN, links)
        assert fault is None
        assert head == (len(log), links[-1].hash)

    @given(entries, st.integers(0, 8))
    def test_it_grows_in_pieces_as_at_once(self, log, cut):
        first = chained(BEGIN, log[:cut])
        head = Head(first[-1].link, first[-1].hash) if first else BEGIN
        assert first + chained(head, log[cut:]) == chained(BEGIN, log)

    @given(entries, st.data())
    def test_a_change_is_found_where_it_is(self, log, data):
        links = chained(BEGIN, log)
        place = data.draw(st.integers(0, len(links) - 1))
        entry = links[place].entry
        assert entry is not None
        changed = Logged(entry.id, entry.recorded_at, entry.actor + "x", entry.action, entry.customer_id, entry.subject_id, entry.fields)
        links[place] = links[place]._replace(entry=changed)
        _, fault = first_fault(BEGIN, links)
        assert fault == (place + 1, entry.id, "entry_changed")

    @given(entries, st.data())
    def test_a_removal_is_found_where_it_is(self, log, data):
        links = chained(BEGIN, log)
        place = data.draw(st.integers(0, len(links) - 1))
        without_entry = [*links[:place], links[place]._replace(entry=None), *links[place + 1 :]]
        assert first_fault(BEGIN, without_entry)[1] == (place + 1, links[place].entry_id, "entry_missing")
        without_link = links[:place] + links[place + 1 :]
        fault = first_fault(BEGIN, without_link)[1]
        # A chain that lost its end can only be told by a head that was kept elsewhere.
        assert (fault is None) == (place == len(links) - 1)

    @given(entries, st.data())
    def test_a_forged_entry_in_between_is_found(self, log, data):
        links = chained(BEGIN, log)
        place = data.draw(st.integers(0, len(links)))
        forged = Stored(place + 1, b"x" * 32, 0, Logged(0, AT, "a", "b", None, None, []))
        pushed = [*links[:place], forged, *(link._replace(link=link.link + 1) for link in links[place:])]
        fault = first_fault(BEGIN, pushed)[1]
        assert fault is not None
        assert fault.link == place + 1


@pytest.fixture
async def log(committed_database):
    """The log of a database of its own, with a few entries."""
    async with UnitOfWork(committed_database) as uow:
        await service.record(uow.connection, [Entry(f"staff:{n}", "contact_read", f"cus_{n % 2}", fields=["email"]) for n in range(6)])
        await uow.commit()
    return committed_database


async def verified(database, after=None):
    async with UnitOfWork(database) as uow:
        found = await service.verify(uow.connection, after)
        await uow.commit()
    return found


async def test_entries_are_chained_once(log):
    async with UnitOfWork(log) as uow:
        assert await service.chain(uow.connection) == 6
        assert await service.chain(uow.connection) == 0
        await uow.commit()
    found = await verified(log)
    assert (found.head.link, found.fault, found.complete) == (6, None, True)


async def test_the_pass_chains_what_was_written(log):
    async with UnitOfWork(log) as uow:
        assert not await chain_audit_log(uow, AT)
        assert await repository.unchained(uow.connection, 10, everywhere=True) == []
        await uow.commit()


async def test_an_entry_that_was_committed_late_gets_its_link(log):
    late = UnitOfWork(log)
    async with late:
        await service.record(late.connection, [Entry("staff:late", "contact_read")])
        async with UnitOfWork(log) as uow:
            await service.record(uow.connection, [Entry("staff:early", "contact_read")])
            await uow.commit()
        assert (await verified(log)).head.link == 7
        await late.commit()
    found = await verified(log)
    assert (found.head.link, found.fault) == (8, None)
    async with log.acquire() as connection:
        [last] = await repository.links(connection, 7, 10)
    assert last.entry is not None
    assert last.entry.actor == "staff:late"


@pytest.mark.parametrize("table", ["audit_entries", "audit_chain"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
async def test_nobody_rewrites_it(log, table, statement):
    column = "actor" if table == "audit_entries" else "hash"
    async with log.acquire() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement.format(table, column, column))


@pytest.mark.parametrize("table", ["audit_entries", "audit_chain"])
async def test_the_owner_who_takes_the_right_back_meets_the_trigger(log, table):
    async with log.acquire() as connection:
        await connection.execute(f"GRANT UPDATE, DELETE, TRUNCATE ON {table} TO CURRENT_USER")
        for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with pytest.raises(asyncpg.RestrictViolationError):
                await connection.execute(statement)


async def tampered(log, statement):
    async with log.acquire() as connection:
        for table in ("audit_entries", "audit_chain"):
            await connection.execute(f"GRANT UPDATE, DELETE ON {table} TO CURRENT_USER; ALTER TABLE {table} DISABLE TRIGGER append_only")
        await connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "link", "reason"),
    [
        ("UPDATE audit_entries SET actor = 'staff:innocent' WHERE actor = 'staff:3'", 4, "entry_changed"),
        ("UPDATE audit_entries SET fields = '{}' WHERE actor IN ('staff:2', 'staff:5')", 3, "entry_changed"),
        ("DELETE FROM audit_entries WHERE actor = 'staff:1'", 2, "entry_missing"),
        ("DELETE FROM audit_chain WHERE link = 5", 5, "link_missing"),
        ("UPDATE audit_chain SET hash = sha256('x') WHERE link = 1", 1, "entry_changed"),
    ],
)
async def test_a_rewrite_is_found(log, statement, link, reason):
    kept = (await verified(log)).head
    await tampered(log, statement)
    found = await verified(log)
    assert found.fault is not None
    assert (found.fault.link, found.fault.reason) == (link, reason)
    assert found.head.link == link - 1
    assert kept.link == 6


async def test_a_log_that_was_cut_off_is_found_with_a_head_kept_elsewhere(log):
    kept = (await verified(log)).head
    await tampered(log, "DELETE FROM audit_chain WHERE link > 4; DELETE FROM audit_entries WHERE actor IN ('staff:4', 'staff:5')")
    assert (await verified(log)).fault is None
    found = await verified(log, kept)
    assert found.fault is not None
    assert found.fault.reason == "link_missing"


async def test_verification_goes_on_from_a_head(log, monkeypatch):
    monkeypatch.setattr(service, "MAX_VERIFIED", 4)
    monkeypatch.setattr(service, "_BATCH", 2)
    first = await verified(log)
    assert (first.head.link, first.complete) == (4, False)
    second = await verified(log, first.head)
    assert (second.head.link, second.complete, second.fault) == (6, True, None)


async def test_who_changed_what_is_listed(client):
    customer = (await client.post("/v1/customers", json={"name": "Ilze", "email": "ilze@example.com"})).json()["id"]
    consent = {"granted": True, "source": "form", "text_version": "1"}
    await client.put(f"/v1/customers/{customer}/consents/marketing/email", json=consent)
    await client.put(f"/v1/customers/{customer}/restriction", json={})
    await client.delete(f"/v1/customers/{customer}/restriction")
    listed = await client.get("/v1/audit", params={"customer_id": customer})
    assert listed.status_code == 200
    entries = listed.json()["data"]
    actions = ["restriction_lifted", "processing_restricted", "consent_granted", "customer_created"]
    assert [each["action"] for each in entries if each["action"] != "contact_read"] == actions
    assert all(each["actor"].startswith("server:") for each in entries)
    assert {"email", "name"} <= set(entries[-1]["fields"])
    assert "ilze" not in listed.text.lower()
    only = (await client.get("/v1/audit", params={"customer_id": customer, "action": "consent_granted"})).json()["data"]
    assert [each["fields"] for each in only] == [["marketing/email"]]


async def test_pages_follow_each_other(client, database):
    async with database.acquire() as connection:
        await service.record(connection, [Entry("staff:1", "tested", subject_id=str(n)) for n in range(5)])
    seen, cursor = [], {}
    while cursor is not None:
        page = (await client.get("/v1/audit", params={"action": "tested", "limit": 2} | cursor)).json()
        seen += [each["subject_id"] for each in page["data"]]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    assert seen == ["4", "3", "2", "1", "0"]


async def test_verification_over_http(client, database):
    async with database.acquire() as connection:
        await service.record(connection, [Entry("staff:1", "tested")] * 3)
    answer = (await client.post("/v1/audit/verify", json={})).json()
    assert (await client.post("/v1/audit/verify")).json() == answer
    assert (answer["intact"], answer["complete"], answer["first_broken"]) == (True, True, None)
    again = await client.post("/v1/audit/verify", json={"after": answer["head"]})
    assert again.json()["head"] == answer["head"]
    wrong = await client.post("/v1/audit/verify", json={"after": {"link": answer["head"]["link"], "hash": "0" * 64}})
    assert not wrong.json()["intact"]
    beyond = await client.post("/v1/audit/verify", json={"after": {"link": 10**6, "hash": "0" * 64}})
    assert beyond.json()["first_broken"]["reason"] == "link_missing"


class Away:
    """Stands for a service whose database is away at first."""

    def __init__(self, database):
        self.database = database
        self.tasks: set = set()

    def opened(self):
        return self.database


async def test_reads_are_written_without_being_waited_for(committed_database):
    state = Away(committed_database)
    log = ReadLog(state)  # pyright: ignore[reportArgumentType]
    log.note(Entry("staff:1", "contact_read", "cus_1", fields=["email"]))
    [task] = state.tasks
    # The service stops before the batch is due: it is written all the same.
    task.cancel()
    log.note(Entry("staff:2", "contact_read", "cus_1"))
    await log.flush()
    async with committed_database.acquire() as connection:
        rows = await connection.fetch("SELECT actor, fields FROM audit_entries ORDER BY id")
    assert [(row["actor"], row["fields"]) for row in rows] == [("staff:1", ["email"]), ("staff:2", [])]


async def test_nobody_reads_for_long_while_the_log_cannot_be_written(committed_database):
    log = ReadLog(Away(committed_database))  # pyright: ignore[reportArgumentType]
    log.note(*[Entry("staff:1", "contact_read")] * 50_001)
    with pytest.raises(Unavailable):
        log.note(Entry("staff:1", "contact_read"))
    await log.flush()
    log.note(Entry("staff:1", "contact_read"))
    await log.flush()


async def test_an_import_is_one_entry(quiet_client, work):
    headers = {"content-type": "text/csv"}
    answer = await quiet_client.post("/v1/imports", content=b"external_id,name\nC-1,Ilze\nC-2,Anna\n", headers=headers)
    await work()
    imported = (await quiet_client.get(answer.headers["location"])).json()
    assert imported["counts"]["created"] == 2
    await quiet_client.post(f"/v1/imports/{imported['id']}/undo")
    await work()
    told = (await quiet_client.get("/v1/audit")).json()["data"]
    assert [each["action"] for each in told if each["subject_id"] == imported["id"]] == ["import_undone", "customers_imported"]

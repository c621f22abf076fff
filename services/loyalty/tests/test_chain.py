"""The chain of entries: whatever is changed, deleted or reordered in the past of a ledger is found, and seals bind the chains."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import asyncpg
import pytest

from loyalty.due import seal_chains
from loyalty.ledger import service
from loyalty.ledger.rules import Draw, Grant, Restoration
from loyalty.transfers import service as transfers
from loyalty.verification.repository import last_seal, seal
from loyalty.verification.rules import first_broken, is_sound
from shared.database.unit_of_work import UnitOfWork

NOW = datetime.now(UTC)
# What a value of each type becomes; an infinite moment has no next one.
CHANGED = {
    "text": "coalesce({}, '') || 'x'",
    "bigint": "coalesce({}, 0) + 1",
    "integer": "coalesce({}, 0) + 1",
    "boolean": "NOT {}",
    "bytea": "{} || 'x'",
    "jsonb": """'{{"points": 1}}'""",
    "timestamp with time zone": "CASE WHEN isfinite({0}) THEN {0} + interval '1 microsecond' ELSE now() END",
}
PAST = ("entries", "postings", "lots", "lot_draws")
COLUMNS = "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'loyalty' AND table_name = $1"


@pytest.fixture
async def history(ledger, story):
    """One of each kind of entry, and every table of the past with rows."""
    order = story.placed("ord_1", 5_000, on=-30)
    await ledger.hear(story.registered(), story.registered("cus_2"), order, story.returned(order, "ret_1", 1_000))
    async with UnitOfWork(ledger.database) as uow:
        expiring = Grant("cus_1", 30, "src_1", NOW - timedelta(days=9), expires_at=NOW - timedelta(days=1), explanation={"points": 30})
        await service.grant(uow, [expiring], at=NOW - timedelta(days=8))
        await service.draw(uow, [Draw("cus_1", 12, "red_1")])
        await service.restore(uow, [Restoration("red_1", "res_1", 5)])
        await transfers.transfer(uow, "cus_1", "cus_2", 7, actor="test")
        await service.book_expiries(uow, 10)
        await seal(uow.connection)
        await uow.commit()
    for table in (*PAST, "seals", "seal_leaves"):
        await ledger.fetch(f"GRANT ALL ON {table} TO CURRENT_USER")
        await ledger.fetch(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    assert is_sound(await ledger.proof())
    return ledger


async def damaged(ledger, statement):
    """Return the proof after a statement that is undone again, or None when the database refused it."""
    async with ledger.database.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            assert await connection.fetch(f"{statement} RETURNING 1"), statement
        except asyncpg.IntegrityConstraintViolationError:
            await transaction.rollback()
            return None
    proof = await ledger.proof()
    await transaction.rollback()
    return proof


@pytest.mark.parametrize("table", PAST)
async def test_every_single_edit_is_found_or_refused(history, table):
    columns = await history.fetch(COLUMNS, table)
    rows = [row["ctid"] for row in await history.fetch(f"SELECT ctid::text FROM {table}")]
    found = 0
    for column, kind in columns:
        for place in rows:
            value = CHANGED[kind].format(column)
            proof = await damaged(history, f"UPDATE {table} SET {column} = {value} WHERE ctid = '{place}'")
            if proof is not None:
                assert not is_sound(proof), (table, column, place)
                assert first_broken(proof) is not None
                found += 1
    assert found >= len(rows)


@pytest.mark.parametrize("table", [*PAST, "seals", "seal_leaves"])
async def test_every_single_deletion_is_found(history, table):
    for row in await history.fetch(f"SELECT ctid::text FROM {table}"):
        proof = await damaged(history, f"DELETE FROM {table} WHERE ctid = '{row['ctid']}'")
        assert proof is not None
        assert not is_sound(proof), table


async def test_two_entries_that_change_places_are_found_and_named(history):
    entries = await history.fetch("SELECT id, sequence FROM entries WHERE customer_id = 'cus_1' ORDER BY sequence")
    for one, other in pairwise(entries):
        swap = f"UPDATE entries SET sequence = CASE sequence WHEN {one['sequence']} THEN {other['sequence']} ELSE {one['sequence']} END"
        proof = await damaged(history, f"{swap} WHERE id IN ('{one['id']}', '{other['id']}')")
        assert first_broken(proof).code == "chain_broken"


async def test_the_first_broken_link_is_the_entry_that_was_changed(history):
    for row in await history.fetch("SELECT id FROM entries"):
        proof = await damaged(history, f"UPDATE entries SET source_id = 'forged' WHERE id = '{row['id']}'")
        assert first_broken(proof) == ("chain_broken", row["id"])


async def test_a_chain_that_was_written_anew_contradicts_its_seal(history):
    """Who can write everything can make a chain fit again, but not the seal that was told to others."""
    last = await history.fetch("SELECT id FROM entries WHERE customer_id = 'cus_2' ORDER BY sequence DESC LIMIT 1")
    forged = f"""
        WITH forged AS (UPDATE entries SET source_id = 'forged', hash = sha256('forged') WHERE id = '{last[0]["id"]}' RETURNING hash)
        UPDATE members SET chain_hash = forged.hash FROM forged WHERE customer_id = 'cus_2'
    """
    proof = await damaged(history, forged)
    assert "seal_without_entry" in {finding.code for finding in proof.findings}


async def test_only_what_has_grown_is_sealed_again(history, story):
    async with history.database.acquire() as connection:
        first = await last_seal(connection)
        assert first is not None
        assert await seal(connection) is None
    await history.hear(story.placed("ord_9", 900, "cus_2"))
    async with history.database.acquire() as connection:
        assert await seal(connection) == 2
        leaves = await connection.fetch("SELECT customer_id FROM seal_leaves WHERE seal_number = 2")
    assert [row["customer_id"] for row in leaves] == ["cus_2"]
    assert is_sound(await history.proof())


async def test_the_pass_seals_once_a_minute(history, story):
    await history.hear(story.placed("ord_9", 900, "cus_2"))
    async with UnitOfWork(history.database) as uow:
        sealed_at = (await last_seal(uow.connection)).sealed_at
        await seal_chains(uow, sealed_at + timedelta(seconds=59))
        assert (await last_seal(uow.connection)).number == 1
        await seal_chains(uow, sealed_at + timedelta(seconds=60))
        assert (await last_seal(uow.connection)).number == 2


async def test_the_proof_shows_the_last_seal(client, history):
    proof = (await client.get("/v1/ledger/verify")).json()
    assert (proof["ok"], proof["seal"]["number"], len(proof["seal"]["root"])) == (True, 1, 64)

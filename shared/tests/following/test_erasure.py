"""Erasures and requests for data, in a service that keeps notes of customers."""

import asyncio
import random
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from shared.contracts.customers import CustomerDataRequested, CustomerErased, CustomerMerged, CustomerRegistered
from shared.contracts.feedback import FeedbackDataProvided, FeedbackErasureConfirmed
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Envelope, Received
from shared.following.access import access_request_handlers
from shared.following.erasure import erasure_handlers
from shared.following.links import Moved, following_handlers
from shared.following.receipts import Receipt, verify_receipt
from shared.following.sealing import Piece, new_key_pair, open_answer
from shared.following.tombstones import erased_among, unless_erased
from shared.ids import new_uuid
from shared.testing.bus import deliver, expect, message
from shared.testing.databases import until_table_lock_waits

AT = datetime(2026, 3, 2, tzinfo=UTC)
ERASED = CustomerErased(erasure_id="era_1", customer_id="cus_a", customer_ids=["cus_a", "cus_b"], requested_at=AT)


def registered(customer_id: str) -> CustomerRegistered:
    return CustomerRegistered(customer_id=customer_id, kind="individual", registered_at=AT)


async def on_registered(uow, events) -> None:
    ids = [received.event.customer_id for received in events]
    await uow.connection.execute("INSERT INTO notes SELECT unnest($1::text[])", ids)


async def erase(uow, ids) -> dict[str, int]:
    status = await uow.connection.execute("DELETE FROM notes WHERE customer_id = ANY ($1::text[])", ids)
    return {"notes": int(status.rpartition(" ")[2])}


async def collect(connection, ids) -> dict[str, list[dict]]:
    rows = await connection.fetch("SELECT customer_id, now() AS read_at FROM notes WHERE customer_id = ANY ($1::text[])", ids)
    return {"notes": [dict(row) for row in rows], "scans": [{"hexadecimal": random.Random(7).randbytes(200_000).hex()}]}


STRAYS: list[Moved] = []


async def on_change(_uow, moved) -> None:
    STRAYS.extend(moved)


HANDLERS = {
    **erasure_handlers(erase, FeedbackErasureConfirmed, on_change=on_change),
    **following_handlers(on_change),
    CustomerRegistered: unless_erased(on_registered),
    **access_request_handlers(collect, FeedbackDataProvided),
}


@pytest_asyncio.fixture(autouse=True)
async def notes(database):
    STRAYS.clear()
    async with database.acquire() as connection:
        await connection.execute("CREATE TABLE notes (customer_id text NOT NULL)")


async def kept(database) -> list[str]:
    async with database.acquire() as connection:
        return [row[0] for row in await connection.fetch("SELECT customer_id FROM notes ORDER BY 1")]


async def test_an_erasure_is_answered_with_a_receipt_that_verifies(database):
    await deliver(database, HANDLERS, [(registered("cus_a"), 1), (registered("cus_b"), 1), (registered("cus_c"), 1)])
    async with expect(database, FeedbackErasureConfirmed) as published:
        await deliver(database, HANDLERS, [(ERASED, 1)])
    assert await kept(database) == ["cus_c"]
    (answer,) = published
    declared = Receipt("era_1", "cus_a", "feedback", {"notes": 2}, answer.erased_at)
    assert verify_receipt(answer.receipt, answer.jwk) == declared
    assert (answer.erasure_id, answer.customer_id, answer.erased) == ("era_1", "cus_a", {"notes": 2})


async def test_all_receipts_of_a_service_are_of_one_key(database):
    other = CustomerErased(erasure_id="era_2", customer_id="cus_c", customer_ids=["cus_c"], requested_at=AT)
    async with expect(database, FeedbackErasureConfirmed, FeedbackErasureConfirmed) as published:
        await deliver(database, HANDLERS, [(ERASED, 1), (other, 1)])
    assert published[0].jwk == published[1].jwk


async def test_twice_and_again_in_a_rebuild_it_is_answered_once(database):
    once = message(ERASED, 1)
    async with expect(database, FeedbackErasureConfirmed):
        await deliver(database, HANDLERS, [once, once])
        await deliver(database, HANDLERS, [once], consumer="rebuilt")


async def test_nothing_that_comes_later_brings_him_back(database):
    await deliver(database, HANDLERS, [(ERASED, 1)])
    late = CustomerMerged(merge_id="mrg_1", survivor_id="cus_a", merged_id="cus_b", merged_at=AT)
    await deliver(database, HANDLERS, [(registered("cus_a"), 1), (registered("cus_b"), 1), (registered("cus_d"), 1), (late, 1)])
    assert await kept(database) == ["cus_d"]
    async with database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM customer_links") == 0
        assert await erased_among(connection, ["cus_a", None, "cus_d"]) == {"cus_a"}


async def test_a_stranger_whose_undone_merge_is_not_heard_yet_moves_away(database):
    links = [
        CustomerMerged(merge_id="m", survivor_id=to, merged_id=who, merged_at=AT) for who, to in (("cus_x", "cus_b"), ("cus_b", "cus_a"))
    ]
    await deliver(database, HANDLERS, [(link, 1) for link in links])
    STRAYS.clear()
    await deliver(database, HANDLERS, [(ERASED, 1)])
    assert [Moved("cus_x", "cus_a", "cus_b")] == STRAYS


async def test_a_malformed_erasure_harms_nobody(database):
    damaged = message(ERASED, 1)._replace(value=b'{"erasure_id": "era_1", "customer_ids": 7}')
    applied = await deliver(database, HANDLERS, [damaged, message(registered("cus_z"), 1)])
    assert applied.dead == 1
    assert await kept(database) == ["cus_z"]


async def test_who_writes_at_the_same_time_is_either_erased_or_refused(committed_database):
    async with committed_database.acquire() as connection:
        await connection.execute("CREATE TABLE notes (customer_id text NOT NULL)")
    handle = HANDLERS[CustomerRegistered]
    reached, go = asyncio.Event(), asyncio.Event()

    async def write_slowly() -> None:
        async with UnitOfWork(committed_database) as uow:
            assert await erased_among(uow.connection, ["cus_a"]) == set()
            reached.set()
            await go.wait()
            await on_registered(uow, [received(registered("cus_a"))])
            await uow.commit()

    async def write_late() -> None:
        async with UnitOfWork(committed_database) as uow:
            await handle(uow, [received(registered("cus_a"))])
            await uow.commit()

    slow = asyncio.create_task(write_slowly())
    await reached.wait()
    erasing = asyncio.create_task(deliver(committed_database, HANDLERS, [(ERASED, 1)]))
    await until_table_lock_waits(committed_database)
    late = asyncio.create_task(write_late())
    go.set()
    await asyncio.gather(slow, erasing, late)
    assert await kept(committed_database) == []


async def test_a_backup_does_not_hold_up_an_erasure(committed_database):
    async with committed_database.acquire() as connection:
        await connection.execute("CREATE TABLE notes (customer_id text NOT NULL)")
    async with committed_database.acquire() as backup, backup.transaction(isolation="repeatable_read", readonly=True):
        await backup.fetch("SELECT * FROM erased_customers")
        async with asyncio.timeout(5):
            assert (await deliver(committed_database, HANDLERS, [(ERASED, 1)])).applied == 1


def received(event):
    return Received(event, Envelope(new_uuid(), event.type, "/tests", event.aggregate_id, event.key, 1, AT))


async def test_a_request_for_data_is_answered_once_in_pieces_that_only_it_can_open(database):
    private, public = new_key_pair()
    request = CustomerDataRequested(export_id="axp_1", customer_id="cus_a", customer_ids=["cus_b"], public_key=public, requested_at=AT)
    await deliver(database, HANDLERS, [(registered("cus_a"), 1), (registered("cus_b"), 1), (registered("cus_c"), 1)])
    asked = message(request, 1)
    async with expect(database, FeedbackDataProvided, FeedbackDataProvided) as published:
        await deliver(database, HANDLERS, [asked, asked])
        await deliver(database, HANDLERS, [asked], consumer="rebuilt")
    pieces = [Piece(part.number, part.of, part.sealed, part.sha256) for part in published]
    opened = open_answer(pieces, private_key=private, export_id="axp_1", service="feedback")
    assert {row["customer_id"] for row in opened["notes"]} == {"cus_a", "cus_b"}


@pytest.mark.parametrize("public_key", ["", "not a key"])
async def test_a_request_without_a_key_is_refused_for_good(database, public_key):
    request = CustomerDataRequested(export_id="axp_2", customer_id="cus_a", customer_ids=[], public_key=public_key, requested_at=AT)
    assert (await deliver(database, HANDLERS, [(request, 1)])).dead == 1

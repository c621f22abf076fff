"""Merged, erased and asking customers in feedback."""

import asyncio
from datetime import UTC, datetime

import pytest
from feedback_answers import CUSTOMER, NINE, OTHER, listed, record

from feedback.app import SERVICE
from feedback.customers.service import reset_projection
from shared.contracts.customers import (
    CustomerDataRequested,
    CustomerErased,
    CustomerMerged,
    CustomerRegistered,
    CustomerUnmerged,
    CustomerUpdated,
)
from shared.contracts.feedback import FeedbackDataProvided, FeedbackErasureConfirmed
from shared.database.unit_of_work import UnitOfWork
from shared.following.receipts import verify_receipt
from shared.following.sealing import Piece, new_key_pair, open_answer
from shared.following.tombstones import lock_tombstones
from shared.testing.bus import deliver, expect, message

AT = datetime(2026, 1, 1, tzinfo=UTC)
THIRD = "cus_01jd3z0k7cz9v8w6t5s4r3q2p3"
MERGED = CustomerMerged(merge_id="mrg_1", survivor_id=CUSTOMER, merged_id=OTHER, merged_at=AT)
UNMERGED = CustomerUnmerged(merge_id="mrg_1", survivor_id=CUSTOMER, merged_id=OTHER, unmerged_at=AT)
ERASED = CustomerErased(erasure_id="era_1", customer_id=CUSTOMER, customer_ids=[CUSTOMER, OTHER], requested_at=AT)
_STATE = """
SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM (
    SELECT 'r' AS kind, r::text AS row FROM responses AS r UNION ALL SELECT 'c', c::text FROM customers AS c
    UNION ALL SELECT 'd', d::text FROM nps_days AS d UNION ALL SELECT 'm', m::text FROM nps_months AS m
    UNION ALL SELECT 'l', customer_id || survivor_id FROM customer_links WHERE survivor_id IS NOT NULL) AS t
"""


def registered(customer_id: str) -> CustomerRegistered:
    return CustomerRegistered(customer_id=customer_id, kind="individual", language="lv", registered_at=AT)


async def fingerprint(database) -> str:
    async with database.acquire() as connection:
        return await connection.fetchval(_STATE)


async def three_people(client, database) -> None:
    await deliver(database, SERVICE, [(registered(one), 1) for one in (CUSTOMER, OTHER, THIRD)])
    for score, customer_id in enumerate((CUSTOMER, OTHER, THIRD)):
        await record(client, customer_id=customer_id, score=score, answered_at=f"2026-02-0{score + 1}T00:00:00Z", external_id=f"r-{score}")


async def test_the_answers_of_a_family_are_listed_for_each_of_it_and_come_apart_again(client, database):
    await three_people(client, database)
    apart = await fingerprint(database)
    await deliver(database, SERVICE, [(MERGED, 1)])
    assert [await listed(client, customer_id=one) for one in (CUSTOMER, OTHER, THIRD)] == [[1, 0], [1, 0], [2]]
    assert await fingerprint(database) != apart
    await deliver(database, SERVICE, [(UNMERGED, 2)])
    assert [await listed(client, customer_id=one) for one in (CUSTOMER, OTHER, THIRD)] == [[0], [1], [2]]
    assert await fingerprint(database) == apart


async def test_a_family_is_listed_in_pages_with_other_filters(client, database):
    await three_people(client, database)
    await deliver(database, SERVICE, [(MERGED, 1)])
    first = (await client.get("/v1/responses", params={"customer_id": OTHER, "limit": 1})).json()
    rest = (await client.get("/v1/responses", params={"customer_id": OTHER, "limit": 1, "cursor": first["next_cursor"]})).json()
    assert [item["customer_id"] for item in first["data"] + rest["data"]] == [OTHER, CUSTOMER]
    assert rest["next_cursor"] is None
    assert await listed(client, customer_id=OTHER, score_min=1) == [1]


async def test_an_erased_customer_leaves_his_score_and_nothing_else(client, database):
    await three_people(client, database)
    await deliver(database, SERVICE, [(MERGED, 1)])
    before = (await client.get("/v1/metrics/nps")).json()
    async with expect(database, FeedbackErasureConfirmed) as published:
        await deliver(database, SERVICE, [(ERASED, 1)])
    assert verify_receipt(published[0].receipt, published[0].jwk).erased == {"responses": 2, "customers": 2}
    assert (await client.get("/v1/metrics/nps")).json() == before
    nameless = [item for item in (await client.get("/v1/responses")).json()["data"] if item["score"] < 2]
    assert [(item["customer_id"], item["comment"], item["external_id"]) for item in nameless] == [(None, None, None)] * 2
    assert await listed(client, customer_id=THIRD) == [2]
    async with database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM customers") == 1
        assert await connection.fetchval("SELECT count(*) FROM customer_links") == 0


@pytest.mark.parametrize("again", [1, 2])
async def test_what_is_told_of_an_erased_customer_later_is_passed_over(client, database, again):
    updated = CustomerUpdated(customer_id=OTHER, changed=["country"], kind="individual", country="LV", updated_at=AT)
    await deliver(database, SERVICE, [(ERASED, 1)] * again)
    await deliver(database, SERVICE, [(registered(CUSTOMER), 1), (registered(OTHER), 1), (updated, 2), (MERGED, 1), (registered(THIRD), 1)])
    async with database.acquire() as connection:
        assert [row[0] for row in await connection.fetch("SELECT id FROM customers")] == [THIRD]
        assert await connection.fetchval("SELECT count(*) FROM customer_links") == 0


async def test_an_answer_of_an_erased_customer_is_refused(client, database):
    await deliver(database, SERVICE, [(ERASED, 1)])
    one = await client.post("/v1/responses", json=NINE)
    assert (one.status_code, one.json()["code"]) == (409, "customer_erased")
    many = (await client.post("/v1/responses/batch", json={"items": [NINE, NINE | {"customer_id": THIRD}]})).json()["results"]
    assert [(result["status"], result.get("problem", {}).get("code")) for result in many] == [(409, "customer_erased"), (201, None)]
    assert (await client.get("/v1/metrics/nps")).json()["n"] == 1


async def test_an_answer_that_comes_during_the_erasure_is_refused_too(committed_client, committed_database):
    async with UnitOfWork(committed_database) as uow:
        await lock_tombstones(uow.connection)
        answering = asyncio.create_task(committed_client.post("/v1/responses", json=NINE))
        while not await uow.connection.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
            pass
        await uow.connection.execute("INSERT INTO erased_customers VALUES ($1, 'era_1')", CUSTOMER)
        await uow.commit()
    assert (await answering).json()["code"] == "customer_erased"


async def test_a_customer_who_asks_gets_all_that_is_kept_of_his_family(client, database):
    await three_people(client, database)
    private, public = new_key_pair()
    request = CustomerDataRequested(
        export_id="axp_1", customer_id=CUSTOMER, customer_ids=[CUSTOMER, OTHER], public_key=public, requested_at=AT
    )
    async with expect(database, FeedbackDataProvided) as published:
        await deliver(database, SERVICE, [(request, 1), (request, 1)])
    pieces = [Piece(part.number, part.of, part.sealed, part.sha256) for part in published]
    opened = open_answer(pieces, private_key=private, export_id="axp_1", service="feedback")
    assert [(row["score"], row["comment"]) for row in opened["responses"]] == [(0, NINE["comment"]), (1, NINE["comment"])]
    assert [row["id"] for row in opened["customers"]] == [CUSTOMER, OTHER]


async def test_a_rebuild_ends_where_it_began(client, database):
    await three_people(client, database)
    story = [message(registered(one), 1) for one in (CUSTOMER, OTHER, THIRD)]
    story += [message(MERGED, 1), message(UNMERGED, 2), message(MERGED.model_copy(update={"survivor_id": THIRD}), 3)]
    story += [message(ERASED.model_copy(update={"customer_ids": [CUSTOMER]}), 1)]
    await deliver(database, SERVICE, story)
    before = await fingerprint(database)
    async with UnitOfWork(database) as uow:
        await reset_projection(uow)
        await uow.commit()
    async with expect(database):
        await deliver(database, SERVICE, story[::-1], consumer="rebuilt")
    assert await fingerprint(database) == before
    assert await listed(client, customer_id=THIRD) == [2, 1]


async def test_a_damaged_merge_harms_nobody_else(database):
    damaged = message(MERGED, 1)._replace(value=b'{"merge_id": "mrg_1"}')
    himself = MERGED.model_copy(update={"survivor_id": THIRD, "merged_id": THIRD})
    applied = await deliver(database, SERVICE, [damaged, message(himself, 1), message(registered(CUSTOMER), 1)])
    assert (applied.dead, applied.applied) == (2, 1)

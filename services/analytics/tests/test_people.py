"""Merged, erased and asking customers in analytics."""

import asyncio

from analytics_events import (
    accrued,
    cancelled,
    customer,
    enrolled,
    erased,
    merged,
    order,
    received,
    response,
    returned,
    reversed_,
    send,
    unmerged,
    utc,
)
from analytics_recomputation import recomputed, stored

from analytics.app import SERVICE
from analytics.history.repository import HistoryRepository
from analytics.history.service import checksum, reset_projection
from shared.contracts.analytics import AnalyticsDataProvided, AnalyticsErasureConfirmed
from shared.contracts.customers import CustomerDataRequested
from shared.database.unit_of_work import UnitOfWork
from shared.following.receipts import verify_receipt
from shared.following.sealing import Piece, new_key_pair, open_answer
from shared.testing.bus import deliver, expect, message

A, B, C = "cus_a", "cus_b", "cus_c"
FIRST, SECOND, THIRD, FOURTH = (
    order("ord_1", A, "2026-01-05", 1_000),
    order("ord_2", B, "2026-02-10", 700),
    order("ord_3", B, "2026-02-10T15:00:00", 500),
    order("ord_4", C, "2026-02-20", 300, "EUR"),
)
FACTS = [
    *(customer(one) for one in (A, B, C)),
    *(FIRST, SECOND, THIRD, FOURTH),
    returned("ret_1", SECOND, 200),
    *(enrolled(one) for one in (A, B, C)),
    accrued("ent_1", 10, customer_id=A),
    accrued("ent_2", 7, customer_id=B),
    reversed_("ent_3", 2, customer_id=B),
    response("rsp_1", 9).model_copy(update={"customer_id": A}),
    response("rsp_2", 2).model_copy(update={"customer_id": B}),
]


async def fingerprint(database) -> str:
    async with database.acquire() as connection:
        return (await checksum(HistoryRepository(connection))).sha256


async def of(database, query: str) -> list[tuple]:
    async with database.acquire() as connection:
        return [tuple(row) for row in await connection.fetch(query)]


async def test_merged_customers_are_one_person_and_unmerged_ones_as_if_they_never_had_been(database, client):
    await send(database, FACTS)
    apart = await fingerprint(database)
    await send(database, [received(merged(B, A), 1)])
    assert await of(database, "SELECT customer_id, orders, days FROM customer_activity ORDER BY 1") == [(A, 3, 2), (C, 1, 1)]
    assert await of(database, "SELECT customer_id, orders, gross_minor, returned_minor FROM customer_money ORDER BY 1") == [
        (A, 3, 2_200, 200),
        (C, 1, 300, 0),
    ]
    totals = (await client.get("/v1/metrics/orders")).json()["totals"]
    assert (totals["orders"], totals["customers"]) == (4, 2)
    rate = (await client.get("/v1/metrics/repeat-rate")).json()["share"]
    assert (rate["numerator"], rate["denominator"]) == (1, 2)
    assert [await rfm_customers(client), await rfm_customers(client, as_of="2026-02-19")] == [1, 1]
    await send(database, [received(unmerged(B, A), 2)])
    assert await fingerprint(database) == apart
    assert await rfm_customers(client) == 2


async def rfm_customers(client, **asked: str) -> int:
    return (await client.get("/v1/metrics/rfm", params={"currency": "USD", **asked})).json()["customers"]


async def test_orders_of_a_family_count_for_its_root(database):
    story = [received(merged(B, A), 1), received(merged(C, B), 1)]
    await send(database, [*story, *FACTS])
    late = order("ord_0", C, "2025-12-31")
    await send(database, [late, returned("ret_9", late, 100)])
    assert await stored(database) == recomputed([*(one.event for one in story), *FACTS, late, returned("ret_9", late, 100)])
    assert await of(database, "SELECT customer_id, orders, days FROM customer_activity") == [(A, 5, 4)]
    await send(database, [cancelled(late), received(unmerged(C, B), 2)])
    story += [received(unmerged(C, B), 2)]
    assert await stored(database) == recomputed([*(one.event for one in story), *FACTS])


async def test_a_batch_of_merges_costs_the_same_statements_as_one(database):
    people = [order(f"ord_{n}", f"cus_{n}", "2026-01-05") for n in range(400)]
    await send(database, people)
    one = await statements(database, [received(merged("cus_1", "cus_0"), 1)])
    assert await statements(database, [received(merged(f"cus_{n}", f"cus_{n - 1}"), 1) for n in range(3, 400, 2)]) == one
    assert await of(database, "SELECT count(*) FROM customer_activity") == [(200,)]


async def statements(database, events) -> int:
    """Return how many statements it takes to apply these events."""
    seen = []
    with database.connection.query_logger(seen.append):
        await send(database, events)
    return len(seen)


async def test_an_erased_customer_is_gone_from_everything_but_his_scores_and_what_was_sold(database, client):
    await send(database, [*FACTS, received(merged(B, A), 1)])
    satisfaction = (await client.get("/v1/metrics/nps")).json()["score"]
    sales = (await client.get("/v1/metrics/orders")).json()
    async with expect(database, AnalyticsErasureConfirmed) as published:
        await deliver(database, SERVICE, [(erased(A, B), 1)])
    assert verify_receipt(published[0].receipt, published[0].jwk).erased == {
        "orders": 3,
        "returns": 1,
        "cancellations": 0,
        "members": 2,
        "points_movements": 3,
        "responses": 2,
        "customers": 2,
    }
    assert await stored(database) == recomputed([*FACTS, merged(B, A), erased(A, B)])
    assert (await client.get("/v1/metrics/nps")).json()["score"] == satisfaction
    after = (await client.get("/v1/metrics/orders")).json()
    assert [month["money"] for month in after["months"]] == [month["money"] for month in sales["months"]]
    assert after["totals"]["money"] == sales["totals"]["money"]
    assert after["totals"]["customers"] == sales["totals"]["customers"] - 1
    assert await of(database, "SELECT count(*) FROM orders WHERE customer_id IS NULL AND placed_at = date_trunc('day', placed_at)") == [
        (3,)
    ]
    assert await named(database, A, B) == {"erased_customers": 2}


async def named(database, *customer_ids: str) -> dict[str, int]:
    """Return how many rows of each table of the history name one of these customers."""
    async with database.acquire() as connection:
        tables = await connection.fetch(
            "SELECT DISTINCT table_name FROM information_schema.columns "
            "WHERE table_schema = current_schema() AND column_name = 'customer_id'"
        )
        counts = {
            row[0]: await connection.fetchval(f"SELECT count(*) FROM {row[0]} WHERE customer_id = ANY ($1)", list(customer_ids))
            for row in tables
        }
    assert {"orders", "returns", "responses", "members", "points_movements", "customer_activity", "customer_links"} <= counts.keys()
    return {table: count for table, count in counts.items() if count}


async def test_what_is_told_of_an_erased_customer_later_brings_nothing_back(database):
    await deliver(database, SERVICE, [(erased(A, B), 1), (erased(A, B), 1)])
    await send(database, [*FACTS, cancelled(FIRST), received(merged(B, A), 1), received(merged(B, C), 3)])
    assert await named(database, A, B) == {"erased_customers": 2}
    assert await stored(database) == recomputed([*FACTS, cancelled(FIRST), erased(A, B)])


async def test_a_rebuild_ends_where_it_began_and_answers_nobody_twice(database):
    numbers: dict[str, int] = {}
    story = []
    for event in [*FACTS, merged(B, A), merged(C, B), unmerged(C, B), cancelled(SECOND), erased(A, B)]:
        stream = f"{event.aggregate}/{event.aggregate_id}"
        numbers[stream] = numbers.get(stream, 0) + 1
        story.append(message(event, numbers[stream]))
    await deliver(database, SERVICE, story)
    before = await fingerprint(database)
    async with UnitOfWork(database) as uow:
        await reset_projection(uow)
        await uow.commit()
    async with expect(database):
        await deliver(database, SERVICE, story[::-1], consumer="rebuilt")
    assert await fingerprint(database) == before


async def test_a_customer_who_asks_gets_all_that_is_kept_of_his_family(database):
    await send(database, [*FACTS, received(merged(B, A), 1)])
    private, public = new_key_pair()
    asked = CustomerDataRequested(export_id="axp_1", customer_id=A, customer_ids=[A, B], public_key=public, requested_at=utc("2026-03-01"))
    async with expect(database, AnalyticsDataProvided) as published:
        await deliver(database, SERVICE, [(asked, 1), (asked, 1)])
    pieces = [Piece(part.number, part.of, part.sealed, part.sha256) for part in published]
    opened = open_answer(pieces, private_key=private, export_id="axp_1", service="analytics")
    assert {kind: len(rows) for kind, rows in opened.items()} == {
        "customers": 2,
        "orders": 3,
        "returns": 1,
        "cancellations": 0,
        "customer_activity": 1,
        "customer_money": 1,
        "responses": 2,
        "members": 2,
        "points_movements": 3,
    }
    assert {row["customer_id"] for rows in opened.values() for row in rows} == {A, B}


async def test_workers_who_merge_order_and_erase_at_once_end_in_the_same(committed_database):
    people = [f"cus_{n}" for n in range(12)]
    orders = [order(f"ord_{n}", people[n % 12], f"2026-01-{1 + n % 28:02}") for n in range(96)]
    links = [received(merged(people[n], people[n + 6]), 1) for n in range(6)]
    families = [erased(people[n + 6], people[n]) for n in range(2)]

    async def worker(events, size: int) -> None:
        for start in range(0, len(events), size):
            await send(committed_database, events[start : start + size])

    await asyncio.gather(worker(orders[:48], 7), worker(links, 2), worker(orders[48:], 5), worker(families, 1))
    assert await stored(committed_database) == recomputed([*orders, *(link.event for link in links), *families])

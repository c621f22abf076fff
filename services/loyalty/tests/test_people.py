"""Customers who turn out to be one person, and who are two again; customers who want to be forgotten or to see their data."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty.app import SERVICE
from loyalty.holds import service as holds
from loyalty.ledger import service
from loyalty.ledger.rules import Draw, Grant
from loyalty.privacy.service import collect
from loyalty.transfers import service as transfers
from loyalty.verification.rules import is_sound
from shared.contracts.customers import CustomerErased, CustomerMerged, CustomerUnmerged
from shared.database.unit_of_work import UnitOfWork
from shared.testing.bus import deliver

NOW = datetime.now(UTC)
DAY = timedelta(days=1)

steps = st.tuples(st.sampled_from(["grant", "draw", "merge", "unmerge"]), st.sampled_from(["cus_1", "cus_2"]), st.integers(1, 9))


def merged(merged_id="cus_2", survivor_id="cus_1"):
    return CustomerMerged(merge_id="mrg_1", survivor_id=survivor_id, merged_id=merged_id, merged_at=NOW)


def unmerged(merged_id="cus_2", survivor_id="cus_1"):
    return CustomerUnmerged(merge_id="mrg_1", survivor_id=survivor_id, merged_id=merged_id, unmerged_at=NOW)


def erased(*customer_ids):
    return CustomerErased(
        erasure_id=f"era_{customer_ids[0]}", customer_id=customer_ids[0], customer_ids=list(customer_ids), requested_at=NOW
    )


async def draw(ledger, customer, points, source):
    async with UnitOfWork(ledger.database) as uow:
        [outcome] = await service.draw(uow, [Draw(customer, points, source)])
        await uow.commit()
    return outcome


async def test_merged_customers_have_one_balance_and_spend_from_both(ledger, story, client):
    await ledger.hear(story.placed("ord_1", 1_000, on=2), story.placed("ord_2", 500, "cus_2", on=1))
    await deliver(ledger.database, SERVICE, [(merged(), 1)])
    for customer in ("cus_1", "cus_2"):
        assert await ledger.member(customer) == (15, 15)
        entries = (await client.get(f"/v1/members/{customer}/entries")).json()["data"]
        assert [entry["order_id"] for entry in entries] == ["ord_1", "ord_2"]
    outcome = await draw(ledger, "cus_1", 7, "red_1")
    # First the older of what never expires, whoever's it was.
    assert sorted((line.customer_id, line.points) for line in outcome.lines) == [("cus_1", -2), ("cus_2", -5)]
    await deliver(ledger.database, SERVICE, [(unmerged(), 2)])
    assert (await ledger.member("cus_1"), await ledger.member("cus_2")) == ((8, 10), (0, 5))
    assert is_sound(await ledger.proof())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(script=st.lists(steps))
async def test_points_are_conserved_through_merges_and_their_undoing(empty_ledger, script):
    async with empty_ledger() as ledger:
        given_points = {"cus_1": 0, "cus_2": 0}
        taken, links = dict(given_points), 0
        async with UnitOfWork(ledger.database) as uow:
            await service.grant(uow, [Grant(customer, 1, "first", NOW) for customer in given_points])
            await uow.commit()
        for number, (kind, customer, points) in enumerate(script):
            if kind == "grant":
                async with UnitOfWork(ledger.database) as uow:
                    await service.grant(uow, [Grant(customer, points, f"src_{number}", NOW)])
                    await uow.commit()
                given_points[customer] += points
            elif kind == "draw":
                for line in (await draw(ledger, customer, points, f"red_{number}")).lines:
                    taken[line.customer_id] -= line.points
            else:
                links += 1
                await deliver(ledger.database, SERVICE, [(merged() if kind == "merge" else unmerged(), links)])
        await deliver(ledger.database, SERVICE, [(unmerged(), links + 1)])
        for customer, points in given_points.items():
            assert (await ledger.member(customer))[0] == 1 + points - taken[customer]
        assert is_sound(await ledger.proof())


@pytest.fixture
async def erasable(ledger, story):
    await ledger.hear(story.registered(), story.registered("cus_2"), story.placed("ord_1", 10_000), story.placed("ord_2", 500, "cus_2"))
    async with UnitOfWork(ledger.database) as uow:
        await transfers.transfer(uow, "cus_1", "cus_2", 7, actor="test", message="for Anna")
        await transfers.transfer(uow, "cus_2", "cus_1", 2, actor="test", message="from Anna")
        await holds.place(uow, "cus_1", 20, seconds=600, reference="Anna's basket")
        await uow.commit()
    await deliver(ledger.database, SERVICE, [(erased("cus_1"), 1)])
    return ledger


async def test_an_erased_member_is_gone_and_the_accounts_balance(erasable, client):
    assert (await client.get("/v1/members/cus_1")).status_code == 404
    assert (await client.get("/v1/members/cus_1/entries")).status_code == 404
    assert [member["customer_id"] for member in (await client.get("/v1/members")).json()["data"]] == ["cus_2"]
    proof = await erasable.proof()
    assert is_sound(proof), proof.findings
    assert (proof.totals.points_outstanding, proof.totals.points_expired) == (10, 95)
    [last] = await erasable.fetch("SELECT kind, points FROM entries WHERE customer_id = 'cus_1' ORDER BY sequence DESC LIMIT 1")
    assert tuple(last) == ("forfeiture", -95)


async def test_nothing_that_anybody_wrote_is_left(erasable):
    for table in ("entry_notes", "holds", "adjustments"):
        rows = await erasable.fetch(f"SELECT to_jsonb({table})::text AS row FROM {table}")
        assert not [row["row"] for row in rows if "Anna" in row["row"]], table


async def test_a_signed_receipt_is_told(erasable):
    told = await erasable.fetch("SELECT payload::jsonb AS told FROM event_log WHERE type LIKE '%erasure_confirmed%'")
    some = {"forfeitures": 1, "entry_notes": 4, "holds": 1, "purchase_lines": 1, "customer_traits": 1}
    assert [{kind: count for kind, count in row["told"]["erased"].items() if count} for row in told] == [some]


async def test_what_comes_late_for_an_erased_member_is_ignored(erasable, story, client):
    before = await erasable.proof()
    order = story.placed("ord_late", 9_900)
    await deliver(erasable.database, SERVICE, [(order, 1), (story.returned(order, "ret_1", 100), 2), (erased("cus_1"), 2)])
    async with UnitOfWork(erasable.database) as uow:
        outcomes = await service.grant(uow, [Grant("cus_1", 5, "src_1", NOW), Grant("cus_2", 5, "src_1", NOW)])
    assert [outcome.status for outcome in outcomes] == ["closed", "posted"]
    assert (await client.post("/v1/holds", json={"customer_id": "cus_1", "points": 1})).status_code == 404
    after = await erasable.proof()
    assert (after.totals.entries, after.totals.points_outstanding) == (before.totals.entries, before.totals.points_outstanding)


async def test_a_member_can_see_all_that_is_kept_of_him(ledger, story):
    await ledger.hear(story.registered(), story.placed("ord_1", 1_000), story.placed("ord_2", 500, "cus_2"))
    async with UnitOfWork(ledger.database) as uow:
        await holds.place(uow, "cus_1", 4, seconds=600, reference="basket")
        kept = await collect(uow.connection, ["cus_1"])
    assert {name: len(rows) for name, rows in kept.items() if rows} == {
        "members": 1,
        "entries": 1,
        "lots": 1,
        "holds": 1,
        "orders": 1,
        "customer_traits": 1,
        "purchase_lines": 1,
    }
    assert all(row.get("customer_id") == "cus_1" for rows in kept.values() for row in rows)

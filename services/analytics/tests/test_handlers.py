"""Each handler once, twice, malformed and out of order; together and one by one."""

from datetime import datetime

import pytest
from analytics_events import accrued, cancelled, customer, enrolled, order, received, response, returned, reversed_, send, utc
from analytics_recomputation import recomputed, stored

from analytics.app import SERVICE
from analytics.history.repository import HistoryRepository
from analytics.history.service import checksum, reset_projection
from shared.contracts.customers import CustomerUpdated
from shared.database.unit_of_work import UnitOfWork
from shared.messaging.handlers import PermanentError


def updated(customer_id: str, country: str | None) -> CustomerUpdated:
    return CustomerUpdated(customer_id=customer_id, changed=["country"], kind="individual", country=country, updated_at=utc("2026-01-02"))


ORDER = order("ord_1", "cus_a", "2026-01-05")
ONE_OF_EACH = {
    "customers": received(customer("cus_a")),
    "orders": received(ORDER),
    "returns": received(returned("ret_1", ORDER, 400), 2),
    "cancellations": received(cancelled(ORDER, 400), 3),
    "responses": received(response("rsp_1", 9)),
    "members": received(enrolled("cus_a")),
    "points_movements": received(accrued("ent_1", 10)),
}


async def fingerprint(database) -> str:
    async with database.acquire() as connection:
        return (await checksum(HistoryRepository(connection))).sha256


async def rows(database, query: str) -> list[tuple]:
    async with database.acquire() as connection:
        return [tuple(row) for row in await connection.fetch(query)]


@pytest.mark.parametrize("table", ONE_OF_EACH)
async def test_once_and_twice_are_the_same(database, table):
    before = await fingerprint(database)
    await send(database, [ONE_OF_EACH[table]])
    once = await fingerprint(database)
    assert await rows(database, f"SELECT count(*) FROM {table}") == [(1,)]
    assert once != before
    await send(database, [ONE_OF_EACH[table]])
    await send(database, [ONE_OF_EACH[table], ONE_OF_EACH[table]])
    assert await fingerprint(database) == once


def with_changes(name: str, **changes):
    return received(ONE_OF_EACH[name].event.model_copy(update=changes))


MALFORMED = {
    "a score of 11": with_changes("responses", score=11),
    "a score below 0": with_changes("responses", score=-1),
    "an answer at no zone's time": with_changes("responses", answered_at=datetime(2026, 1, 1)),  # noqa: DTZ001
    "an order in year 1": with_changes("orders", placed_at=utc("0001-01-01")),
    "an amount beyond all money": with_changes("orders", amount_minor=2**60),
    "an id with NUL": with_changes("orders", order_id="ord_\x00"),
    "an order cancelled in no zone's time": with_changes("cancellations", cancelled_at=datetime(2026, 1, 1)),  # noqa: DTZ001
    "a reason with NUL": with_changes("cancellations", reason="\x00"),
    "a return of more than exists": with_changes("returns", amount_minor=2**60),
    "no points": with_changes("points_movements", points=0),
    "a member enrolled too late": with_changes("members", enrolled_at=utc("2300-01-01")),
    "a customer registered at no zone's time": with_changes("customers", registered_at=datetime(2026, 1, 1)),  # noqa: DTZ001
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_cannot_be_is_refused_for_good_and_leaves_nothing(database, name):
    before = await fingerprint(database)
    with pytest.raises(PermanentError) as refused:
        await send(database, [MALFORMED[name]])
    assert await fingerprint(database) == before
    assert "2300" not in str(refused.value)
    assert str(2**60) not in str(refused.value)


async def test_a_late_order_before_the_first_moves_only_its_customer(database):
    await send(database, [order("ord_1", "cus_a", "2026-02-10"), order("ord_2", "cus_b", "2026-02-11")])
    late = order("ord_0", "cus_a", "2026-01-31T23:00:00")
    await send(database, [late])
    sizes = await rows(database, "SELECT cohort::text, customers FROM activity_cells WHERE measure = 'calendar' AND k = 0 ORDER BY cohort")
    assert sizes == [("2026-01-01", 1), ("2026-02-01", 1)]
    assert await rows(database, "SELECT customers FROM activity_cells WHERE cohort = '2026-01-01' AND measure = 'calendar' AND k = 1") == [
        (1,)
    ]


async def test_a_return_may_come_before_its_order(database):
    bought = order("ord_1", "cus_a", "2026-01-31")
    back = returned("ret_1", bought, 400, utc("2026-03-01"))
    await send(database, [back])
    await send(database, [bought])
    assert await stored(database) == recomputed([bought, back])
    assert await rows(database, "SELECT gross_minor, returned_minor FROM order_months WHERE month = '2026-01-01'") == [(1_000, 400)]


async def test_a_cancelled_order_counts_no_more_whatever_comes_first(database):
    first, second, third = (order(f"ord_{n}", "cus_a", at) for n, at in enumerate(("2026-01-05", "2026-02-05", "2026-02-05T10:00:00")))
    back = returned("ret_1", second, 400)
    story = [first, second, back, cancelled(second, 400), third]
    for events in (story, story[::-1], [cancelled(second), *story, cancelled(second)]):
        await emptied(database)
        for event in events:
            await send(database, [event])
        assert await stored(database) == recomputed([first, third])
    assert await rows(database, "SELECT orders, days FROM customer_activity") == [(2, 2)]
    await send(database, [cancelled(first), cancelled(third)])
    assert await stored(database) == recomputed([])


async def test_a_corrected_order_counts_as_the_one_in_its_stead(database):
    wrong = order("ord_1", "cus_a", "2026-01-05", 1_000)
    right = order("ord_2", "cus_a", "2026-01-05", 900).model_copy(update={"corrects": "ord_1", "shop": "riga", "channel": "shop"})
    corrected = cancelled(wrong).model_copy(update={"reason": "corrected", "replaced_by": "ord_2"})
    await send(database, [wrong, corrected, right])
    assert await stored(database) == recomputed([right])
    assert await rows(database, "SELECT shop, corrects, is_cancelled FROM orders ORDER BY order_id") == [
        (None, None, True),
        ("riga", "ord_1", False),
    ]


async def test_a_customer_is_as_the_latest_event_tells(database):
    await send(database, [received(updated("cus_a", "DE"), 3)])
    await send(database, [received(updated("cus_a", "EE"), 2), received(customer("cus_a"), 1)])
    assert await rows(database, "SELECT country, version, registered_at FROM customers") == [("DE", 3, utc("2026-01-01"))]


async def test_points_may_be_taken_back_before_they_were_earned(database):
    await send(database, [reversed_("ent_2", 4), accrued("ent_1", 10)])
    assert await rows(database, "SELECT sum(issued)::int, sum(reversed)::int FROM points_days") == [(10, 4)]


async def test_a_batch_equals_one_by_one(database):
    events = [
        *ONE_OF_EACH.values(),
        *(received(order(f"ord_x{n}", f"cus_{n % 3}", f"2026-0{1 + n % 4}-1{n % 7}")) for n in range(20)),
        *(received(response(f"rsp_x{n}", n % 11, channel=None)) for n in range(20)),
    ]
    await send(database, events)
    together = await fingerprint(database)
    await emptied(database)
    for event in events:
        await send(database, [event])
    assert await fingerprint(database) == together
    assert await stored(database) == recomputed(event.event for event in events)


async def test_lines_are_kept_as_they_came(database):
    bought = order("ord_1", "cus_a", "2026-01-05")
    two = bought.model_copy(update={"lines": [*bought.lines, *bought.lines]})
    none = order("ord_2", "cus_a", "2026-01-05").model_copy(update={"lines": []})
    await send(database, [two, none])
    assert await rows(database, "SELECT jsonb_array_length(lines) FROM orders ORDER BY order_id") == [(2,), (0,)]


async def test_a_reset_empties_everything_and_can_be_filled_again(database):
    await send(database, ONE_OF_EACH.values())
    before = await fingerprint(database)
    await emptied(database)
    assert await stored(database) == recomputed([])
    assert await fingerprint(database) != before
    await send(database, list(reversed(ONE_OF_EACH.values())))
    assert await fingerprint(database) == before


async def emptied(database) -> None:
    assert SERVICE.reset_projection is reset_projection
    async with UnitOfWork(database) as uow:
        await reset_projection(uow)
        await uow.commit()

"""Birthdays that are told: one a customer and year, and in which year he was born stays at home."""

from calendar import isleap
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.app import SERVICE
from customers.birthdays import repository
from customers.birthdays.rules import DAYS_LATE, due_days
from shared.contracts.customers import CustomerBirthday
from shared.messaging.passes import Passes

DAY = timedelta(days=1)
days = st.dates(date(1900, 1, 1), date(2100, 1, 1))


@pytest.fixture
def told(database, clock, published):
    """Runs the passes and returns whose birthdays were told, all of them."""

    async def told() -> list[str]:
        await Passes(database, SERVICE.passes, clock=clock).run_once()
        events = await published("birthday")
        assert {sequence for _, sequence in events} <= {1}
        return [event.customer_id for event, _ in events if isinstance(event, CustomerBirthday)]

    return told


async def person(client, born: str | None, **more) -> str:
    answer = await client.post("/v1/customers", json={"kind": "individual", "name": "Ilze Liepa", "birth_date": born} | more)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


@given(days, days)
def test_everybody_is_due_on_one_day_of_a_year(born, start):
    first = date(start.year, 1, 1)
    kept = []
    for n in range(366 if isleap(start.year) else 365):
        [*today] = [day for day, of in due_days(first + n * DAY) if day == first + n * DAY and of == born.month * 100 + born.day]
        kept += today
    assert len(kept) == 1
    assert (kept[0].month, kept[0].day) in ((born.month, born.day), (2, 28))


@given(days)
def test_no_more_days_are_due_than_a_week(today):
    due = {day for day, _ in due_days(today)}
    assert due == {today - n * DAY for n in range(DAYS_LATE + 1)}


async def test_a_birthday_is_told_once_a_year(client, clock, told):
    ilze = await person(client, "1985-03-02")
    await person(client, "1985-03-03")
    await person(client, None)
    assert await told() == await told() == [ilze]
    clock.advance(365 * DAY)
    assert await told() == [ilze, ilze]


async def test_what_is_told_says_nothing_of_the_year(client, told, published):
    await person(client, "1985-03-02")
    await told()
    [(event, _)] = await published("birthday")
    assert set(event.model_dump()) == {"birthday_id", "customer_id", "told_at"}


async def test_it_is_made_up_for_within_days_and_then_not_any_more(client, clock, told):
    late, _ = await person(client, "1990-02-25"), await person(client, "1990-02-22")
    assert await told() == [late]
    clock.advance(DAY)
    assert await told() == [late]


async def test_who_was_born_on_a_leap_day_is_told_on_the_day_before(client, clock, told):
    leap = await person(client, "1996-02-29")
    clock.advance(datetime(2026, 2, 28, 1, tzinfo=UTC) - clock.now())
    assert await told() == [leap]
    clock.advance(2 * DAY)
    assert await told() == [leap]


async def test_organisations_the_restricted_and_newborn_are_left_out(client, told):
    await person(client, "1985-03-02", kind="organisation", name="SIA Tēja")
    await person(client, "2026-03-02")
    quiet = await person(client, "1985-03-02", name="Anna Ozola")
    assert (await client.put(f"/v1/customers/{quiet}/restriction", json={"reason": "objection"})).status_code in (200, 201)
    assert await told() == []


async def test_a_birth_date_that_is_put_right_is_not_told_again(client, told):
    ilze = await person(client, "1985-03-01")
    assert await told() == [ilze]
    etag = (await client.get(f"/v1/customers/{ilze}")).headers["etag"]
    answer = await client.patch(f"/v1/customers/{ilze}", json={"birth_date": "1985-03-02"}, headers={"if-match": etag})
    assert answer.status_code == 200
    assert await told() == [ilze]


async def test_one_person_is_told_of_once(client, told):
    one, other = await person(client, "1985-03-02"), await person(client, "1985-03-02", name="Ilze Liepiņa")
    merged = await client.post("/v1/merges", json={"survivor_id": one, "merged_id": other})
    assert merged.status_code == 201, merged.text
    assert await told() == [one]


async def test_what_was_told_is_shown_and_erased(client, database, told):
    ilze = await person(client, "1985-03-02")
    await told()
    async with database.acquire() as connection:
        [kept] = await repository.collect(connection, [ilze])
        assert (kept["customer_id"], kept["celebrated_on"]) == (ilze, date(2026, 3, 2))
        assert await repository.erase(connection, [ilze]) == 1
        assert await repository.collect(connection, [ilze]) == []


async def test_whose_birthday_it_is_goes_by_an_index(database):
    async with database.acquire() as connection:
        await connection.execute(
            """
            INSERT INTO customers (id, kind, root_id, birth_date)
            SELECT 'cus_' || n, 'individual', 'cus_' || n, '1980-01-01'::date + n FROM generate_series(1, 3000) AS n;
            ANALYZE customers
            """
        )
        plan = await connection.fetch(
            "EXPLAIN " + repository._DUE.replace("$1", "ARRAY['2026-03-02'::date]").replace("$2", "ARRAY[302]").replace("$3", "20")
        )
    assert "ix_customers_day_of_birth" in "\n".join(row[0] for row in plan)

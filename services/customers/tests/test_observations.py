"""Facts that were observed before they are told: what was seen later counts, whatever was told later."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.provenance.errors import ObservedInFuture
from customers.provenance.rules import Change, Link, Provenance, check_observed_at, fold, moment_of, repeats

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SOURCES = ("crm", "shop")


def change(number: int, value: Any, source: str = "api", observed: int | None = None, record: str = "c", rules: int = 0) -> Change:
    """A change that is recorded on the day of its number."""
    told = Provenance(source, observed_at=None if observed is None else NOW + observed * DAY)
    return Change(number, f"chg_{number}", record, NOW + number * DAY, told, rules, {"city": value})


values = st.none() | st.sampled_from("xyz")
dated = st.lists(st.tuples(values, st.sampled_from(SOURCES), st.integers(-9, 9)), max_size=8)


class TestRules:
    @given(dated)
    def test_the_value_that_was_seen_last_counts(self, told):
        changes = [change(number, value, source, observed) for number, (value, source, observed) in enumerate(told)]
        last = max(told, key=lambda each: each[2], default=None)
        # Of those that were seen at one moment, the one that was told last.
        expected = None if last is None else [value for value, _, observed in told if observed == last[2]][-1]
        assert fold(changes, [], {}).values("c").get("city") == expected

    @given(dated, st.permutations(SOURCES))
    def test_a_source_that_is_believed_more_wins_with_what_it_saw_last(self, told, order):
        told = [(value or "w", source, observed) for value, source, observed in told]
        changes = [change(number, value, source, observed, rules=1) for number, (value, source, observed) in enumerate(told)]
        best = min((order.index(source) for _, source, _ in told), default=None)
        of_best = [each for each in told if best is not None and each[1] == order[best]]
        last = max((observed for _, _, observed in of_best), default=None)
        expected = [value for value, _, observed in of_best if observed == last]
        assert fold(changes, [], {1: {"city": order}}).values("c").get("city") == (expected[-1] if expected else None)

    @given(dated, values.filter(bool))
    def test_what_says_nothing_of_its_time_was_seen_when_it_was_told(self, told, value):
        changes = [change(number, each, source, min(observed, number)) for number, (each, source, observed) in enumerate(told)]
        now = change(len(told), value)
        assert fold([*changes, now], [], {}).values("c") == {"city": value}
        assert moment_of(now) == now.recorded_at
        late = change(len(told) + 1, "late", observed=len(told) - 1)
        entry = fold([*changes, now, late], [], {}).of("c")["city"]
        # A value that is told again keeps who told it first, and when.
        seen_at = moment_of(entry.change)
        assert (entry.value == "late") == (late.provenance.observed_at is not None and seen_at <= late.provenance.observed_at)

    @given(
        st.lists(st.tuples(values, st.sampled_from(SOURCES), st.none() | st.integers(-3, 3)), max_size=6),
        st.tuples(values, st.sampled_from(SOURCES), st.none() | st.integers(-3, 3)),
        st.lists(st.tuples(values, st.sampled_from(SOURCES), st.none() | st.integers(-3, 3)), max_size=3),
    )
    def test_nothing_depends_on_a_repetition_that_is_left_out(self, told, again, later):
        changes = [change(number, *each) for number, each in enumerate(told)]
        repeated = change(100, *again)
        if repeats(changes, [], repeated, "city"):
            more = [change(200 + number, *each) for number, each in enumerate(later)]
            one, two = fold([*changes, *more], [], {}), fold([*changes, repeated, *more], [], {})
            assert one.values("c") == two.values("c")

    def test_it_counts_among_the_records_of_a_family_and_goes_with_the_link(self):
        told = [change(1, "x", observed=0), change(2, "y", observed=-1, record="d"), change(4, "z", observed=-5, record="d")]
        link = Link(3, "c", "d", 0)
        assert fold(told, [link], {}).values("c") == {"city": "x"}
        assert fold(told, [], {}).values("d") == {"city": "y"}
        assert fold([*told, change(5, "v", observed=1, record="d")], [link], {}).values("c") == {"city": "v"}

    def test_the_future_was_not_observed(self):
        check_observed_at(None, NOW)
        check_observed_at(NOW + timedelta(minutes=5), NOW)
        with pytest.raises(ObservedInFuture):
            check_observed_at(NOW + timedelta(minutes=6), NOW)


@pytest.fixture
async def customer(client):
    body = {"external_id": "C-1", "name": "Ilze", "city": "Riga", "attributes": {"size": "M"}, "observed_at": "2026-02-10T00:00:00Z"}
    answer = await client.post("/v1/customers", json=body)
    assert answer.status_code == 201, answer.text
    return f"/v1/customers/{answer.json()['id']}"


async def patch(client, path, **fields):
    version = (await client.get(path)).headers["etag"]
    answer = await client.patch(path, json=fields, headers={"if-match": version})
    assert answer.status_code == 200, answer.text
    return answer


async def test_what_was_seen_earlier_and_told_later_is_kept_and_does_not_count(client, customer):
    answer = await patch(client, customer, city="Liepaja", language="lv", observed_at="2026-02-01T00:00:00Z", source="crm")
    assert (answer.json()["city"], answer.json()["language"]) == ("Riga", "lv")
    shown = (await client.get(f"{customer}/provenance")).json()
    city = next(each for each in shown["fields"] if each["field"] == "city")
    assert (city["value"], city["observed_at"]) == ("Riga", "2026-02-10T00:00:00Z")
    assert [(each["value"], each["observed_at"], each["source"]) for each in city["candidates"]] == [
        ("Liepaja", "2026-02-01T00:00:00Z", "crm")
    ]
    later = await patch(client, customer, city="Ventspils", observed_at="2026-02-11T00:00:00Z")
    assert later.json()["city"] == "Ventspils"
    history = (await client.get(f"{customer}/history", params={"field": "city"})).json()["data"]
    assert [(each["value"], each["observed_at"]) for each in history] == [
        ("Ventspils", "2026-02-11T00:00:00Z"),
        ("Liepaja", "2026-02-01T00:00:00Z"),
        ("Riga", "2026-02-10T00:00:00Z"),
    ]


async def test_nothing_that_was_told_now_is_displaced_by_what_was_seen_before(client, customer):
    await patch(client, customer, city="Jelgava", attributes={"size": "L"})
    seen_before = {"city": "Riga", "attributes": {"size": "S", "colour": "red"}, "observed_at": "2026-02-20T00:00:00Z"}
    answer = await patch(client, customer, **seen_before)
    assert (answer.json()["city"], answer.json()["attributes"]) == ("Jelgava", {"size": "L", "colour": "red"})
    emptied = await patch(client, customer, city=None)
    assert emptied.json()["city"] is None
    assert (await patch(client, customer, city="Riga", observed_at="2026-02-20T00:00:00Z")).json()["city"] is None


async def test_a_late_fact_was_not_known_before_it_was_told(client, customer, database):
    before = (await client.get(customer)).json()
    async with database.acquire() as connection:
        at = await connection.fetchval("SELECT clock_timestamp()")
    await patch(client, customer, language="lv", observed_at="2026-02-01T00:00:00Z")
    assert (await client.get(customer, params={"as_of": at.isoformat()})).json()["language"] is None
    assert (await client.get(customer)).json()["language"] == "lv"
    assert before["language"] is None


async def test_a_batch_tells_of_each_item_when_it_was_seen(client):
    items = [
        {"external_id": "C-1", "city": "Riga", "observed_at": "2026-02-10T00:00:00Z"},
        {"external_id": "C-1", "city": "Liepaja", "phone": "+37126123456", "observed_at": "2026-02-01T00:00:00Z"},
        {"external_id": "C-2", "city": "Riga"},
        {"external_id": "C-3", "observed_at": "2036-02-01T00:00:00Z"},
        {"external_id": "C-2", "city": "Liepaja", "observed_at": "2026-02-01T00:00:00Z"},
    ]
    results = (await client.post("/v1/customers/batch", json={"items": items})).json()["results"]
    assert [each["status"] for each in results] == [201, 200, 201, 422, 200]
    assert results[3]["problem"]["code"] == "observed_at_refused"
    shown = (await client.get("/v1/customers")).json()["data"]
    assert [(each["external_id"], each["city"], each["phone"]) for each in shown] == [
        ("C-1", "Riga", "+37126123456"),
        ("C-2", "Riga", None),
    ]


async def test_records_of_a_family_are_told_by_what_was_seen_last(client, customer):
    other = (await client.post("/v1/customers", json={"external_id": "C-2", "city": "Cesis"})).json()["id"]
    root = customer.rpartition("/")[2]
    await client.post("/v1/merges", json={"survivor_id": root, "merged_id": other})
    batch = {"items": [{"external_id": "C-2", "city": "Liepaja", "observed_at": "2026-02-01T00:00:00Z"}]}
    await client.post("/v1/customers/batch", json=batch)
    assert (await client.get(customer)).json()["city"] == "Riga"
    batch["items"][0]["observed_at"] = "2026-02-12T00:00:00Z"
    await client.post("/v1/customers/batch", json=batch)
    assert (await client.get(customer)).json()["city"] == "Liepaja"


async def test_the_future_is_refused(client, customer):
    answer = await client.post("/v1/customers", json={"city": "Riga", "observed_at": "2036-01-01T00:00:00Z"})
    assert (answer.status_code, answer.json()["code"]) == (422, "observed_at_refused")
    refused = await client.patch(customer, json={"observed_at": "2036-01-01T00:00:00Z"}, headers={"if-match": '"1"'})
    assert (refused.status_code, refused.json()["code"]) == (422, "observed_at_refused")


async def test_what_was_true_and_what_was_known_are_two_questions(client, customer, database):
    async def moment():
        async with database.acquire() as connection:
            return (await connection.fetchval("SELECT clock_timestamp()")).isoformat()

    before = await moment()
    # What was true in January is heard of in March, after what was true in February.
    await patch(client, customer, city="Liepaja", observed_at="2026-01-05T00:00:00Z")
    between = await moment()
    await patch(client, customer, city="Ventspils", observed_at="2026-02-20T00:00:00Z")

    async def city(**asked):
        answer = await client.get(customer, params=asked)
        assert answer.status_code == 200, answer.text
        changed = await client.patch(customer, json={"city": "Ogre"}, headers={"if-match": answer.headers["etag"]})
        assert changed.status_code == 412
        return answer.json()["city"]

    january, february, later = "2026-01-10T00:00:00Z", "2026-02-15T00:00:00Z", "2026-02-25T00:00:00Z"
    assert [await city(true_at=at) for at in ("2025-12-31T00:00:00Z", january, february, later)] == [None, "Liepaja", "Riga", "Ventspils"]
    assert [await city(as_of=at) for at in (before, between)] == ["Riga", "Riga"]
    assert [await city(as_of=before, true_at=at) for at in (january, february, later)] == [None, "Riga", "Riga"]
    assert [await city(as_of=between, true_at=at) for at in (january, february, later)] == ["Liepaja", "Riga", "Riga"]

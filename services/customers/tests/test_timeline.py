"""The timeline: what is recorded and heard, and what is shown of it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.handlers import HANDLERS
from customers.timeline import repository
from customers.timeline.errors import PeriodRefused
from customers.timeline.repository import page_statement
from customers.timeline.rules import JOURNEY_STAGES, Felt, change_between, period_before, sentiment_of, stage_asked_of
from customers.timeline.service import Touch, collect, erase, record
from shared.contracts.feedback import ResponseRecorded
from shared.contracts.loyalty import MemberEnrolled, PointsAccrued, PointsReversed
from shared.testing.bus import deliver, message
from shared.testing.plans import plan_of

AT = datetime(2026, 2, 1, 9, tzinfo=UTC)
_STORED = "SELECT kind, source_id, channel, journey_stage, sentiment, occurred_at, summary FROM touches WHERE customer_id = $1 ORDER BY id"
counts = st.integers(0, 10**6)


def response(customer_id: str | None, score: int = 3, number: int = 1, question: str = "nps", at: datetime = AT) -> ResponseRecorded:
    return ResponseRecorded(
        response_id=f"rsp_{number}",
        subject_id=customer_id or f"rsp_{number}",
        customer_id=customer_id,
        question=question,
        score=score,
        channel="email",
        has_comment=True,
        answered_at=at,
    )


def points(kind: type, customer_id: str, number: int):
    return kind(entry_id=f"ent_{number}", customer_id=customer_id, points=5, reason="order", order_id="ord_1", occurred_at=AT)


async def stored(database, customer_id: str) -> list[tuple]:
    async with database.acquire() as connection:
        return [tuple(row) for row in await connection.fetch(_STORED, customer_id)]


@pytest.fixture
async def customer_id(client) -> str:
    return (await client.post("/v1/customers", json={"external_id": "C-1"})).json()["id"]


@pytest.fixture
async def add(database, customer_id):
    """Adds touches of the customer, one an hour, and returns their source ids, newest first."""

    async def add(*touches: dict) -> list[str]:
        made = [
            Touch(**{"customer_id": customer_id, "kind": "call", "source_id": f"itr_{n}", "occurred_at": AT + timedelta(hours=n)} | each)
            for n, each in enumerate(touches)
        ]
        async with database.acquire() as connection:
            await record(connection, made)
        return [touch.source_id for touch in reversed(made)]

    return add


async def test_touches_are_recorded_once_and_replaced(database):
    first = Touch("cus_1", "call", "itr_1", AT, "phone", "service", "negative", {"subject": "Late"})
    async with database.acquire() as connection:
        await record(connection, [])
        await record(connection, [first, Touch("cus_1", "note", "itr_1", AT)])
        await record(connection, [first._replace(sentiment="neutral"), first._replace(sentiment="positive")])
    assert await stored(database, "cus_1") == [
        ("call", "itr_1", "phone", "service", "positive", AT, {"subject": "Late"}),
        ("note", "itr_1", None, None, None, AT, {}),
    ]


async def test_a_touch_that_did_not_change_is_not_written_again(committed_database):
    touch = Touch("cus_1", "call", "itr_1", AT, summary={"a": 1})
    numbers = []
    for each in (touch, touch, touch._replace(occurred_at=AT + timedelta(hours=1))):
        async with committed_database.acquire() as connection:
            await record(connection, [each])
            numbers.append(await connection.fetchval("SELECT written_in FROM touches"))
    assert numbers[0] == numbers[1] < numbers[2]


class TestRules:
    @given(st.sampled_from(["nps", "csat", "ces"]), st.integers(0, 10))
    def test_a_better_score_never_feels_worse(self, question, score):
        order = ("negative", "neutral", "positive")
        assert order.index(sentiment_of(question, score)) <= order.index(sentiment_of(question, score + 1))
        assert stage_asked_of(question) in JOURNEY_STAGES

    @pytest.mark.parametrize(
        ("question", "felt"), [("nps", {6: "negative", 7: "neutral", 8: "neutral", 9: "positive"}), ("csat", {2: "negative", 3: "neutral"})]
    )
    def test_bounds(self, question, felt):
        assert {score: sentiment_of(question, score) for score in felt} == felt
        assert sentiment_of("another", 0) is None

    @given(counts, counts)
    def test_the_share_lies_in_its_interval(self, negative, others):
        felt = Felt(negative + others, negative)
        if not felt.touches:
            assert (felt.share, felt.interval, change_between(felt, Felt(1, 1))) == (None, None, None)
            return
        assert felt.interval.low <= felt.share <= felt.interval.high
        assert change_between(felt, felt) == 0

    @given(st.integers(0, 10**9), st.integers(-500, 500))
    def test_the_period_before_is_as_long(self, seconds, days):
        start = datetime.fromtimestamp(seconds, UTC)
        end = start + timedelta(days=days)
        if 0 < days <= 366:
            assert start - period_before(start, end) == end - start
        else:
            with pytest.raises(PeriodRefused):
                period_before(start, end)


class TestHearing:
    async def test_each_event_appears(self, database, customer_id):
        events = [
            (response(customer_id), 1),
            (MemberEnrolled(customer_id=customer_id, enrolled_at=AT), 1),
            (points(PointsAccrued, customer_id, 1), 2),
            (points(PointsReversed, customer_id, 2), 3),
        ]
        assert (await deliver(database, HANDLERS, events)).applied == 4
        told = {"points": 5, "reason": "order", "order_id": "ord_1"}
        assert await stored(database, customer_id) == [
            ("response", "rsp_1", "email", "advocacy", "negative", AT, {"question": "nps", "score": 3, "has_comment": True}),
            ("member_enrolled", customer_id, None, "advocacy", None, AT, {}),
            ("points_accrued", "ent_1", None, None, None, AT, told),
            ("points_reversed", "ent_2", None, None, None, AT, told),
        ]

    async def test_twice_is_once(self, database, customer_id):
        messages = [message(points(PointsAccrued, customer_id, 1), 1), message(response(customer_id), 1)]
        await deliver(database, HANDLERS, messages)
        again = await deliver(database, HANDLERS, messages)
        # A consumer that lost its marks hears everything anew.
        anew = await deliver(database, HANDLERS, messages, consumer="another")
        assert (again.applied, again.duplicates, anew.applied) == (0, 2, 2)
        assert len(await stored(database, customer_id)) == 2

    async def test_out_of_order_waits_for_what_is_before(self, database, customer_id):
        late = await deliver(database, HANDLERS, [(points(PointsReversed, customer_id, 2), 2)])
        assert (late.applied, late.early, await stored(database, customer_id)) == (0, 1, [])
        await deliver(database, HANDLERS, [(points(PointsAccrued, customer_id, 1), 1)])
        assert [row[0] for row in await stored(database, customer_id)] == ["points_accrued", "points_reversed"]

    async def test_malformed_is_set_aside_and_the_others_are_heard(self, database, customer_id):
        whole, broken = message(points(PointsAccrued, customer_id, 1), 1), message(response("cus_other"), 1)
        applied = await deliver(database, HANDLERS, [broken._replace(value=b'{"score": "many"}'), whole])
        assert (applied.applied, applied.dead) == (1, 1)
        assert [row[0] for row in await stored(database, customer_id)] == ["points_accrued"]

    async def test_answers_of_nobody_and_of_the_erased_are_passed_over(self, database, customer_id):
        async with database.acquire() as connection:
            await connection.execute("UPDATE customers SET erased_at = now(), root_id = NULL WHERE id = $1", customer_id)
        events = [(response(None), 1), (response("cus_unknown", number=2), 1), (response(customer_id, number=3), 1)]
        assert (await deliver(database, HANDLERS, events)).applied == 3
        async with database.acquire() as connection:
            assert await connection.fetchval("SELECT count(*) FROM touches WHERE kind = 'response'") == 0

    async def test_a_response_speaks_of_what_was_last_before_it(self, database, customer_id, add):
        await add({"journey_stage": "decision"}, {"journey_stage": "service"}, {"journey_stage": "purchase"}, {})
        day = timedelta(days=1)
        moments = {1: AT - day, 2: AT + timedelta(minutes=90), 3: AT + 2 * day, 4: AT + 40 * day}
        await deliver(database, HANDLERS, [(response(customer_id, number=number, at=at), 1) for number, at in moments.items()])
        found = {row[1]: row[3] for row in await stored(database, customer_id) if row[0] == "response"}
        assert found == {"rsp_1": "advocacy", "rsp_2": "service", "rsp_3": "purchase", "rsp_4": "advocacy"}


class TestReading:
    async def read(self, client, customer_id, **query) -> list[dict]:
        seen, cursor = [], None
        while True:
            answer = await client.get(f"/v1/customers/{customer_id}/timeline", params=query | ({"cursor": cursor} if cursor else {}))
            assert answer.status_code == 200, answer.text
            seen += answer.json()["data"]
            cursor = answer.json()["next_cursor"]
            if cursor is None:
                return seen

    async def test_newest_first_page_by_page(self, client, customer_id, add):
        expected = await add(*[{}] * 7, {"occurred_at": AT}, {"occurred_at": AT})
        for limit in (2, 3, 100):
            seen = await self.read(client, customer_id, limit=limit)
            assert {touch["source_id"] for touch in seen} == set(expected)
            keys = [(touch["occurred_at"], touch["id"]) for touch in seen]
            assert keys == sorted(set(keys), reverse=True)

    async def test_a_touch_is_shown_whole(self, client, customer_id, add):
        await add({"channel": "phone", "journey_stage": "service", "sentiment": "negative", "summary": {"subject": "Late"}})
        [shown] = await self.read(client, customer_id)
        assert shown.pop("id").startswith("tch_")
        assert shown == {
            "customer_id": customer_id,
            "kind": "call",
            "channel": "phone",
            "journey_stage": "service",
            "sentiment": "negative",
            "occurred_at": "2026-02-01T09:00:00Z",
            "source_id": "itr_0",
            "summary": {"subject": "Late"},
        }

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"kind": "visit"}, [2, 1]),
            ({"kind": ["visit", "chat"]}, [3, 2, 1]),
            ({"channel": "web"}, [3, 1]),
            ({"journey_stage": "service"}, [3]),
            ({"sentiment": "negative"}, [2]),
            ({"from": "2026-02-01T10:00:00Z", "to": "2026-02-01T12:00:00Z"}, [2, 1]),
            ({"kind": "visit", "channel": "web", "to": "2026-02-01T10:00:00Z"}, []),
        ],
    )
    async def test_filters(self, client, customer_id, add, query, expected):
        await add(
            {},
            {"kind": "visit", "channel": "web"},
            {"kind": "visit", "sentiment": "negative"},
            {"kind": "chat", "channel": "web", "journey_stage": "service"},
        )
        seen = await self.read(client, customer_id, limit=1, **query)
        assert [touch["source_id"] for touch in seen] == [f"itr_{number}" for number in expected]

    async def test_a_family_has_one_timeline(self, client, database, customer_id, add):
        other = (await client.post("/v1/customers", json={"external_id": "C-2"})).json()["id"]
        expected = await add({}, {"customer_id": other}, {}, {"customer_id": other})
        assert len(await self.read(client, other)) == 2
        async with database.acquire() as connection:
            await connection.execute("UPDATE customers SET merged_into = $1, root_id = $1 WHERE id = $2", customer_id, other)
        for either in (customer_id, other):
            assert [touch["source_id"] for touch in await self.read(client, either, limit=1)] == expected

    async def test_unknown_and_bad_requests(self, client, customer_id):
        assert (await client.get("/v1/customers/cus_unknown/timeline")).json()["code"] == "customer_not_found"
        for query in ({"kind": "Bad Kind"}, {"journey_stage": "x"}, {"from": "yesterday"}):
            assert (await client.get(f"/v1/customers/{customer_id}/timeline", params=query)).status_code == 422

    async def test_orders_returns_and_cancellations_are_on_it(self, client):
        line = {"sku": "A", "quantity": 2, "amount_minor": 100}
        order = {"customer_external_id": "C-1", "placed_at": "2026-02-01T10:00:00Z", "currency": "EUR", "lines": [line]}
        placed = (await client.post("/v1/orders", json=order)).json()
        back = {"lines": [{"sku": "A", "quantity": 1}], "returned_at": "2026-02-02T10:00:00Z"}
        await client.post(f"/v1/orders/{placed['id']}/returns", json=back)
        await client.post(f"/v1/orders/{placed['id']}/cancel")
        seen = await self.read(client, placed["customer_id"])
        assert [(touch["kind"], touch["journey_stage"]) for touch in seen] == [
            ("order_cancelled", "service"),
            ("return", "service"),
            ("order", "purchase"),
        ]

    @pytest.mark.parametrize("filters", [(), ("kind",), ("channel", "occurred_from"), ("journey_stage", "sentiment")])
    async def test_a_page_reads_the_index_of_its_customer(self, database, filters):
        async with database.acquire() as connection:
            await connection.execute(
                """
                INSERT INTO touches (id, customer_id, kind, occurred_at, source_id, journey_stage, sentiment)
                SELECT 'tch_' || n, 'cus_' || n % 50, 'call', now() - n * interval '1 minute', n::text, 'service', 'negative'
                FROM generate_series(1, 5000) AS n;
                ANALYZE touches;
                """
            )
            values = {"kind": "ARRAY['call', 'visit']", "channel": "'web'", "occurred_from": "now() - interval '1 day'"}
            values |= {"journey_stage": "'service'", "sentiment": "'negative'"}
            given = "".join(f", {values[name]}" for name in filters)
            values = f"ARRAY['cus_1', 'cus_2'], 20, now(), 'x'{given}"
            text = await plan_of(connection, page_statement(filters, is_first=False), values)
        assert "ix_touches_timeline" in text
        assert "Seq Scan" not in text
        # Whoever looks for a few among ten thousand reads their rows only.
        assert "Filter:" not in text


async def test_pain_points_tell_where_it_hurts_and_how_that_changed(client, database, customer_id, add):
    old = {"occurred_at": AT - timedelta(days=2), "journey_stage": "service"}
    await add(
        *[{"journey_stage": "service", "sentiment": "negative"}] * 6,
        {"journey_stage": "service", "sentiment": "positive", "channel": "web"},
        {"journey_stage": "service", "sentiment": "neutral"},
        {"journey_stage": "decision", "sentiment": "negative", "kind": "response"},
        {"journey_stage": "decision"},
        {"sentiment": "negative"},
        old | {"sentiment": "negative"},
        old | {"sentiment": "positive"},
    )
    query = {"from": "2026-02-01T09:00:00Z", "to": "2026-02-04T09:00:00Z"}
    answer = await client.get("/v1/journey/pain-points", params=query)
    assert answer.status_code == 200, answer.text
    service, decision, *rest = answer.json()["data"]
    examples = service.pop("examples")
    assert [each["source_id"] for each in examples] == [f"itr_{number}" for number in (5, 4, 3, 2, 1)]
    assert {each["customer_id"] for each in examples} == {customer_id}
    assert service == {
        "journey_stage": "service",
        "touches": 8,
        "negative": 6,
        "low_responses": 0,
        "share": 0.75,
        "interval": {"low": 0.4093, "high": 0.9285},
        "before": {"touches": 2, "negative": 1, "low_responses": 0, "share": 0.5, "interval": {"low": 0.0945, "high": 0.9055}},
        "change": 0.25,
    }
    assert (decision["journey_stage"], decision["negative"], decision["low_responses"], decision["change"]) == ("decision", 1, 1, None)
    assert {each["journey_stage"] for each in rest} == set(JOURNEY_STAGES) - {"service", "decision"}
    assert {each["touches"] for each in rest} == {0}
    web = (await client.get("/v1/journey/pain-points", params=query | {"channel": "web"})).json()["data"]
    assert [(each["touches"], each["negative"]) for each in web if each["touches"]] == [(1, 0)]


async def test_pain_points_read_only_what_was_felt(database):
    async with database.acquire() as connection:
        await connection.execute(
            """
            INSERT INTO touches (id, customer_id, kind, occurred_at, source_id, journey_stage, sentiment)
            SELECT 'tch_' || n, 'cus_' || n % 50, 'call', now() - n * interval '1 minute', n::text, 'service',
                   CASE WHEN n % 20 = 0 THEN 'negative' END FROM generate_series(1, 5000) AS n;
            ANALYZE touches;
            """
        )
        for statement, values in (
            (repository._FELT, "now() - interval '2 days', now() - interval '1 day', now(), NULL"),
            (repository._EXAMPLES, "now() - interval '1 day', now(), NULL, 5, ARRAY['service']"),
        ):
            plan = await plan_of(connection, statement, values)
            assert "ix_touches_felt" in plan, plan


async def test_what_is_told_while_a_customer_is_erased_waits_and_is_dropped(committed_client, committed_database):
    customer_id = (await committed_client.post("/v1/customers", json={})).json()["id"]
    async with committed_database.acquire() as erasing:
        transaction = erasing.transaction()
        await transaction.start()
        await erasing.execute("SELECT FROM customers WHERE id = $1 FOR UPDATE", customer_id)
        hearing = asyncio.create_task(deliver(committed_database, HANDLERS, [(response(customer_id), 1)]))
        done, _ = await asyncio.wait([hearing], timeout=0.3)
        assert not done
        await erasing.execute("UPDATE customers SET erased_at = now(), root_id = NULL WHERE id = $1", customer_id)
        await transaction.commit()
    assert (await asyncio.wait_for(hearing, 10)).applied == 1
    assert await stored(committed_database, customer_id) == []


async def test_a_period_starts_before_it_ends(client):
    for query in ({"from": "2026-03-03T00:00:00Z"}, {"from": "2024-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}):
        answer = await client.get("/v1/journey/pain-points", params=query)
        assert (answer.status_code, answer.json()["code"]) == (422, "period_refused")
    assert (await client.get("/v1/journey/pain-points")).json()["starts_at"] == "2026-01-31T12:00:00Z"


async def test_what_is_erased_is_gone_and_what_is_collected_is_all(database, customer_id, add):
    expected = await add({}, {"summary": {"a": 1}}, {"customer_id": "cus_other"})
    async with database.acquire() as connection:
        collected = await collect(connection, [customer_id])
        assert [row["source_id"] for row in collected["touches"]] == expected[:0:-1]
        assert await erase(connection, [customer_id]) == {"touches": 2}
        assert await collect(connection, [customer_id]) == {"touches": []}
    assert len(await stored(database, "cus_other")) == 1


async def test_merges_and_their_undoing_are_on_it(client, customer_id):
    other = (await client.post("/v1/customers", json={"external_id": "C-2"})).json()["id"]
    merged = await client.post("/v1/merges", json={"survivor_id": customer_id, "merged_id": other})
    assert merged.status_code in (200, 201), merged.text
    told = {"survivor_id": customer_id, "merged_id": other}

    async def kinds(either: str) -> list[str]:
        data = (await client.get(f"/v1/customers/{either}/timeline")).json()["data"]
        assert all(touch["summary"] == told for touch in data)
        return sorted(touch["kind"] for touch in data)

    assert await kinds(other) == await kinds(customer_id) == ["merge"]
    await client.post(f"/v1/merges/{merged.json()['id']}/undo")
    assert (await kinds(customer_id), await kinds(other)) == (["merge", "unmerge"], ["unmerged"])

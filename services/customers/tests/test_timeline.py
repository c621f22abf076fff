"""The timeline: what is recorded, what is shown, and how it is followed live."""

from datetime import UTC, datetime, timedelta

from customers.timeline.service import Touch, record

AT = datetime(2026, 2, 1, 9, tzinfo=UTC)
_STORED = "SELECT kind, source_id, channel, journey_stage, sentiment, occurred_at, summary FROM touches WHERE customer_id = $1 ORDER BY id"


async def test_touches_are_recorded_once_and_replaced(database):
    first = Touch("cus_1", "call", "itr_1", AT, "phone", "service", "negative", {"subject": "Late"})
    async with database.acquire() as connection:
        await record(connection, [])
        await record(connection, [first, Touch("cus_1", "note", "itr_1", AT)])
        await record(connection, [first._replace(sentiment="neutral"), first._replace(sentiment="positive")])
        rows = await connection.fetch(_STORED, "cus_1")
    assert [tuple(row) for row in rows] == [
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

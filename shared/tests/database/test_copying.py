"""Rows that travel as lines of COPY."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts.customers import ApiKeyRevoked
from shared.database.copying import copy_lines, line_of
from shared.database.unit_of_work import UnitOfWork
from shared.messaging.outbox import bucket_of, event_line

_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
_SPECIAL = st.text(st.sampled_from('\\\t\n\rN."ā'), max_size=8)
_CELLS = st.none() | _TEXTS | _SPECIAL


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(_CELLS, _CELLS), max_size=5), ending=_CELLS)
async def test_every_text_arrives_as_it_was(database, rows, ending):
    async with database.acquire() as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS copied (number serial, a text, b text, c text)")
        await connection.execute("DELETE FROM copied")
        lines = [line_of(row) for row in rows]
        await copy_lines(connection, "copied", ("a", "b", "c"), lines, f"\t{line_of((ending,))}")
        found = await connection.fetch("SELECT a, b, c FROM copied ORDER BY number")
    assert [tuple(row) for row in found] == [(*row, ending) for row in rows]


async def test_copied_events_are_logged_and_wait_like_published_ones(database, clock):
    at = clock.now()
    events = [ApiKeyRevoked(key_id=f"key {number}", revoked_at=at) for number in range(3)]
    async with UnitOfWork(database) as uow:
        uow.publish(events[0], sequence=1)
        ending = events[0].model_dump_json(include={"revoked_at"}).removeprefix("{")
        lines = [event_line(ApiKeyRevoked, each.key_id, each.key, 1, f'{{"key_id":"{each.key_id}",') for each in events[1:]]
        await uow.publish_lines(lines, ending)
        await uow.commit()
    async with database.acquire() as connection:
        rows = await connection.fetch("SELECT * FROM outbox_pending JOIN event_log USING (position, recorded_at, bucket) ORDER BY position")
        logged = await connection.fetchval("SELECT count(*) FROM event_log")
    assert logged == len(rows) == len(events)
    assert [ApiKeyRevoked.read(row["payload"]) for row in rows] == events
    for name in ("type", "aggregatetype", "sequence", "traceparent"):
        assert len({row[name] for row in rows}) == 1
    assert [(row["aggregateid"], row["bucket"]) for row in rows] == [(each.key_id, bucket_of(each.key)) for each in events]

"""Rows that travel as lines of COPY."""

from contextlib import nullcontext

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts.customers import ApiKeyRevoked
from shared.database.copying import copy_lines, line_of
from shared.database.unit_of_work import UnitOfWork
from shared.messaging.outbox import bucket_of, copy_events, event_line

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


class Interrupted:
    """A connection during whose COPY somebody else logs an event, and is done before it."""

    def __init__(self, connection, other):
        self._connection, self._other = connection, other

    def __getattr__(self, name):
        return getattr(self._connection, name)

    async def copy_to_table(self, *arguments, **more):
        moment = await self._connection.fetchval("SELECT now()")
        await self._other.execute(FOREIGN, moment)
        return await self._connection.copy_to_table(*arguments, **more)


FOREIGN = """
INSERT INTO event_log (id, aggregatetype, aggregateid, type, payload, key, sequence, bucket, recorded_at)
VALUES (gen_random_uuid(), 'key', 'foreign', 'x', '{}', 'foreign', 1, 3, $1)
"""


@pytest.mark.parametrize("in_part", [False, True], ids=["whole", "part"])
async def test_events_of_others_who_began_at_the_same_moment_are_left_to_them(committed_database, clock, in_part):
    at = clock.now().isoformat()
    lines = [event_line(ApiKeyRevoked, f"key {number}", f"key {number}", 1, f'{{"key_id":"key {number}",') for number in range(3)]
    async with committed_database.acquire() as connection, committed_database.acquire() as other:
        # A part of a transaction has a number of its own.
        async with connection.transaction(), connection.transaction() if in_part else nullcontext():
            await copy_events(Interrupted(connection, other), lines, f'"revoked_at":"{at}"}}', None)
        waiting = await connection.fetch("SELECT aggregateid FROM outbox_pending JOIN event_log USING (position, recorded_at)")
        between = await connection.fetchval("SELECT count(*) FROM event_log")
    assert (sorted(row["aggregateid"] for row in waiting), between) == (["key 0", "key 1", "key 2"], 4)

"""The short ways to write leave what the plain ones leave, whatever is written."""

from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, date, datetime
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import customers
from customers.profiles import records, service
from customers.profiles.errors import ExternalIdTaken
from customers.profiles.facts import facts_of
from customers.profiles.rules import amended
from customers.profiles.search import fold
from customers.provenance.rules import Provenance
from shared.database.single_write import SingleWrite
from shared.database.sql_scripts import statements_of
from shared.database.unit_of_work import UnitOfWork

_SQL = Path(customers.__file__).parent / "migrations" / "sql"
_FUNCTIONS = ("customer_document", "name_word_keys", "remember_name_words")
_DOCUMENT = "{}customer_document($1::text, $2::text, $3::text, $4::text, $5::date)"

texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=12)
names = st.none() | texts | st.sampled_from(["Anna Bērziņa", "李浩明", "Иванов-Петров", "anna", "R2d2 x'y", "zz zzz {{{", "Ab Abc 1bc"])
addresses = st.none() | texts | st.sampled_from(["a.B+c@GoogleMail.com", "x+y@z.lv", "+@b", '"a+b"@c.d', "Ž@É.lv", "%@mail.com"])
people = st.lists(
    st.tuples(names, addresses, st.none() | st.sampled_from(["+37126000001", "+1", ""]), st.none() | texts, st.none() | st.dates()),
    min_size=1,
    max_size=6,
)


@asynccontextmanager
async def undone(connection):
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


async def add_plain_functions(connection):
    for statement in statements_of(_SQL, "0011_down"):
        if any(f"FUNCTION {name}(" in statement for name in _FUNCTIONS):
            await connection.execute(statement.replace("FUNCTION ", "FUNCTION plain_", 1))


async def remembered(connection, kind, batches):
    """Return the words that the dictionary holds after some names were written, and forget them."""
    async with undone(connection):
        for batch in batches:
            await connection.execute(f"SELECT {kind}remember_name_words($1::text[])", batch)
        rows = await connection.fetch("SELECT word, count(*) AS n FROM name_words GROUP BY word ORDER BY word")
    return [tuple(row) for row in rows]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=people)
async def test_documents_words_and_keys_are_the_plain_ones(database, people):
    rows = [(fold(name), *rest) for name, *rest in people]
    async with database.acquire() as connection, undone(connection):
        await add_plain_functions(connection)
        for row in rows:
            assert await connection.fetchval(f"SELECT {_DOCUMENT.format('')} = {_DOCUMENT.format('plain_')}", *row)
        words = {word for folded, *_ in rows for word in folded.split()}
        keys = "ARRAY(SELECT DISTINCT k FROM unnest({}name_word_keys($1::text)) AS k ORDER BY k)"
        for word in (*words, ""):
            assert await connection.fetchval(f"SELECT {keys.format('')} = {keys.format('plain_')}", word)
        folded = [row[0] for row in rows]
        for batches in ([folded], [[each] for each in folded], [folded, folded], [None], [[]]):
            assert await remembered(connection, "", batches) == await remembered(connection, "plain_", batches)


DRAFTS = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["individual", "organisation"]),
        "name": names.filter(bool),
        "email": st.sampled_from([None, "anna@example.com", "a.b+c@gmail.com"]),
        "phone": st.sampled_from([None, "+37126000001"]),
        "country": st.sampled_from([None, "LV"]),
        "birth_date": st.none() | st.dates(max_value=date(2020, 1, 1)),
        "attributes": st.sampled_from([None, {}, {"size": "M", "gone": None}, {"vip": True, "deep": {"a": [1, 2.5]}}]),
        "preferences": st.sampled_from([None, {}, {"channel": "email", "languages": ["lv"]}]),
        "addresses": st.sampled_from([None, [], [{"kind": "home", "lines": ["Brīvības 1"]}]]),
        "tags": st.sampled_from([None, [], ["vip", "new"]]),
    },
)
TOLD = st.sampled_from(
    [Provenance(), Provenance("shop", "server:a"), Provenance("crm", "server:a", None, datetime(2026, 1, 5, tzinfo=UTC))]
)
_LEFT = {
    "customers": "to_jsonb(t) - 'id' - 'root_id' - 'created_at' - 'updated_at'",
    "profile_changes": "to_jsonb(t) - 'id' - 'customer_id' - 'number' - 'recorded_at'",
    "audit_entries": "to_jsonb(t) - 'id' - 'customer_id' - 'recorded_at'",
    "event_log": "jsonb_build_array(aggregatetype, type, sequence, traceparent, payload::jsonb - 'customer_id' - 'registered_at')",
    "name_words": "to_jsonb(t)",
}


async def left(connection):
    """Return what all tables of a write hold, but for ids and times, and how many events wait to be sent."""
    rows = {table: await connection.fetch(f"SELECT {what} AS row FROM {table} AS t ORDER BY 1") for table, what in _LEFT.items()}
    ids = await connection.fetchrow(
        """SELECT bool_and(c.root_id = c.id AND h.customer_id = c.id AND h.recorded_at = c.created_at AND c.updated_at = c.created_at)
        FROM customers AS c JOIN profile_changes AS h ON h.customer_id = c.id"""
    )
    logged = await connection.fetchval("SELECT count(*) FROM event_log JOIN outbox_pending USING (bucket, position, recorded_at)")
    return {table: [row["row"] for row in found] for table, found in rows.items()}, ids[0], logged


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=DRAFTS, told=TOLD, external_id=st.sampled_from([None, "C-1", "taken"]))
async def test_a_single_write_leaves_what_a_unit_of_work_leaves(database, fields, told, external_id):
    fields = {**fields, "external_id": external_id}
    today = date(2026, 6, 1)
    async with database.acquire() as connection, undone(connection):
        await _in_a_unit_of_work(connection, {"external_id": "taken"}, today, Provenance())
        stories = []
        for register in (_in_a_unit_of_work, _alone):
            async with undone(connection):
                try:
                    stored = await register(connection, fields, today, told)
                except ExternalIdTaken:
                    stored = None
                stories.append((stored and (stored.version, stored.profile), await left(connection)))
        assert stories[0] == stories[1]
        assert (stories[0][0] is None) == (external_id == "taken")


class Lent:
    """A database of one connection that somebody holds."""

    def __init__(self, connection):
        self._connection = connection

    def acquire(self):
        return nullcontext(self._connection)


async def _in_a_unit_of_work(connection, fields, today, told):
    async with UnitOfWork(Lent(connection)) as uow:
        customer = await service.register(uow, fields, today, told)
        await uow.commit()
    return customer


async def _alone(connection, fields, today, told):
    write = SingleWrite(connection, await connection.fetchval("SELECT now()"), None, None)
    customer = await service.register_alone(write, fields, today, told)
    await write.commit()
    return customer


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(DRAFTS, TOLD), min_size=2, max_size=2))
async def test_rows_written_one_by_one_are_as_rows_written_together(database, changes):
    today = date(2026, 6, 1)
    async with database.acquire() as connection, undone(connection):
        made = [await _in_a_unit_of_work(connection, {"external_id": name}, today, Provenance()) for name in ("C-1", "C-2")]
        rows, told = [], []
        for customer, (fields, provenance) in zip(made, changes, strict=True):
            profile, names = amended(customer.profile, fields)
            rows.append(customer._replace(profile=profile, version=2))
            told.append(records.Told(customer.id, provenance, 0, facts_of(profile, names)))
        stories = []
        for steps in ([(rows, told)], [([row], [each]) for row, each in zip(rows, told, strict=True)]):
            async with undone(connection):
                for step in steps:
                    await records.write(connection, *step)
                stories.append(await left(connection))
        assert stories[0] == stories[1]

"""What the database works out for each written row is what the plain statements of old say, whatever is written."""

from contextlib import asynccontextmanager
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import customers
from customers.profiles.search import fold
from shared.database.sql_scripts import statements_of

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

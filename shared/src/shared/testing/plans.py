"""Which way Postgres goes for a statement."""

from itertools import count

from shared.database.pool import Connection

# A name of its own for each: one that failed leaves its statement behind, which must not trouble the next.
_numbers = count()


async def plan_of(connection: Connection, statement: str, values: str = "") -> str:
    """Return the plan of a statement as text, in which the names of indexes can be looked for.

    It is prepared first, so that Postgres itself finds the types of its arguments, as it does for the service.

    Args:
        connection: whose settings are left as they are.
        statement: with `$1`, `$2` …
        values: for them, as SQL, separated by commas.
    """
    name = f"asked_{next(_numbers)}"
    await connection.execute(f"PREPARE {name} AS {statement}")
    plan = await connection.fetch(f"EXPLAIN EXECUTE {name}{f' ({values})' if values else ''}")
    await connection.execute(f"DEALLOCATE {name}")
    return "\n".join(row[0] for row in plan)

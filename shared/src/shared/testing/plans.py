"""Which way Postgres goes for a statement."""

from shared.database.pool import Connection


async def plan_of(connection: Connection, statement: str, values: str = "") -> str:
    """Return the plan of a statement as text, in which the names of indexes can be looked for.

    It is prepared first, so that Postgres itself finds the types of its arguments, as it does for the service.

    Args:
        connection: whose settings are left as they are.
        statement: with `$1`, `$2` …
        values: for them, as SQL, separated by commas.
    """
    await connection.execute(f"PREPARE asked AS {statement}")
    plan = await connection.fetch(f"EXPLAIN EXECUTE asked{f' ({values})' if values else ''}")
    await connection.execute("DEALLOCATE asked")
    return "\n".join(row[0] for row in plan)

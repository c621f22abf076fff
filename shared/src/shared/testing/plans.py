"""Which way Postgres goes for a statement."""

from typing import Any

from shared.database.pool import Connection


async def plan_of(connection: Connection, statement: str, *arguments: Any, seqscan: bool = False) -> str:
    """Return the plan of a statement as text, in which the names of indexes can be looked for.

    Args:
        connection: in a transaction, whose settings are changed.
        statement: with `$1`, `$2` …
        arguments: for them.
        seqscan: whether whole tables may be read; without it also a table too small to need its index is read by it.
    """
    await connection.execute(f"SET LOCAL enable_seqscan = {'on' if seqscan else 'off'}")
    return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {statement}", *arguments))

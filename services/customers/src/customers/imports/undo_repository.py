"""Every query of the undoing of imports."""

# ruff: noqa: S608 - names of tables and columns come from the catalogue of the database

from collections.abc import Iterable, Sequence

from customers.imports.undo_rules import Told
from shared.database.pool import Connection

# After a large import the statistics of tables know nothing of its rows: every statement has an index, and goes by it.
_BY_INDEXES = "SELECT set_config('enable_seqscan', 'off', true)"
_RECORDS = """
SELECT DISTINCT customer_id FROM profile_changes WHERE cause = $1 AND customer_id > $2 ORDER BY customer_id LIMIT $3
"""
_CHANGES = """
SELECT p.customer_id, p.cause, p.fields, p.withdraws, p.recorded_at = c.created_at AS is_of_birth
FROM profile_changes AS p JOIN customers AS c ON c.id = p.customer_id
WHERE p.customer_id = ANY($1::text[]) ORDER BY p.customer_id, p.number
"""
_UNDONE = "SELECT id FROM imports WHERE id = ANY($1::text[]) AND status IN ('undoing', 'undone')"
_ADVANCE = """
UPDATE imports SET undone_to = $3, removed = removed + $4, restored = restored + $5, kept = kept + $6
WHERE id = $1 AND status = 'undoing' AND undone_to IS NOT DISTINCT FROM $2
RETURNING id
"""
# Every column that holds a customer: by name, or because it refers to one.
_REFERENCES = """
SELECT c.relname AS table_name, a.attname AS column_name
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT a.attisdropped
    AND (a.attname = 'customer_id' OR EXISTS (
        SELECT FROM pg_constraint AS f
        WHERE f.contype = 'f' AND f.conrelid = c.oid AND f.confrelid = 'customers'::regclass AND a.attnum = ANY(f.conkey)))
ORDER BY 1, 2
"""
# What is made with the record and goes with it: it says nothing that the record does not.
OWN = frozenset(
    {"profile_changes", "duplicate_pairs", "duplicate_checks", "attribute_values", "customer_stages", "stage_moves", "touches"}
    | {"customer_identities"}
)
# Touches that come of themselves to everybody who is made.
_COMING_BY_THEMSELVES = "kind NOT IN ('member_enrolled', 'stage_changed')"
# Traces of a record in what is kept for other reasons, and holds no more than its id.
_TRACES = frozenset({"audit_entries", "consent_decisions"})
_REMOVE = "DELETE FROM customers WHERE id = ANY($1::text[])"

Reference = tuple[str, str]


async def go_by_indexes(connection: Connection) -> None:
    """Have the statements of a transaction use indexes, whatever the statistics say."""
    await connection.execute(_BY_INDEXES)


async def records_after(connection: Connection, import_id: str, after: str, limit: int) -> list[str]:
    """Return records that an import has told something of, by id."""
    return [row["customer_id"] for row in await connection.fetch(_RECORDS, import_id, after, limit)]


async def changes_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[Told]]:
    """Return the change sets of records, each in their order; who was made before anything was told of him begins with an empty one."""
    found: dict[str, list[Told]] = {}
    for row in await connection.fetch(_CHANGES, ids):
        begun = found.setdefault(row["customer_id"], [] if row["is_of_birth"] else [Told(None, {})])
        begun.append(Told(row["cause"], row["fields"], row["withdraws"]))
    return found


async def undone(connection: Connection, causes: Iterable[str]) -> set[str]:
    """Return which of some causes are imports that are undone, or on their way."""
    return {row["id"] for row in await connection.fetch(_UNDONE, sorted(causes))}


async def advance(connection: Connection, import_id: str, undone_to: str | None, to: str, counts: tuple[int, int, int]) -> bool:
    """Move the undoing on; return False when another runner has moved it.

    Args:
        connection: of the transaction that has undone the records.
        import_id: the import.
        undone_to: the last record that was done with before.
        to: the last record that is done with now.
        counts: removed, restored, kept.
    """
    return await connection.fetchval(_ADVANCE, import_id, undone_to, to, *counts) is not None


async def references(connection: Connection) -> list[Reference]:
    """Return every column of the schema that holds a customer, whichever slice it belongs to."""
    return [(row["table_name"], row["column_name"]) for row in await connection.fetch(_REFERENCES)]


async def used(connection: Connection, ids: Sequence[str], places: Iterable[Reference]) -> set[str]:
    """Return the records that something refers to which is not made with them."""
    selects = [
        f'SELECT "{column}" AS id FROM "{table}" WHERE "{column}" = ANY($1::text[])'
        for table, column in places
        if table not in OWN and table not in _TRACES
    ]
    # What others than imports told; of what another import told, there is a change set.
    selects.append("SELECT customer_id FROM customer_identities WHERE customer_id = ANY($1::text[]) AND told_by IS NULL")
    selects.append(f"SELECT customer_id FROM touches WHERE customer_id = ANY($1::text[]) AND {_COMING_BY_THEMSELVES}")
    return {row["id"] for row in await connection.fetch(" UNION ".join(selects), ids)}


async def remove(connection: Connection, ids: Sequence[str], places: Iterable[Reference]) -> None:
    """Delete records that nothing refers to, with what was made with them."""
    for table, column in places:
        if table in OWN:
            await connection.execute(f'DELETE FROM "{table}" WHERE "{column}" = ANY($1::text[])', ids)
    await connection.execute(_REMOVE, ids)

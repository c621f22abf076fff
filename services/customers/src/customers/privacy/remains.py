"""What is kept of customers in tables whose slices leave its erasing and collecting to this one, and the profiles themselves."""

# ruff: noqa: S608 - statements are put together from the constants of this module only

from collections.abc import Mapping
from typing import Any

import orjson

from customers.search.service import forget_names
from shared.database.pool import Connection
from shared.database.rows import affected

_THEIRS = "customer_id = ANY($1::text[])"
_NAMES = """
SELECT name FROM customers WHERE id = ANY($1::text[]) AND name <> ''
UNION SELECT fields ->> 'name' FROM profile_changes WHERE customer_id = ANY($1::text[]) AND fields ->> 'name' <> ''
"""
_BLANK = """
UPDATE customers SET version = version + 1, kind = 'individual', external_id = NULL, name = NULL, email = NULL, phone = NULL,
    language = NULL, country = NULL, city = NULL, birth_date = NULL, sex = NULL, attributes = '{}', preferences = '{}', owner = NULL,
    occupation = NULL, education = NULL, income_band = NULL, marital_status = NULL, addresses = '[]', interests = '[]', values = '[]',
    lifestyle = '[]', tags = '[]', search_name = '', merged_into = NULL, root_id = NULL, family_size = 1, erased_at = now(),
    updated_at = now()
WHERE id = ANY($1::text[]) AND erased_at IS NULL
"""
_ERASE: Mapping[str, str] = {
    "merges": "DELETE FROM merges WHERE undone_at IS NULL AND (merged_id = ANY($1::text[]) OR survivor_id = ANY($1::text[]))",
    "merge_reasons": """
        UPDATE merges SET reason = NULL
        WHERE (merged_id = ANY($1::text[]) OR survivor_id = ANY($1::text[])) AND reason IS NOT NULL
    """,
    "change_sets": f"DELETE FROM profile_changes WHERE {_THEIRS}",
    "profiles": _BLANK,
}
# Answers to servers are sealed with their own keys; those to members and staff are not.
_FORGET_MEMBER = "DELETE FROM idempotency_answers WHERE caller = ANY($1::text[])"
_FORGET_STAFF = """
DELETE FROM idempotency_answers WHERE caller >= 'staff:' AND caller < 'staff;'
    AND EXISTS (SELECT FROM unnest($1::text[]) AS id WHERE position(convert_to(id, 'UTF8') IN body) > 0)
"""
_COLLECT: Mapping[str, str] = {
    "profiles": "SELECT to_jsonb(c) - 'search_document' - 'search_name' AS row FROM customers AS c WHERE id = ANY($1::text[]) ORDER BY id",
    "change_sets": f"SELECT to_jsonb(t) AS row FROM profile_changes AS t WHERE {_THEIRS} ORDER BY number",
    "merges": """
        SELECT to_jsonb(t) AS row FROM merges AS t WHERE merged_id = ANY($1::text[]) OR survivor_id = ANY($1::text[]) ORDER BY number
    """,
}


async def erase(connection: Connection, ids: list[str]) -> dict[str, int]:
    """Delete what hangs on records, and leave of the records themselves nothing but their ids."""
    words = await _forget_words(connection, ids)
    erased = {kind: await _count(connection, statement, ids) for kind, statement in _ERASE.items()}
    answers = await _count(connection, _FORGET_MEMBER, [f"member:{each}" for each in ids])
    return erased | {"name_words": words, "answers": answers + await _count(connection, _FORGET_STAFF, ids)}


async def _forget_words(connection: Connection, ids: list[str]) -> int:
    return await forget_names(connection, [row["name"] for row in await connection.fetch(_NAMES, ids)], ids)


async def collect(connection: Connection, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return profiles with all their change sets, and what hangs on them."""
    collected = {}
    for kind, statement in _COLLECT.items():
        rows = await connection.fetch(statement, ids)
        collected[kind] = [row["row"] if isinstance(row["row"], dict) else orjson.loads(row["row"]) for row in rows]
    return collected


async def _count(connection: Connection, statement: str, ids: list[str]) -> int:
    return affected(await connection.execute(statement, ids))

"""Every query on pairs of customers who may be the same person."""

# ruff: noqa: S608 - statements are put together from the constants of this module only

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from asyncpg import Record

from customers.duplicates.rules import Likeness, Person, Reason
from shared.database.pool import Connection
from shared.database.rows import affected, transposed
from shared.ids import new_id

_PERSON = "c.id, c.kind, c.name, c.email, c.phone, c.birth_date, c.sex, c.city, c.country"
# Neither merged into somebody nor erased: told so, the planner knows how few are not.
_OWN = "c.merged_into IS NULL AND c.erased_at IS NULL"
_PERSONS = f"SELECT {_PERSON} FROM customers AS c WHERE c.id = ANY($1::text[]) AND {_OWN}"
_NEXT_PERSONS = f"SELECT {_PERSON} FROM customers AS c WHERE c.id > $1 AND {_OWN} ORDER BY c.id LIMIT $2"
_COUNT = f"SELECT count(*) FROM customers AS c WHERE {_OWN}"
_PLACE = f"SELECT c.id FROM customers AS c WHERE {_OWN} ORDER BY c.id OFFSET $1 LIMIT 1"
# New documents wait in a list that each look-up reads from end to end; a scan makes thousands of them.
_SORT_DOCUMENTS = "SELECT gin_clean_pending_list('ix_customers_search_document')"
# One look-up by index for each key of each person; so many at most share a key that says anything. That they are nobody else's is
# told by `root_id`, of which the planner expects little: it never hopes to meet the first hundred by reading the table.
_CANDIDATES = f"""
SELECT asked.n, {_PERSON.replace("c.", "found.")}
FROM unnest($1::int[], $2::text[], $3::text[], $4::int[]) AS asked (n, id, query, most)
CROSS JOIN LATERAL (
    SELECT {_PERSON} FROM customers AS c
    WHERE c.search_document @@ asked.query::tsquery AND c.root_id = c.id AND c.id <> asked.id
    LIMIT asked.most
) AS found
"""
# The records of families by their roots.
_MEMBERS = """
members AS (
    SELECT id, id AS root_id FROM unnest($1::text[]) AS r (id)
    UNION ALL SELECT id, root_id FROM customers WHERE root_id = ANY($1::text[]) AND merged_into IS NOT NULL
)
"""
_SHARING = f"""
WITH {_MEMBERS}
SELECT m.root_id, theirs.root_id AS other_id, mine.kind, mine.value, mine.source
FROM members AS m JOIN customer_identities AS mine ON mine.customer_id = m.id
CROSS JOIN LATERAL (
    SELECT DISTINCT c.root_id FROM customer_identities AS i JOIN customers AS c ON c.id = i.customer_id
    WHERE i.kind = mine.kind AND i.value = mine.value AND i.source = mine.source AND c.root_id <> m.root_id
    LIMIT $2
) AS theirs
"""
# Who was rejected as whom: said of any record of one family and any of the other, it holds for both families.
_REJECTED = f"""
WITH {_MEMBERS}
SELECT m.root_id, c.root_id AS other_id FROM members AS m
JOIN duplicate_pairs AS d ON d.first_id = m.id AND d.status = 'rejected' JOIN customers AS c ON c.id = d.second_id
UNION
SELECT m.root_id, c.root_id FROM members AS m
JOIN duplicate_pairs AS d ON d.second_id = m.id AND d.status = 'rejected' JOIN customers AS c ON c.id = d.first_id
"""
_COLUMNS = "d.id, d.first_id, d.second_id, d.score, d.reasons, d.status, d.merge_id, d.found_at, d.decided_at, d.decided_by, d.told"
_GET = f"SELECT {_COLUMNS} FROM duplicate_pairs AS d WHERE d.id = $1"
_LOCK = f"{_GET} FOR UPDATE"
# Open pairs of customers who are still their own; the others come back with an unmerge.
_PAGE = f"""
SELECT {_COLUMNS} FROM duplicate_pairs AS d
JOIN customers AS f ON f.id = d.first_id JOIN customers AS s ON s.id = d.second_id
WHERE d.status = $1 AND d.score >= $2 AND (d.score, d.id) < ($3::bigint, $4)
    AND (d.status <> 'open' OR (f.merged_into IS NULL AND s.merged_into IS NULL))
ORDER BY d.score DESC, d.id DESC LIMIT $5
"""
# What people have decided is never proposed again; in the order of the pairs, so that two scans never wait in a circle.
_STORE = f"""
INSERT INTO duplicate_pairs AS d (id, first_id, second_id, score, reasons, told)
SELECT id, first_id, second_id, score, found -> 'reasons', 1
FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::jsonb[]) AS t (id, first_id, second_id, score, found)
ORDER BY first_id, second_id
ON CONFLICT (first_id, second_id) DO UPDATE SET score = excluded.score, reasons = excluded.reasons, told = d.told + 1
WHERE d.status = 'open' AND d.reasons <> excluded.reasons
RETURNING {_COLUMNS}
"""
# Open pairs of scanned customers who resemble each other no more.
_DROP_OTHERS = f"""
DELETE FROM duplicate_pairs AS d
WHERE d.second_id = ANY($1::text[]) AND d.status = 'open'
    AND NOT EXISTS (
        SELECT FROM unnest($2::text[], $3::text[]) AS kept (first_id, second_id)
        WHERE kept.first_id = d.first_id AND kept.second_id = d.second_id
    )
RETURNING {_COLUMNS}
"""
# Open pairs of two customers who are their own: a pair whose one is merged waits for an unmerge.
_OPEN = """
SELECT d.first_id, d.second_id FROM (
    SELECT first_id, second_id FROM duplicate_pairs WHERE first_id = ANY($1::text[]) AND status = 'open'
    UNION SELECT first_id, second_id FROM duplicate_pairs WHERE second_id = ANY($1::text[]) AND status = 'open'
) AS d
JOIN customers AS f ON f.id = d.first_id AND f.merged_into IS NULL JOIN customers AS s ON s.id = d.second_id AND s.merged_into IS NULL
"""
_DROP = f"""
DELETE FROM duplicate_pairs AS d USING unnest($1::text[], $2::text[]) AS t (first_id, second_id)
WHERE d.first_id = t.first_id AND d.second_id = t.second_id AND d.status = 'open'
RETURNING {_COLUMNS}
"""
_DECIDE = f"""
UPDATE duplicate_pairs AS d SET status = $2, decided_at = now(), decided_by = $3, merge_id = $4, told = told + 1 WHERE id = $1
RETURNING {_COLUMNS}
"""
_FIND_OR_STORE = f"""
INSERT INTO duplicate_pairs AS d (id, first_id, second_id, score, reasons) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (first_id, second_id) DO UPDATE SET score = d.score
RETURNING {_COLUMNS}
"""
_ERASE = "DELETE FROM duplicate_pairs WHERE first_id = ANY($1::text[]) OR second_id = ANY($1::text[])"
_COLLECT = """
SELECT CASE WHEN first_id = ANY($1::text[]) THEN first_id ELSE second_id END AS customer_id, score, reasons, status, found_at, decided_at
FROM duplicate_pairs WHERE first_id = ANY($1::text[]) OR second_id = ANY($1::text[]) ORDER BY id
"""


class StoredPair(NamedTuple):
    """A pair as the table holds it; `told` numbers the last event that told of it."""

    id: str
    first_id: str
    second_id: str
    score: int
    reasons: tuple[Reason, ...]
    status: str
    merge_id: str | None
    found_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    told: int


class Sharing(NamedTuple):
    """A further identity that two customers have."""

    root_id: str
    other_id: str
    identity: tuple[str, str, str]


# Two ids in order, and how alike they are.
FoundPair = tuple[str, str, Likeness]


async def sort_documents(connection: Connection) -> None:
    """Bring new documents into the index proper, for many look-ups to come."""
    await connection.execute(_SORT_DOCUMENTS)


async def persons(connection: Connection, ids: Iterable[str]) -> dict[str, Person]:
    """Return customers who are their own, by id."""
    return {row["id"]: Person(*row) for row in await connection.fetch(_PERSONS, list(ids))}


async def next_persons(connection: Connection, after: str, limit: int) -> list[Person]:
    """Return the customers after an id."""
    return [Person(*row) for row in await connection.fetch(_NEXT_PERSONS, after, limit)]


async def count_persons(connection: Connection) -> int:
    """Return how many customers there are."""
    return await connection.fetchval(_COUNT) or 0


async def id_at(connection: Connection, place: int) -> str:
    """Return the id at a place among all customers, or '' when there are fewer or it is the first."""
    return (await connection.fetchval(_PLACE, place - 1) or "") if place > 0 else ""


async def candidates(connection: Connection, asked: Sequence[tuple[str, str, int]]) -> list[list[Person]]:
    """Return the customers whom each query finds.

    Args:
        connection: to read with.
        asked: the id of who asks, who is not found; a query on documents; and how many customers it finds at most.
    """
    found: list[list[Person]] = [[] for _ in asked]
    for row in await connection.fetch(_CANDIDATES, list(range(len(asked))), *transposed(asked, width=3)):
        found[row["n"]].append(Person(*row[1:]))
    return found


async def sharing(connection: Connection, root_ids: Sequence[str], limit: int) -> list[Sharing]:
    """Return the further identities that customers share with others, at most so many others for each."""
    rows = await connection.fetch(_SHARING, root_ids, limit)
    return [Sharing(row["root_id"], row["other_id"], (row["kind"], row["value"], row["source"])) for row in rows]


async def rejected(connection: Connection, root_ids: Sequence[str]) -> set[tuple[str, str]]:
    """Return the pairs of customers, from these to any other, who were said not to be the same person."""
    return {(row["root_id"], row["other_id"]) for row in await connection.fetch(_REJECTED, root_ids)}


async def get(connection: Connection, pair_id: str) -> StoredPair | None:
    """Return a pair."""
    row = await connection.fetchrow(_GET, pair_id)
    return row and _stored(row)


async def lock(connection: Connection, pair_id: str) -> StoredPair | None:
    """Return a pair that nobody else decides until the transaction ends."""
    row = await connection.fetchrow(_LOCK, pair_id)
    return row and _stored(row)


async def page(connection: Connection, status: str, min_score: int, after: tuple[int, str], limit: int) -> list[StoredPair]:
    """Return pairs after a score and id, the highest first."""
    return [_stored(row) for row in await connection.fetch(_PAGE, status, min_score, *after, limit)]


async def store(connection: Connection, found: Sequence[FoundPair]) -> list[StoredPair]:
    """Keep pairs that were found, but for those that somebody decided; return those that are new or changed."""
    if not found:
        return []
    ids = [new_id("dup") for _ in found]
    firsts, seconds, scores = [each[0] for each in found], [each[1] for each in found], [each[2].score for each in found]
    # In an object each: a list of lists would be an array of two dimensions.
    reasons = [{"reasons": _written(each[2])} for each in found]
    return [_stored(row) for row in await connection.fetch(_STORE, ids, firsts, seconds, scores, reasons)]


async def drop_others(connection: Connection, scanned: Sequence[str], kept: Sequence[FoundPair]) -> list[StoredPair]:
    """Forget open pairs whose second is one of the scanned and that were not found again; return them."""
    rows = await connection.fetch(_DROP_OTHERS, scanned, [each[0] for each in kept], [each[1] for each in kept])
    return [_stored(row) for row in rows]


async def open_pairs(connection: Connection, ids: Sequence[str]) -> list[tuple[str, str]]:
    """Return the open pairs of customers with any who are their own, too."""
    return [(row["first_id"], row["second_id"]) for row in await connection.fetch(_OPEN, ids)]


async def drop(connection: Connection, pairs: Sequence[tuple[str, str]]) -> list[StoredPair]:
    """Forget pairs that are still open; return them."""
    return [_stored(row) for row in await connection.fetch(_DROP, *transposed(pairs))] if pairs else []


async def find_or_store(connection: Connection, first_id: str, second_id: str, found: Likeness) -> StoredPair:
    """Return the pair of two ids, locked; make it when there is none."""
    [row] = await connection.fetch(_FIND_OR_STORE, new_id("dup"), first_id, second_id, found.score, _written(found))
    return _stored(row)


async def decide(connection: Connection, pair_id: str, status: str, decided_by: str, merge_id: str | None = None) -> StoredPair:
    """Note what somebody decided of a pair, and the merge that came of it."""
    [row] = await connection.fetch(_DECIDE, pair_id, status, decided_by, merge_id)
    return _stored(row)


async def erase(connection: Connection, ids: Sequence[str]) -> int:
    """Delete the pairs of records; return how many."""
    return affected(await connection.execute(_ERASE, ids))


async def collect(connection: Connection, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return what the pairs of records tell of them; nothing of the others."""
    return [dict(row) for row in await connection.fetch(_COLLECT, ids)]


def _written(found: Likeness) -> list[dict[str, Any]]:
    return [{"feature": reason.feature, "weight": reason.weight} for reason in found.reasons]


def _stored(row: Record) -> StoredPair:
    reasons = tuple(Reason(each["feature"], each["weight"]) for each in row["reasons"])
    decided = (row["status"], row["merge_id"], row["found_at"], row["decided_at"], row["decided_by"], row["told"])
    return StoredPair(row["id"], row["first_id"], row["second_id"], row["score"], reasons, *decided)

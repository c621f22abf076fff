"""Every query of how customers relate; `relation_of` answers it inside the statements of others."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from shared.database.pool import Connection
from shared.database.rows import affected, transposed

# What was told last counts, in whichever order it comes.
_KEEP = """
INSERT INTO relations (id, customer_id, other_id, score, is_rejected, shared, sequence)
SELECT DISTINCT ON (id) id, customer_id, other_id, score, is_rejected, string_to_array(shared, ','), sequence
FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::boolean[], $6::text[], $7::bigint[])
    AS told (id, customer_id, other_id, score, is_rejected, shared, sequence)
ORDER BY id, sequence DESC
ON CONFLICT (id) DO UPDATE
SET score = excluded.score, is_rejected = excluded.is_rejected, shared = excluded.shared, sequence = excluded.sequence
WHERE relations.sequence < excluded.sequence
"""
_ERASE = "DELETE FROM relations WHERE customer_id = ANY ($1) OR other_id = ANY ($1)"
# The other of the two is not his to see.
_COLLECT = """
SELECT CASE WHEN customer_id = ANY ($1) THEN customer_id ELSE other_id END AS customer_id, score, is_rejected, shared FROM relations
WHERE customer_id = ANY ($1) OR other_id = ANY ($1) ORDER BY id
"""


class Told(NamedTuple):
    """What was told of two customers."""

    id: str
    customer_id: str
    other_id: str
    score: int | None
    is_rejected: bool
    shared: Sequence[str]
    sequence: int


async def keep(connection: Connection, told: Sequence[Told]) -> None:
    """Keep what was told; what is told again, or was overtaken, changes nothing."""
    await connection.execute(_KEEP, *transposed([each._replace(shared=",".join(each.shared)) for each in told]))


async def erase(connection: Connection, customer_ids: Sequence[str]) -> dict[str, int]:
    """Forget how customers relate to others; return how much."""
    return {"relations": affected(await connection.execute(_ERASE, customer_ids))}


async def collect(connection: Connection, customer_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return how customers relate to others, without these."""
    return {"relations": [dict(row) for row in await connection.fetch(_COLLECT, customer_ids)]}

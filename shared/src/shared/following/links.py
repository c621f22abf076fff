"""Merged customers in a service that is told of them: a link, never a move.

What a service keeps stays with the customer it was made for. Reading for a customer is reading for his family:
`customer_id = ANY(family.ids)`; figures by person are by `root_id`.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

from shared.contracts.customers import CustomerMerged, CustomerUnmerged
from shared.database.pool import Connection
from shared.database.rows import transposed
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received
from shared.errors import MalformedEvent
from shared.messaging.handlers import HandlerTable

# Roots are computed from many links: whoever changes one holds all others off until his transaction ends. Readers are not held.
_LOCK = "LOCK TABLE customer_links IN SHARE ROW EXCLUSIVE MODE"

# The last word on each customer counts, of this batch and of all that was heard before.
_KEEP = """
WITH batch AS (
    SELECT DISTINCT ON (customer_id) customer_id, survivor_id, merge_id, sequence
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS t (customer_id, survivor_id, merge_id, sequence)
    ORDER BY customer_id, sequence DESC
)
INSERT INTO customer_links AS l (customer_id, survivor_id, root_id, merge_id, sequence)
SELECT customer_id, survivor_id, customer_id, merge_id, sequence FROM batch
WHERE NOT EXISTS (SELECT FROM erased_customers AS e WHERE e.customer_id = batch.customer_id FOR KEY SHARE)
ON CONFLICT (customer_id) DO UPDATE SET survivor_id = excluded.survivor_id, merge_id = excluded.merge_id, sequence = excluded.sequence
    WHERE excluded.sequence > l.sequence
RETURNING customer_id
"""

# Up from each changed customer to his root. Links of different customers can come in another order than they were made, and close a ring
# for a while: its least id is the root of all in it, whoever is asked.
_ROOTS = """
WITH RECURSIVE way (start, customer_id) AS (
    SELECT id, id FROM unnest($1::text[]) AS changed (id)
    UNION
    SELECT way.start, l.survivor_id FROM way JOIN customer_links AS l USING (customer_id) WHERE l.survivor_id IS NOT NULL
), ends AS (
    SELECT way.start, max(way.customer_id) FILTER (WHERE l.survivor_id IS NULL) AS root_id
    FROM way LEFT JOIN customer_links AS l USING (customer_id) GROUP BY way.start
), ring_way (start, customer_id, path, is_closed) AS (
    SELECT start, start, ARRAY[start], false FROM ends WHERE root_id IS NULL
    UNION ALL
    SELECT ring_way.start, l.survivor_id, path || l.survivor_id, l.survivor_id = ANY (path)
    FROM ring_way JOIN customer_links AS l USING (customer_id) WHERE NOT is_closed
)
SELECT start, root_id FROM ends WHERE root_id IS NOT NULL
UNION ALL
SELECT start, (SELECT min(id) FROM unnest(path[array_position(path, customer_id):]) AS ring (id)) FROM ring_way WHERE is_closed
"""

# Down from each changed customer through all who belong to him: they have his root. A statement of its own, for its size is known to the
# planner, who would rather read all links than follow a number that he guesses.
_MOVE = """
WITH RECURSIVE subtree (customer_id, root_id) AS (
    SELECT customer_id, root_id FROM unnest($1::text[], $2::text[]) AS tops (customer_id, root_id)
    UNION
    SELECT l.customer_id, subtree.root_id FROM subtree JOIN customer_links AS l ON l.survivor_id = subtree.customer_id
), moved AS (
    SELECT l.customer_id, l.root_id AS from_root, subtree.root_id AS to_root
    FROM subtree JOIN customer_links AS l USING (customer_id) WHERE l.root_id <> subtree.root_id
)
UPDATE customer_links AS l SET root_id = moved.to_root FROM moved WHERE l.customer_id = moved.customer_id
RETURNING moved.customer_id, moved.from_root, moved.to_root
"""

_FAMILIES = """
SELECT asked.id, asked.root_id, array_remove(array_agg(l.customer_id ORDER BY l.customer_id), NULL) AS merged
FROM (SELECT a.id, coalesce(own.root_id, a.id) AS root_id
      FROM unnest($1::text[]) AS a (id) LEFT JOIN customer_links AS own ON own.customer_id = a.id) AS asked
LEFT JOIN customer_links AS l ON l.root_id = asked.root_id AND l.root_id <> l.customer_id
GROUP BY asked.id, asked.root_id
"""
_UNLINK = "UPDATE customer_links SET survivor_id = NULL WHERE customer_id = ANY ($1::text[]) RETURNING customer_id"
_FORGET = "DELETE FROM customer_links WHERE customer_id = ANY ($1::text[])"
_FORGET_ALL = "DELETE FROM customer_links"


class Family(NamedTuple):
    """All ids that stand for one person.

    Attributes:
        root_id: the customer whom all others belong to in the end.
        ids: all of them, the root first.
    """

    root_id: str
    ids: list[str]


class Moved(NamedTuple):
    """A customer who has another root than before."""

    customer_id: str
    from_root: str
    to_root: str


# Told, in the transaction of the change, of every customer who moved; a whole subtree moves with its top.
OnChange = Callable[[UnitOfWork, Sequence[Moved]], Awaitable[None]]
# Takes what a service locks before anything else, so that all its handlers lock in one order.
Lock = Callable[[UnitOfWork], Awaitable[None]]


class _Link(NamedTuple):
    customer_id: str
    survivor_id: str | None
    merge_id: str
    sequence: int


def following_handlers(on_change: OnChange | None = None, *, lock: Lock | None = None) -> HandlerTable:
    """Return the handlers of merges; a service puts them before its others, so that what follows finds its family.

    Args:
        on_change: what the service does about customers who moved.
        lock: what the service locks before anything else.
    """

    async def on_customers_merged(uow: UnitOfWork, events: Sequence[Received[CustomerMerged]]) -> None:
        """Link customers to those they belong to."""
        if any(event.merged_id == event.survivor_id for event, _ in events):
            raise MalformedEvent("survivor_id")
        links = [_Link(event.merged_id, event.survivor_id, event.merge_id, envelope.sequence) for event, envelope in events]
        await _change(uow, links, on_change, lock)

    async def on_customers_unmerged(uow: UnitOfWork, events: Sequence[Received[CustomerUnmerged]]) -> None:
        """Undo links."""
        links = [_Link(event.merged_id, None, event.merge_id, envelope.sequence) for event, envelope in events]
        await _change(uow, links, on_change, lock)

    return {CustomerMerged: on_customers_merged, CustomerUnmerged: on_customers_unmerged}


async def family(connection: Connection, customer_id: str) -> Family:
    """Return the family of a customer; one of whom nothing was heard is a family of his own."""
    return (await families(connection, [customer_id]))[customer_id]


async def families(connection: Connection, customer_ids: Iterable[str]) -> dict[str, Family]:
    """Return the family of each customer."""
    rows = await connection.fetch(_FAMILIES, list(set(customer_ids)))
    return {row["id"]: Family(row["root_id"], [row["root_id"], *row["merged"]]) for row in rows}


async def forget_links(connection: Connection, customer_ids: Sequence[str]) -> list[Moved]:
    """Delete the links of erased customers; return who moved by it."""
    await connection.execute(_LOCK)
    unlinked = await connection.fetch(_UNLINK, customer_ids)
    moved = await _follow(connection, [row["customer_id"] for row in unlinked])
    await connection.execute(_FORGET, customer_ids)
    return moved


async def forget_all_links(connection: Connection) -> None:
    """Delete all links, so that a rebuild can hear of them again."""
    await connection.execute(_FORGET_ALL)


async def _change(uow: UnitOfWork, links: Sequence[_Link], on_change: OnChange | None, lock: Lock | None) -> None:
    if lock is not None:
        await lock(uow)
    connection = uow.connection
    await connection.execute(_LOCK)
    changed = await connection.fetch(_KEEP, *transposed(links))
    moved = await _follow(connection, [row["customer_id"] for row in changed])
    if moved and on_change is not None:
        await on_change(uow, moved)


async def _follow(connection: Connection, changed: Sequence[str]) -> list[Moved]:
    if not changed:
        return []
    roots = await connection.fetch(_ROOTS, changed)
    columns = [row["start"] for row in roots], [row["root_id"] for row in roots]
    return [Moved(*row) for row in await connection.fetch(_MOVE, *columns)]

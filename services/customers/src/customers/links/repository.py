"""Who belongs to whom: the records that stand for one customer."""

from collections.abc import Sequence
from typing import NamedTuple

from customers.profiles.errors import CustomerNotFound
from shared.database.pool import Connection

_MEMBERS = "ARRAY(SELECT m.id FROM customers AS m WHERE m.root_id = c.root_id AND m.merged_into IS NOT NULL ORDER BY m.id)"
_FAMILY = f"SELECT c.root_id, {_MEMBERS} AS members FROM customers AS c WHERE c.id = $1 AND c.root_id IS NOT NULL"  # noqa: S608
_FAMILIES = f"""
SELECT c.id, c.root_id, {_MEMBERS} AS members FROM customers AS c WHERE c.id = ANY($1::text[]) AND c.root_id IS NOT NULL
"""  # noqa: S608


class Family(NamedTuple):
    """All records that stand for one customer.

    Attributes:
        root_id: the record that the others were merged into; its row holds the profile of them all.
        ids: every record, the root first.
    """

    root_id: str
    ids: list[str]


async def family(connection: Connection, customer_id: str) -> Family:
    """Return the family of a record, whichever of its ids is given.

    Raises:
        CustomerNotFound: nobody has the id, or he was erased.
    """
    row = await connection.fetchrow(_FAMILY, customer_id)
    if row is None:
        raise CustomerNotFound
    return Family(row["root_id"], [row["root_id"], *row["members"]])


async def families(connection: Connection, ids: Sequence[str]) -> dict[str, Family]:
    """Return the families of records by the ids that were given; unknown and erased ones are left out."""
    rows = await connection.fetch(_FAMILIES, ids)
    return {row["id"]: Family(row["root_id"], [row["root_id"], *row["members"]]) for row in rows}

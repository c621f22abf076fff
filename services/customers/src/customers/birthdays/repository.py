"""Every query of birthdays."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from shared.database.pool import Connection
from shared.database.rows import affected
from shared.ids import new_id

# Of the present family: whoever was merged with somebody who was congratulated already has been, and so has one whose birth date was
# put right meanwhile. The lock keeps an erasure from ending between this look and the write.
_DUE = """
SELECT c.id, due.day FROM unnest($1::date[], $2::int[]) AS due (day, day_of_birth)
JOIN customers AS c ON (extract(month FROM birth_date) * 100 + extract(day FROM birth_date))::int = due.day_of_birth
WHERE c.birth_date IS NOT NULL AND c.root_id = c.id AND c.kind = 'individual' AND c.birth_date < due.day
  AND NOT EXISTS (SELECT FROM restrictions JOIN customers AS own ON own.id = customer_id WHERE own.root_id = c.id AND restricted)
  AND NOT EXISTS (
      SELECT FROM birthdays JOIN customers AS own ON own.id = customer_id WHERE own.root_id = c.id AND celebrated_on > due.day - 180
  )
ORDER BY c.id, due.day LIMIT $3 FOR KEY SHARE OF c
"""
_TELL = """
INSERT INTO birthdays (id, customer_id, celebrated_on, told_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::date[]) AS told (id, customer_id, celebrated_on) CROSS JOIN (SELECT $4::timestamptz) AS now
ON CONFLICT (customer_id, celebrated_on) DO NOTHING RETURNING id, customer_id, celebrated_on
"""
_ERASE = "DELETE FROM birthdays WHERE customer_id = ANY ($1::text[])"
_COLLECT = """
SELECT customer_id, celebrated_on, told_at FROM birthdays WHERE customer_id = ANY ($1::text[]) ORDER BY celebrated_on, customer_id
"""


async def tell_due(connection: Connection, days: Sequence[tuple[date, int]], now: datetime, many: int) -> list[tuple[str, str, date]]:
    """Note up to so many birthdays of days that were not told yet, and return them as `(id, customer, day)`."""
    rows = await connection.fetch(_DUE, [day for day, _ in days], [born for _, born in days], many)
    # A day of birth may be kept on one day only, so a customer is due once.
    due = {row["id"]: row["day"] for row in rows}
    told = await connection.fetch(_TELL, [new_id("bir") for _ in due], list(due), list(due.values()), now)
    return [(row["id"], row["customer_id"], row["celebrated_on"]) for row in told]


async def erase(connection: Connection, customer_ids: Sequence[str]) -> int:
    """Delete which birthdays were told; return how many."""
    return affected(await connection.execute(_ERASE, customer_ids))


async def collect(connection: Connection, customer_ids: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return which birthdays were told."""
    return [dict(row) for row in await connection.fetch(_COLLECT, customer_ids)]

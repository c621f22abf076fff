"""Following one customer costs the same among many: no statement reads all links."""

import pytest

from shared.following import links
from shared.testing.plans import plan_of

_STATEMENTS = {
    "families": (links._FAMILIES, "ARRAY['cus_7', 'cus_70007']"),
    "roots": (links._ROOTS, "ARRAY['cus_7', 'cus_9']"),
    "move": (links._MOVE, "ARRAY['cus_7', 'cus_9'], ARRAY['cus_6', 'cus_8']"),
    "unlink": (links._UNLINK, "ARRAY['cus_7']"),
    "forget": (links._FORGET, "ARRAY['cus_7']"),
}
# Every second customer belongs to the one before him.
_FILL = """
INSERT INTO customer_links (customer_id, survivor_id, root_id, merge_id, sequence)
SELECT 'cus_' || n, 'cus_' || n - 1, 'cus_' || n - 1, 'mrg_' || n, 1 FROM generate_series(1, 40000, 2) AS n;
ANALYZE customer_links
"""


@pytest.mark.parametrize("name", _STATEMENTS)
async def test_links_are_found_by_index(database, name):
    statement, values = _STATEMENTS[name]
    async with database.acquire() as connection:
        await connection.execute(_FILL)
        plan = await plan_of(connection, statement, values)
    assert "Seq Scan on customer_links" not in plan, plan

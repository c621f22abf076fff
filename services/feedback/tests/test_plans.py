"""The answers of one person cost the same among many: they are found by index."""

import pytest

from feedback.customers import repository as customers
from feedback.responses import repository as responses
from shared.testing.plans import plan_of

_LISTED = "{select} WHERE {condition} {order}"
_PERSON = "ARRAY['cus_7', 'cus_8']"


def listed(name: str) -> str:
    return _LISTED.format(
        select=responses._SELECT, condition=responses._CONDITIONS[name].format("$1"), order=responses._NEWEST_FIRST.format("$2")
    )


_STATEMENTS = {
    "of a customer": (listed("customer_id"), "'cus_7', 20"),
    "of a family": (listed("customer_ids"), f"{_PERSON}, 20"),
    "all of a person": (responses._OF, _PERSON),
    "made nameless": (responses._MAKE_NAMELESS, _PERSON),
    "customers": (customers._OF, _PERSON),
    "forgotten customers": (customers._FORGET, _PERSON),
}
_FILL = """
INSERT INTO customers SELECT 'cus_' || n, 'individual', 'LV', 'lv', now() FROM generate_series(1, 4000) AS n;
INSERT INTO responses (id, customer_id, question, scale_min, scale_max, score, answered_at)
SELECT 'rsp_' || n, 'cus_' || n, 'nps', 0, 10, 9, now() - n * interval '1 minute' FROM generate_series(1, 4000) AS n;
ANALYZE customers; ANALYZE responses
"""


@pytest.mark.parametrize("name", _STATEMENTS)
async def test_answers_of_a_person_are_found_by_index(database, name):
    statement, values = _STATEMENTS[name]
    async with database.acquire() as connection:
        await connection.execute(_FILL)
        plan = await plan_of(connection, statement, values)
    assert "Seq Scan" not in plan, plan

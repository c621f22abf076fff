"""What concerns one person costs the same among many: no statement on people reads all facts or all roll-ups."""

import pytest

from analytics.history import repository as history
from analytics.people import repository as people
from analytics.points import repository as points
from analytics.privacy import repository as privacy
from analytics.purchases import repository as purchases
from analytics.satisfaction import repository as satisfaction
from shared.testing.databases import rolled_back
from shared.testing.plans import plan_of

_PERSON = "ARRAY['cus_7', 'cus_8']"
_STATEMENTS = {
    "orders of people": (people._MOMENTS, _PERSON),
    "money of people": (people._COUNT_MONEY, _PERSON),
    "states of people": (purchases._STATES_OF, _PERSON),
    "cancelled orders": (purchases._CANCEL_ORDERS, "ARRAY['ord_7'], ARRAY['cus_7'], ARRAY[now()], ARRAY['cancelled'], ARRAY['']"),
    **{f"nameless {kind}": (statement, _PERSON) for kind, statement in privacy._MAKE_NAMELESS.items()},
    "erased points": (points._ERASE, _PERSON),
    "nameless answers": (satisfaction._MAKE_NAMELESS, _PERSON),
    "erased customers": (history._ERASE_CUSTOMERS, _PERSON),
    **{f"all {kind}": (statement, _PERSON) for kind, statement in privacy._OF.items()},
}
_FILL = """
INSERT INTO customers SELECT 'cus_' || n, 'individual', 'LV', 'lv', now(), 1 FROM generate_series(1, 4000) AS n;
INSERT INTO orders (order_id, customer_id, placed_at, currency, amount_minor, lines)
SELECT 'ord_' || n, 'cus_' || n, now(), 'EUR', 1, '[]' FROM generate_series(1, 4000) AS n;
INSERT INTO returns (return_id, order_id, customer_id, placed_at, returned_at, currency, amount_minor, lines)
SELECT 'ret_' || n, 'ord_' || n, 'cus_' || n, now(), now(), 'EUR', 1, '[]' FROM generate_series(1, 4000) AS n;
INSERT INTO cancellations SELECT 'ord_' || n, 'cus_' || n, now(), 'cancelled', NULL FROM generate_series(4001, 8000) AS n;
INSERT INTO responses SELECT 'rsp_' || n, 'cus_' || n, 'nps', 9, NULL, false, now() FROM generate_series(1, 4000) AS n;
INSERT INTO members SELECT 'cus_' || n, now() FROM generate_series(1, 4000) AS n;
INSERT INTO points_movements SELECT 'ent_' || n, 'cus_' || n, 1, 'order', NULL, now() FROM generate_series(1, 4000) AS n;
INSERT INTO customer_activity SELECT 'cus_' || n, now(), now(), NULL, 1, 1, '{0}', '{0}' FROM generate_series(1, 4000) AS n;
INSERT INTO customer_money SELECT 'cus_' || n, 'EUR', 1, now(), 1, 0 FROM generate_series(1, 4000) AS n;
INSERT INTO erased_customers SELECT 'cus_' || n, 'era_' || n FROM generate_series(50001, 54000) AS n;
INSERT INTO customer_links SELECT 'cus_' || n, 'cus_' || n - 1, 'cus_' || n - 1, 'mrg_' || n, 1 FROM generate_series(1, 4000, 2) AS n;
ANALYZE
"""
# A row a month or a day: small, whatever the number of people.
_SMALL = {"order_months", "points_days", "projection"}


@pytest.fixture(scope="module")
async def filled(pools, service):
    async with pools.lend(service) as connection:
        await connection.execute(_FILL)
        yield connection


@pytest.fixture
async def connection(filled):
    async with rolled_back(filled) as connection:
        yield connection


@pytest.mark.parametrize("name", _STATEMENTS)
async def test_facts_of_people_are_found_by_index(connection, name):
    statement, values = _STATEMENTS[name]
    plan = await plan_of(connection, statement, values)
    scanned = {line.split("Seq Scan on ")[1].split()[0] for line in plan.splitlines() if "Seq Scan on " in line}
    assert scanned <= _SMALL, plan

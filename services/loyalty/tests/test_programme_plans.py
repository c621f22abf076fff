"""What earning and members ask of programmes needs an index, however much was earned."""

from loyalty.earning import repository as earning
from loyalty.ledger import posting
from loyalty.participations import repository as participations
from loyalty.programmes import repository as programmes
from loyalty.programmes.the_programme import PROGRAMME_ID
from shared.testing.plans import plan_of

_P = f"'{PROGRAMME_ID}'"
_STATEMENTS = [
    ("pk_occasions", earning._OCCASIONS, "ARRAY['order_placed'], ARRAY['ord_7']"),
    ("ix_awards_entry_id", earning._OF_ENTRY, "'ent_7'"),
    ("pk_programme_absences", participations._ABSENT, f"{_P}, ARRAY['cus_7'], ARRAY[now()]"),
    ("ix_programme_absences_present", participations._OF_MEMBER, "'cus_7', 20"),
    ("pk_programme_versions", programmes._VERSIONS, f"{_P}, 900, 20"),
    ("pk_entries", posting._PROGRAMMES, "ARRAY['ent_7']"),
]
_FILL = f"""
INSERT INTO members (customer_id) SELECT 'cus_' || n FROM generate_series(1, 3000) AS n;
INSERT INTO orders (order_id, customer_id, programme_id, rate_version, placed_at, amount_minor)
SELECT 'ord_' || n, 'cus_' || 1 + n % 3000, {_P}, 0, now(), 1 FROM generate_series(1, 9000) AS n;
INSERT INTO occasions (programme_id, trigger, source_id, customer_id, occurred_at, facts, traits, rules)
SELECT {_P}, 'order_placed', order_id, customer_id, placed_at, '{{}}', '{{}}', '{{}}' FROM orders;
INSERT INTO awards (programme_id, trigger, source_id, rule_id, rule_version, wallet, earned, kept, periods, entry_id)
SELECT {_P}, 'order_placed', order_id, 'rul_1', 1, 'points', 1, 1, '{{}}', 'ent_' || substr(order_id, 5) FROM orders;
INSERT INTO occasion_returns (return_id, order_id, customer_id, returned_at, lines)
SELECT 'ret_' || order_id, order_id, customer_id, now(), '[]' FROM orders;
INSERT INTO programme_absences (programme_id, customer_id, left_at, back_at)
SELECT {_P}, customer_id, now(), CASE WHEN customer_id LIKE '%7' THEN now() END FROM members;
INSERT INTO programme_versions (programme_id, version, terms) SELECT {_P}, n, '{{}}' FROM generate_series(2, 3000) AS n;
INSERT INTO accounts (programme_id, kind, customer_id) SELECT {_P}, 'member', customer_id FROM members;
INSERT INTO entries (id, customer_id, account_id, counter, kind, source_id, points, occurred_at, sequence, hash)
SELECT 'ent_' || id, customer_id, id, 'issuance', 'accrual', 'src_' || id, 1, now(), 1, '' FROM accounts WHERE customer_id IS NOT NULL;
ANALYZE members; ANALYZE orders; ANALYZE occasions; ANALYZE awards; ANALYZE occasion_returns; ANALYZE programme_absences;
ANALYZE programme_versions; ANALYZE accounts; ANALYZE entries;
"""


async def test_the_indexes_are_used(database):
    # One test for all: filling the tables takes longer than asking for the plans.
    missed = {}
    async with database.acquire() as connection:
        await connection.execute(_FILL)
        for index, statement, values in _STATEMENTS:
            plan = await plan_of(connection, statement, values)
            if index not in plan:
                missed[index] = plan
    assert not missed, "\n\n".join(f"{index}:\n{plan}" for index, plan in missed.items())

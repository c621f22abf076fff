"""What is asked of one customer, or by a tag, needs an index however many others there are."""

import pytest

from customers.links import repository as links
from customers.merges import repository as merges
from customers.profiles import records
from customers.profiles import repository as profiles
from customers.provenance import repository as provenance
from shared.testing.databases import rolled_back
from shared.testing.plans import plan_of

_MOMENT = "'2100-01-01'"
_STATEMENTS = [
    ("ix_customers_owner_created_at_id", profiles._page_statement(("owner",), "created_at", False), "'o7', 20"),
    ("ix_customers_tags", profiles._page_statement(("tag",), "created_at", False), "'t7', 20"),
    ("ix_customers_interests", profiles._page_statement(("interest",), "created_at", False), "'i7', 20"),
    ("pk_customers", profiles._GET, "'cus_7'"),
    ("pk_customers", records._TRY_LOCK, "'cus_7'"),
    ("pk_customers", records._LOCK_MANY.format("id"), "ARRAY['cus_7']"),
    ("uq_customers_external_id", records._LOCK_MANY.format("external_id"), "ARRAY['7']"),
    ("ix_customers_root_id_id", records._LOCK_FAMILIES, "ARRAY['cus_7']"),
    ("ix_customers_root_id_id", links._FAMILY, "'cus_7'"),
    ("ix_customers_root_id_id", links._FAMILIES, "ARRAY['cus_7']"),
    ("pk_profile_changes", provenance._CHANGES, "ARRAY['cus_7']"),
    ("pk_profile_changes", provenance._CHANGES_AT, f"ARRAY['cus_7'], {_MOMENT}"),
    ("pk_profile_changes", provenance._HISTORY, "ARRAY['cus_7'], NULL, 9000, 'x', 20"),
    ("Index Cond: (merged_id =", provenance._LINKS, "ARRAY['cus_7']"),
    ("ix_merges_survivor_id", provenance._FAMILY_AT, f"'cus_7', {_MOMENT}"),
    ("ix_merges_merged_at_id", merges._page_statement(False, None, True), f"{_MOMENT}, 'x', 20"),
    ("ix_merges_merged_id", merges._page_statement(True, None, False), "ARRAY['cus_7'], 20"),
    ("ix_customers_merged_into", merges._UNLINK, "'cus_7', 'cus_8'"),
]


@pytest.fixture(scope="module")
async def filled(pools, service):
    async with pools.lend(service) as connection:
        await connection.execute(
            """
            INSERT INTO customers (id, kind, external_id, owner, tags, interests, created_at, root_id, merged_into)
            SELECT 'cus_' || n, 'individual', n::text, 'o' || n % 300, jsonb_build_array('t' || n % 300), jsonb_build_array('i' || n % 300),
                   now() - n * interval '1 minute', 'cus_' || CASE WHEN n > 1500 THEN n - 1500 ELSE n END,
                   CASE WHEN n > 1500 THEN 'cus_' || n - 1500 END
            FROM generate_series(1, 3000) AS n;
            INSERT INTO merges (id, survivor_id, merged_id, rules_version, merged_at)
            SELECT 'mrg_' || n, 'cus_' || n - 1500, 'cus_' || n, 0, now() FROM generate_series(1501, 3000) AS n;
            INSERT INTO profile_changes (customer_id, id, source, fields)
            SELECT 'cus_' || 1 + n % 3000, 'chg_' || n, 'api', '{"city": "x"}' FROM generate_series(1, 6000) AS n;
            ANALYZE customers; ANALYZE merges; ANALYZE profile_changes;
            SET LOCAL enable_seqscan = off;
            """
        )
        yield connection


@pytest.fixture
async def connection(filled):
    async with rolled_back(filled) as connection:
        yield connection


@pytest.mark.parametrize(("index", "statement", "values"), _STATEMENTS, ids=[f"{n}-{each[0]}" for n, each in enumerate(_STATEMENTS)])
async def test_the_index_is_used(connection, index, statement, values):
    plan = await plan_of(connection, statement, values)
    assert index in plan, plan
    assert "Seq Scan on" not in plan, plan

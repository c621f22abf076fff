"""Resolution, candidates and lists of pairs read by index, however many customers there are."""

import pytest

from customers.duplicates import marks
from customers.duplicates import repository as duplicates
from customers.identities import repository as identities
from customers.imports import matching, noting
from shared.testing.databases import rolled_back
from shared.testing.plans import plan_of

_QUERY = "'''@1@b.lv'''"
_STATEMENTS = [
    (
        ("ix_customers_email", "ix_customers_phone", "uq_customers_external_id", "ix_customer_identities_kind_value"),
        identities._HOLDERS,
        "ARRAY[0], ARRAY['email'], ARRAY['1@b.lv'], ARRAY[''], 101",
    ),
    (("pk_customers", "uq_customer_identities_customer_id", "pk_profile_changes"), identities._OF_RECORDS, "ARRAY['cus_1']"),
    (("ix_customers_search_document",), duplicates._CANDIDATES, f"ARRAY[0], ARRAY['cus_1'], ARRAY[{_QUERY}], ARRAY[101]"),
    (("ix_customers_root_id", "ix_customer_identities_kind_value"), duplicates._SHARING, "ARRAY['cus_1'], 101"),
    (("ix_duplicate_pairs_second_id", "uq_duplicate_pairs_first_id_second_id"), duplicates._REJECTED, "ARRAY['cus_1']"),
    (("ix_duplicate_pairs_status_score_id",), duplicates._PAGE, "'open', 50, 101, '', 21"),
    (("ix_duplicate_pairs_second_id", "uq_duplicate_pairs_first_id_second_id"), duplicates._OPEN, "ARRAY['cus_1']"),
    (("ix_duplicate_pairs_second_id",), duplicates._DROP, "ARRAY['cus_1'], ARRAY['cus_10']"),
    (("ix_duplicate_pairs_second_id",), duplicates._DROP_OTHERS, "ARRAY['cus_10'], ARRAY['cus_1'], ARRAY['cus_11']"),
    (("ix_duplicate_pairs_second_id", "uq_duplicate_pairs_first_id_second_id"), duplicates._ERASE, "ARRAY['cus_1']"),
    (("ix_duplicate_checks_marked_at_customer_id", "pk_duplicate_checks"), marks._TAKE, "20"),
    (("pk_customers", "pk_duplicate_checks"), marks._MARK, "ARRAY['cus_1']"),
    (("ix_customer_identities_kind_value", "pk_customers"), matching._FURTHER, "ARRAY['1'], 'card', 'shop'"),
    (("uq_attribute_values_name_value", "pk_customers"), matching._BY_ATTRIBUTE, "ARRAY['1'], 'passport'"),
    (("pk_customers", "ix_customers_root_id", "uq_customer_identities_customer_id"), noting._KEPT, "ARRAY['cus_1']"),
    (("uq_customer_identities_customer_id",), noting._FORGET, "ARRAY['cus_1'], 'imp_1'"),
    (("uq_customer_identities_customer_id",), noting._TAKE_BACK, "ARRAY['cus_1'], 'imp_1'"),
    (("pk_customers",), duplicates._NEXT_PERSONS, "'cus_5', 100"),
]


@pytest.fixture(scope="module")
async def filled(pools, service):
    async with pools.lend(service) as connection:
        await connection.execute(
            """
            INSERT INTO customers (id, root_id, kind, external_id, search_name, email, phone)
            SELECT 'cus_' || n, 'cus_' || n, 'individual', n::text, ' name ' || md5(n::text), n || '@b.lv', '+371' || n
            FROM generate_series(1, 3000) AS n;
            INSERT INTO customer_identities (id, customer_id, kind, value, source)
            SELECT 'idn_' || n, 'cus_' || n, 'card', n::text, '' FROM generate_series(1, 3000) AS n;
            INSERT INTO duplicate_pairs (id, first_id, second_id, score, reasons, status, decided_at)
            SELECT 'dup_' || n || '_' || m, 'cus_' || n, 'cus_' || n || m, 50 + n % 50, '[]', CASE m WHEN 0 THEN 'open' ELSE 'rejected' END,
                CASE m WHEN 0 THEN NULL ELSE now() END
            FROM generate_series(1, 299) AS n, generate_series(0, 5) AS m;
            INSERT INTO attribute_values (name, value, customer_id, is_unique)
            SELECT 'passport', to_jsonb(n), 'cus_' || n, true FROM generate_series(1, 3000) AS n;
            INSERT INTO duplicate_checks (customer_id, marked_at)
            SELECT 'cus_' || n, now() - n * interval '1 s' FROM generate_series(1, 3000) AS n;
            ANALYZE customers; ANALYZE customer_identities; ANALYZE duplicate_pairs; ANALYZE duplicate_checks; ANALYZE attribute_values;
            SET LOCAL enable_seqscan = off;
            """
        )
        yield connection


@pytest.fixture
async def connection(filled):
    async with rolled_back(filled) as connection:
        yield connection


@pytest.mark.parametrize(("indexes", "statement", "values"), _STATEMENTS, ids=[each[0][0] for each in _STATEMENTS])
async def test_the_indexes_are_used(connection, indexes, statement, values):
    plan = await plan_of(connection, statement, values)
    assert [index for index in indexes if index not in plan] == [], plan
    assert "Seq Scan" not in plan

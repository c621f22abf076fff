"""Each index serves the query that it was made for."""

import pytest

from customers.orders import lists
from customers.orders import repository as orders
from customers.profiles import repository as profiles
from customers.search import repository as search
from shared.testing.databases import rolled_back
from shared.testing.plans import plan_of

_STATEMENTS = [
    ("ix_customers_created_at_id", profiles._page_statement((), "created_at", True), "now(), 'x', 20"),
    ("ix_customers_created_at_id", profiles._page_statement((), "-created_at", True), "now(), 'x', 20"),
    ("ix_customers_search_name_id", profiles._page_statement((), "name", True), "'x', 'x', 20"),
    ("ix_customers_country_created_at_id", profiles._page_statement(("country",), "created_at", False), "'LV', 20"),
    ("ix_customers_language_created_at_id", profiles._page_statement(("language",), "created_at", False), "'lv', 20"),
    ("ix_customers_city_created_at_id", profiles._page_statement(("city",), "created_at", False), "'Riga', 20"),
    ("ix_customers_email", profiles._page_statement(("email",), "created_at", False), "'a@b.lv', 20"),
    ("ix_customers_phone", profiles._page_statement(("phone",), "created_at", False), "'+371', 20"),
    ("uq_customers_external_id", profiles._page_statement(("external_id",), "created_at", False), "'x', 20"),
    ("ix_customers_search_document", profiles._page_statement(("document",), "created_at", False), "'''anna'':* & ''berz''', 20"),
    (
        "ix_customers_search_document",
        profiles._page_statement(("rare_document", "whole_document"), "created_at", True),
        "'''anna''', '''anna''&''be'':*', now() - interval '1 year', 'x', 20",
    ),
    ("ix_customers_created_at_id", profiles._walk_statement((), "created_at", True), "now(), 'x', 10000, '''anna'':*', 20"),
    ("ix_customers_created_at_id", profiles._walk_statement((), "-created_at", False), "10000, '''anna'':*', 20"),
    ("ix_customers_search_name_id", profiles._walk_statement((), "name", False), "10000, '''anna'':*', 20"),
    ("ix_customers_search_document", search._FORGET, "ARRAY['anna'], ARRAY['cus_1']"),
    ("ix_name_words_word", search._BEGINNING, "ARRAY['anna'], 60"),
    ("Tid Range Scan on name_words", search._TIDY, "0"),
    ("ix_orders_customer_id_placed_at_id", lists._OF_FAMILY_AFTER, "ARRAY['cus'], 20, now(), 'x'"),
    ("ix_orders_placed_at_id", lists.page_statement((), is_first=False), "now(), 'x', 20"),
    ("ix_orders_status_placed_at_id", lists.page_statement(("status",), is_first=False), "'paid', now(), 'x', 20"),
    ("ix_orders_channel_placed_at_id", lists.page_statement(("channel",), is_first=False), "'web', now(), 'x', 20"),
    ("ix_orders_shop_placed_at_id", lists.page_statement(("shop",), is_first=False), "'s7', now(), 'x', 20"),
    ("ix_order_lines_sku_placed_at_order_id", lists.page_statement(("sku",), is_first=False), "'s7', now(), 'x', 20"),
    ("ix_order_lines_category_placed_at_order_id", lists.page_statement(("category",), is_first=False), "'c7', now(), 'x', 20"),
    ("uq_orders_external_id", orders._GET_BY_EXTERNAL_ID, "'x'"),
    ("uq_order_returns_order_id", orders._RETURNS, "'x'"),
]


@pytest.fixture(scope="module")
async def filled(pools, service):
    async with pools.lend(service) as connection:
        await connection.execute(
            """
            INSERT INTO customers (id, kind, external_id, name, search_name, email, phone, country, language, city, created_at, root_id)
            SELECT 'cus_' || n, 'individual', n::text, n::text, ' name ' || md5(n::text), n || '@b.lv', '+371' || n,
                   chr(65 + n % 26) || 'V', n::text, n::text, now() - n * interval '1 minute', 'cus_' || n
            FROM generate_series(1, 3000) AS n;
            INSERT INTO orders (id, external_id, customer_id, placed_at, currency, amount_minor, total_minor, lines, channel, shop, status)
            SELECT 'ord_' || n, n::text, 'cus_' || 1 + n % 300, now() - n * interval '1 day', 'EUR', 1, 1, '[1]', 'c' || n, 's' || n,
                   CASE WHEN n % 100 = 0 THEN 'paid' ELSE 'placed' END
            FROM generate_series(1, 3000) AS n;
            INSERT INTO order_lines (order_id, number, sku, category, placed_at)
            SELECT 'ord_' || n, 1, 's' || n % 100, 'c' || n % 100, now() - n * interval '1 day' FROM generate_series(1, 3000) AS n;
            ANALYZE order_lines;
            ANALYZE customers; ANALYZE orders;
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


@pytest.mark.parametrize("beyond", ["", ", now() - interval '1 year', 'x'"])
async def test_a_narrowed_search_needs_no_plan_of_its_own(connection, beyond):
    # Whatever the words are: it is planned once for all of them, and never walks the list.
    statement = profiles._page_statement(("rare_document", "whole_document"), "created_at", bool(beyond))
    await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    assert "ix_customers_search_document" in await plan_of(connection, statement, f"'anna', 'anna & be:*'{beyond}, 20")

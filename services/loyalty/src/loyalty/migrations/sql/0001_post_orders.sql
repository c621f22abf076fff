-- Posts a batch of orders, each named once, and returns the entries made: what each member earned, and the number of the event that tells of it.
-- An order that is known already makes none; one that earns nothing is remembered. Every join follows an index, so one plan serves 1 and 1,000.
-- Whoever writes about a member holds his row's lock, so what is not known after taking it is not known to anybody.
CREATE FUNCTION post_orders(
    programme text, order_ids text[], customers text[], moments timestamptz[], amounts bigint[], entry_ids text[]
) RETURNS TABLE (kind text, entry_id text, customer_id text, order_id text, points bigint, occurred_at timestamptz, sequence bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM ensure_members(programme, customers);
    IF EXISTS (
        SELECT FROM unnest(order_ids, customers, moments, amounts) AS told (order_id, customer_id, placed_at, amount_minor)
        JOIN orders AS known ON known.order_id = told.order_id
        WHERE (known.customer_id, known.placed_at, known.amount_minor) <> (told.customer_id, told.placed_at, told.amount_minor)
    ) THEN
        RAISE EXCEPTION 'an order is told in two ways' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN QUERY
    WITH fresh AS MATERIALIZED (
        SELECT told.*, rate.version, points_for(told.amount_minor, rate.numerator, rate.denominator) AS points
        FROM unnest(order_ids, customers, moments, amounts, entry_ids) WITH ORDINALITY
            AS told (order_id, customer_id, placed_at, amount_minor, entry_id, place)
        CROSS JOIN LATERAL (
            SELECT version, numerator, denominator FROM programme_rates
            WHERE programme_id = programme AND effective_from <= told.placed_at ORDER BY effective_from DESC LIMIT 1
        ) AS rate
        WHERE NOT EXISTS (SELECT FROM orders WHERE orders.order_id = told.order_id)
    ), earned AS MATERIALIZED (
        SELECT fresh.*, 'lot_' || substr(entry_id, 5) AS lot_id, wallet.id AS account_id,
               members.version + row_number() OVER (PARTITION BY fresh.customer_id ORDER BY place) AS sequence
        FROM fresh
        JOIN members ON members.customer_id = fresh.customer_id
        JOIN accounts AS wallet ON wallet.customer_id = fresh.customer_id AND wallet.programme_id = programme
        WHERE points > 0
    ), remembered AS (
        INSERT INTO orders (order_id, customer_id, programme_id, rate_version, placed_at, amount_minor, lot_id)
        SELECT order_id, customer_id, programme, version, placed_at, amount_minor, CASE WHEN points > 0 THEN 'lot_' || substr(entry_id, 5) END
        FROM fresh
    ), numbered AS (
        UPDATE members SET version = last.sequence
        FROM (SELECT customer_id, max(sequence) AS sequence FROM earned GROUP BY customer_id) AS last
        WHERE members.customer_id = last.customer_id
    ), entered AS (
        INSERT INTO entries (id, customer_id, kind, source_id, order_id, points, rate_version, occurred_at)
        SELECT entry_id, customer_id, 'accrual', order_id, order_id, points, version, placed_at FROM earned
    ), posted AS (
        INSERT INTO postings (entry_id, account_id, points)
        SELECT entry_id, leg.account_id, leg.points
        FROM (SELECT id FROM accounts WHERE programme_id = programme AND kind = 'issuance') AS issuance, earned,
             LATERAL (VALUES (earned.account_id, earned.points), (issuance.id, -earned.points)) AS leg (account_id, points)
    ), opened AS (
        INSERT INTO lots (id, account_id, entry_id, granted, remaining, earned_at)
        SELECT lot_id, account_id, entry_id, points, points, placed_at FROM earned
    )
    SELECT 'accrual', entry_id, customer_id, order_id, points, placed_at, sequence FROM earned ORDER BY place;
END $$;

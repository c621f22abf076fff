-- Posts a batch of returns, each named once, and of the orders they belong to; returns the entries made, as post_orders does.
-- An order keeps the points of what was not returned, so the returns of an order may come in any order and split.
-- A return tells its order's amount and date: an order that is not known yet is posted first, and changes nothing when it arrives itself.
CREATE FUNCTION post_returns(
    programme text, order_ids text[], customers text[], moments timestamptz[], amounts bigint[], accrual_ids text[],
    return_ids text[], returned_orders text[], returned_moments timestamptz[], returned_amounts bigint[], entry_ids text[]
) RETURNS TABLE (kind text, entry_id text, customer_id text, order_id text, points bigint, occurred_at timestamptz, sequence bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT * FROM post_orders(programme, order_ids, customers, moments, amounts, accrual_ids);
    IF EXISTS (
        SELECT FROM unnest(return_ids, returned_orders, returned_amounts) AS told (return_id, order_id, amount_minor)
        JOIN order_returns AS known ON known.return_id = told.return_id
        WHERE (known.order_id, known.amount_minor) <> (told.order_id, told.amount_minor)
    ) THEN
        RAISE EXCEPTION 'a return is told in two ways' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN QUERY
    WITH fresh AS MATERIALIZED (
        SELECT told.*, sum(amount_minor) OVER (PARTITION BY order_id ORDER BY place)::bigint AS running_minor
        FROM unnest(return_ids, returned_orders, returned_moments, returned_amounts, entry_ids) WITH ORDINALITY
            AS told (return_id, order_id, returned_at, amount_minor, entry_id, place)
        WHERE NOT EXISTS (SELECT FROM order_returns WHERE order_returns.return_id = told.return_id)
    ), stepped AS MATERIALIZED (
        SELECT fresh.*, bought.customer_id, bought.lot_id, bought.rate_version,
               points_for(bought.amount_minor - bought.returned_minor - running_minor + fresh.amount_minor, rate.numerator, rate.denominator)
               - points_for(bought.amount_minor - bought.returned_minor - running_minor, rate.numerator, rate.denominator) AS points
        FROM fresh
        JOIN orders AS bought ON bought.order_id = fresh.order_id
        JOIN programme_rates AS rate ON rate.programme_id = bought.programme_id AND rate.version = bought.rate_version
    ), taken AS MATERIALIZED (
        SELECT stepped.*, wallet.id AS account_id,
               members.version + row_number() OVER (PARTITION BY stepped.customer_id ORDER BY place) AS sequence
        FROM stepped
        JOIN members ON members.customer_id = stepped.customer_id
        JOIN accounts AS wallet ON wallet.customer_id = stepped.customer_id AND wallet.programme_id = programme
        WHERE points > 0
    ), remembered AS (
        INSERT INTO order_returns (return_id, order_id, amount_minor, returned_at)
        SELECT return_id, order_id, amount_minor, returned_at FROM fresh
    ), added AS (
        UPDATE orders SET returned_minor = returned_minor + total.amount_minor
        FROM (SELECT order_id, max(running_minor) AS amount_minor FROM fresh GROUP BY order_id) AS total
        WHERE orders.order_id = total.order_id
    ), numbered AS (
        UPDATE members SET version = last.sequence
        FROM (SELECT customer_id, max(sequence) AS sequence FROM taken GROUP BY customer_id) AS last
        WHERE members.customer_id = last.customer_id
    ), entered AS (
        INSERT INTO entries (id, customer_id, kind, source_id, order_id, points, rate_version, occurred_at)
        SELECT entry_id, customer_id, 'reversal', return_id, order_id, -points, rate_version, returned_at FROM taken
    ), posted AS (
        INSERT INTO postings (entry_id, account_id, points)
        SELECT entry_id, leg.account_id, leg.points
        FROM (SELECT id FROM accounts WHERE programme_id = programme AND kind = 'issuance') AS issuance, taken,
             LATERAL (VALUES (taken.account_id, -taken.points), (issuance.id, taken.points)) AS leg (account_id, points)
    ), drawn AS (
        INSERT INTO lot_draws (entry_id, lot_id, points) SELECT entry_id, lot_id, points FROM taken
    ), lessened AS (
        UPDATE lots SET remaining = remaining - total.points
        FROM (SELECT lot_id, sum(points)::bigint AS points FROM taken GROUP BY lot_id) AS total
        WHERE lots.id = total.lot_id
    )
    SELECT 'reversal', entry_id, customer_id, order_id, points, returned_at, sequence FROM taken ORDER BY place;
END $$;

DROP FUNCTION post_orders;
--;;
-- As the first version, and each entry joins its member's chain, each wallet knows its sum, and what a member owes is paid first.
CREATE FUNCTION post_orders(
    programme text, order_ids text[], customers text[], moments timestamptz[], amounts bigint[], entry_ids text[],
    told_at timestamptz DEFAULT NULL
) RETURNS TABLE (kind text, entry_id text, customer_id text, order_id text, points bigint, occurred_at timestamptz, sequence bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    IF is_put_off() THEN
        PERFORM lock_pools(customers);
    END IF;
    PERFORM ensure_members(programme, customers);
    told_at := coalesce(told_at, clock_timestamp());
    IF EXISTS (
        SELECT FROM unnest(order_ids, customers, moments, amounts) AS told (order_id, customer_id, placed_at, amount_minor)
        JOIN orders AS known ON known.order_id = told.order_id
        WHERE (known.customer_id, known.placed_at, known.amount_minor) <> (told.customer_id, told.placed_at, told.amount_minor)
    ) THEN
        RAISE EXCEPTION 'an order is told in two ways' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN QUERY
    WITH fresh AS MATERIALIZED (
        SELECT told.*, rate.version, points_for(told.amount_minor, rate.numerator, rate.denominator) AS points,
               coalesce(expires_after(policy, told.placed_at), 'infinity') AS expires_at,
               CASE WHEN policy.kind = 'activity' THEN policy.version ELSE 0 END AS expiry_version
        FROM unnest(order_ids, customers, moments, amounts, entry_ids) WITH ORDINALITY
            AS told (order_id, customer_id, placed_at, amount_minor, entry_id, place)
        CROSS JOIN LATERAL (
            SELECT version, numerator, denominator FROM programme_rates
            WHERE programme_id = programme AND effective_from <= told.placed_at ORDER BY effective_from DESC LIMIT 1
        ) AS rate
        LEFT JOIN LATERAL expiry_policy_at(programme, told.placed_at) AS policy ON true
        WHERE NOT EXISTS (SELECT FROM orders WHERE orders.order_id = told.order_id)
    ), numbered AS (
        SELECT fresh.*, 'lot_' || substr(entry_id, 5) AS lot_id, wallet.id AS account_id, chain_hash,
               members.version + row_number() OVER (PARTITION BY fresh.customer_id ORDER BY place) AS sequence
        FROM fresh
        JOIN members ON members.customer_id = fresh.customer_id
        JOIN accounts AS wallet ON wallet.customer_id = fresh.customer_id AND wallet.programme_id = programme AND wallet.wallet = 'points'
        WHERE points > 0
    ), earned AS MATERIALIZED (
        SELECT numbered.*, chained(chain_hash, entry_content(
            entry_id, account_id, customer_id, 'accrual', order_id, order_id, points, 'issuance', version, NULL, NULL, placed_at, told_at,
            sequence, lot_content(lot_id, points, placed_at, '-infinity', expires_at, expiry_version)
        )) OVER (PARTITION BY customer_id ORDER BY place) AS hash
        FROM numbered
    ), remembered AS (
        INSERT INTO orders (order_id, customer_id, programme_id, rate_version, placed_at, amount_minor, lot_id)
        SELECT order_id, customer_id, programme, version, placed_at, amount_minor, CASE WHEN points > 0 THEN 'lot_' || substr(entry_id, 5) END
        FROM fresh
    ), moved AS (
        UPDATE members SET version = last.sequence, chain_hash = last.hash
        FROM (SELECT DISTINCT ON (customer_id) customer_id, sequence, hash FROM earned ORDER BY customer_id, sequence DESC) AS last
        WHERE members.customer_id = last.customer_id
    ), summed AS (
        UPDATE accounts SET balance = balance + total.points, lifetime = lifetime + total.points
        FROM (SELECT account_id, sum(points)::bigint AS points FROM earned GROUP BY account_id) AS total
        WHERE accounts.id = total.account_id
    ), entered AS (
        INSERT INTO entries (id, account_id, customer_id, kind, source_id, order_id, points, counter, rate_version,
                             occurred_at, recorded_at, sequence, hash)
        SELECT entry_id, account_id, customer_id, 'accrual', order_id, order_id, points, 'issuance', version, placed_at, told_at, sequence, hash
        FROM earned
    ), posted AS (
        INSERT INTO postings (entry_id, account_id, points)
        SELECT entry_id, leg.account_id, leg.points
        FROM (SELECT id FROM accounts WHERE programme_id = programme AND wallet = 'points' AND kind = 'issuance' AND customer_id IS NULL) AS issuance, earned,
             LATERAL (VALUES (earned.account_id, earned.points), (issuance.id, -earned.points)) AS leg (account_id, points)
    ), opened AS (
        INSERT INTO lots (id, account_id, entry_id, granted, remaining, earned_at, expires_at, expiry_version)
        SELECT lot_id, account_id, entry_id, points, points, placed_at, expires_at, expiry_version FROM earned
    )
    SELECT 'accrual', entry_id, customer_id, order_id, points, placed_at, sequence FROM earned ORDER BY place;
    -- Mostly nobody owes anything. The least is looked up in its index; whether any exists could be planned as a scan of all lots.
    IF (SELECT min(account_id) FROM lots WHERE remaining < 0) IS NOT NULL THEN
        PERFORM settle_overdrafts(entry_ids, told_at);
    END IF;
    IF is_put_off() THEN
        PERFORM watch_expiries(entry_ids);
        RETURN QUERY
        SELECT back.kind, back.entry_id, back.customer_id, NULL::text, abs(back.points), back.occurred_at, back.sequence
        FROM revive_lots(customers, moments, told_at) AS back;
    END IF;
END $$;

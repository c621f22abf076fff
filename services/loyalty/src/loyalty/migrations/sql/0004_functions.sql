-- What counts for the tiers of customers' families, as flat rows: `now` (the instant looked at), `start` (enrolled), `order`, `return`,
-- `cancel`, `points` and the wallet, `override`. Without an instant it is the present.
CREATE FUNCTION tier_histories(
    programme text, with_orders boolean, wallet_codes text[], customers text[], valid_at timestamptz, known_at timestamptz
) RETURNS TABLE (root text, kind text, source text, counts_at timestamptz, happened_at timestamptz, amount bigint) LANGUAGE sql STABLE AS $$
    WITH moment AS (
        SELECT coalesce(valid_at, clock_timestamp()) AS moment
    ), people AS MATERIALIZED (
        SELECT DISTINCT family[1] AS root, member FROM unnest(customers) AS asked, family_of(asked) AS family, unnest(family) AS member
    ), bought AS (
        SELECT root, moment, orders.* FROM moment, people JOIN orders ON customer_id = member
        WHERE with_orders AND placed_at <= moment AND orders.recorded_at <= known_at
    )
    SELECT DISTINCT root, 'now', '', moment, moment, 0::bigint FROM people, moment
    UNION ALL
    SELECT root, 'start', '', min(enrolled_at), min(enrolled_at), 0 FROM moment, people JOIN members ON customer_id = member
    WHERE enrolled_at <= moment AND members.recorded_at <= known_at GROUP BY root
    UNION ALL
    SELECT root, 'order', order_id, placed_at, placed_at, amount_minor FROM bought
    UNION ALL
    SELECT root, 'cancel', order_id, placed_at, cancelled_at, 0 FROM bought
    WHERE cancelled_at <= moment AND cancellation_recorded_at <= known_at
    UNION ALL
    SELECT root, 'return', order_id, placed_at, returned_at, order_returns.amount_minor FROM bought JOIN order_returns USING (order_id)
    WHERE returned_minor > 0 AND returned_at <= moment AND order_returns.recorded_at <= known_at
    UNION ALL
    SELECT root, 'points:' || wallet, entries.id, coalesce(least(placed_at, occurred_at), occurred_at), occurred_at, points
    FROM moment, people JOIN accounts ON accounts.customer_id = member AND accounts.programme_id = programme AND wallet = ANY (wallet_codes)
    JOIN entries ON entries.customer_id = member AND account_id = accounts.id
    LEFT JOIN orders ON entries.kind = 'reversal' AND orders.order_id = entries.order_id
    WHERE entries.kind IN ('accrual', 'reversal', 'adjustment') AND occurred_at <= moment AND entries.recorded_at <= known_at
    UNION ALL
    SELECT root, 'override', coalesce(tier, ''), set_at, coalesce(until, '9999-01-01'), 0
    FROM moment, people JOIN tier_overrides ON customer_id = member
    WHERE programme_id = programme AND set_at <= moment AND set_at <= known_at
$$;
--;;
-- The same at present, with what is booked, once the standings of the families are locked, in one order: what another batch told meanwhile
-- of the same family is seen.
CREATE FUNCTION lock_tier_histories(programme text, with_orders boolean, wallet_codes text[], customers text[])
RETURNS TABLE (root text, kind text, source text, counts_at timestamptz, happened_at timestamptz, amount bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    roots text[] := ARRAY(SELECT DISTINCT (family_of(asked))[1] AS root FROM unnest(customers) AS asked ORDER BY root);
BEGIN
    INSERT INTO tier_standings (programme_id, customer_id) SELECT programme, one FROM unnest(roots) AS one ON CONFLICT DO NOTHING;
    PERFORM FROM tier_standings WHERE programme_id = programme AND customer_id = ANY (roots) ORDER BY customer_id FOR UPDATE;
    RETURN QUERY
    SELECT * FROM tier_histories(programme, with_orders, wallet_codes, customers, NULL, 'infinity')
    UNION ALL
    SELECT customer_id, 'booked', coalesce(tier, ''), changed_at, changed_at, 0 FROM tier_changes
    WHERE programme_id = programme AND customer_id = ANY (roots) AND superseded_at IS NULL
    UNION ALL
    SELECT customer_id, 'told', coalesce(told_tier, ''), since, until, sequence FROM tier_standings
    WHERE programme_id = programme AND customer_id = ANY (roots)
    UNION ALL
    SELECT customer_id, 'kept', coalesce(falls_to, ''), NULL, NULL, scheme_version FROM tier_standings
    WHERE programme_id = programme AND customer_id = ANY (roots);
END $$;

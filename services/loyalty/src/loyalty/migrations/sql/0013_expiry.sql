DROP FUNCTION exempt_spans;
--;;
-- As the first version; each column says whose it is.
CREATE FUNCTION exempt_spans(programme text, customers text[], tier_codes text[], known_at timestamptz)
RETURNS TABLE (begins_at timestamptz, ends_at timestamptz) LANGUAGE sql STABLE AS $$
    SELECT told.changed_at, told.until FROM (
        SELECT changes.tier, changes.changed_at, coalesce(
            lead(changes.changed_at) OVER (PARTITION BY changes.customer_id ORDER BY changes.changed_at, changes.recorded_at),
            CASE WHEN NOT coalesce(standing.falls_to = ANY (tier_codes), false) THEN standing.until END,
            'infinity'
        ) AS until
        FROM tier_changes AS changes LEFT JOIN tier_standings AS standing
            ON (standing.programme_id, standing.customer_id, standing.tier) = (changes.programme_id, changes.customer_id, changes.tier)
        WHERE changes.programme_id = programme AND changes.customer_id = ANY (customers)
          AND (known_at = 'infinity' AND changes.superseded_at IS NULL
               OR changes.recorded_at <= known_at AND coalesce(changes.superseded_at > known_at, true))
    ) AS told WHERE told.tier = ANY (tier_codes)
$$;
--;;
-- What lot_expiry says of each lot, of many at once and in a few scans. Signs are what puts the end off: activity, and a stay in a tier in
-- which nothing expires, which counts from its beginning as activity at its end. Signs of a family that follow each other before the
-- points of the one before would have lapsed are a chain; a lot lasts as long as the chain that has begun before its own end, if it has.
-- Planned anew for each call, because one asks for a few lots or for all there are.
CREATE FUNCTION lot_expiries(lot_ids text[], moment timestamptz, known_at timestamptz DEFAULT 'infinity')
RETURNS TABLE (lot_id text, expires_at timestamptz) LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT lots.id, lots.expires_at, expiry_version, programme_id, coalesce(root_id, accounts.customer_id) AS root
        FROM unnest(lot_ids) AS asked (id) JOIN lots ON lots.id = asked.id JOIN accounts ON accounts.id = account_id
        LEFT JOIN customer_links ON customer_links.customer_id = accounts.customer_id
    ), families AS MATERIALIZED (
        -- What lies longer before their first end than the policy's time, and some days for months and zones, puts off none of them.
        SELECT row_number() OVER () AS family, root, programme_id, expiry_version, exempt_tiers, min(expires_at) - units * CASE unit
            WHEN 'day' THEN interval '1 day' WHEN 'month' THEN interval '1 month' WHEN 'quarter' THEN interval '3 months'
            ELSE interval '1 year' END - interval '7 days' AS since
        FROM asked JOIN expiry_policies AS policy USING (programme_id) WHERE policy.version = expiry_version
        GROUP BY root, programme_id, expiry_version, exempt_tiers, unit, units
    ), active AS MATERIALIZED (
        SELECT families.*, root AS customer_id FROM families
        UNION ALL
        SELECT families.*, customer_id FROM families JOIN customer_links ON root_id = root WHERE customer_id <> root
    ), signs AS (
        SELECT family, occurred_at AS begins_at, occurred_at AS ends_at
        FROM active JOIN entries USING (customer_id) JOIN accounts USING (programme_id)
        WHERE accounts.id = account_id AND occurred_at BETWEEN since AND moment AND entries.kind IN ('accrual', 'redemption')
          AND (known_at = 'infinity' OR recorded_at <= known_at)
        UNION
        SELECT family, placed_at, placed_at FROM active JOIN orders USING (customer_id)
        WHERE placed_at BETWEEN since AND moment AND (known_at = 'infinity' OR recorded_at <= known_at)
        UNION
        SELECT family, begins_at, CASE WHEN ends_at > moment THEN 'infinity' ELSE ends_at END
        FROM active CROSS JOIN LATERAL exempt_spans(programme_id, ARRAY[customer_id], exempt_tiers, known_at)
        WHERE exempt_tiers <> '{}' AND begins_at <= moment
    ), lasting AS (
        SELECT family, begins_at, expires_after(policy, latest) AS until
        FROM (SELECT family, begins_at, max(ends_at) OVER (PARTITION BY family ORDER BY begins_at) AS latest FROM signs) AS signs
        JOIN families USING (family) JOIN expiry_policies AS policy USING (programme_id) WHERE policy.version = expiry_version
    ), links AS (
        SELECT lasting.*, lag(until) OVER (PARTITION BY family ORDER BY begins_at) AS until_then,
               max(until) OVER (PARTITION BY family) AS until_at_last
        FROM lasting
    ), chains AS (
        SELECT family, begins_at, coalesce(lead(until_then) OVER (PARTITION BY family ORDER BY begins_at), until_at_last) AS until
        FROM links WHERE until_then IS NULL OR until_then <= begins_at
    )
    SELECT id, greatest(at, until) FROM (
        -- A chain that begins at the very end of a lot comes too late, and so after it.
        SELECT id, at, max(until) OVER (PARTITION BY family ORDER BY at, id IS NULL) AS until FROM (
            SELECT family, expires_at AS at, id, NULL::timestamptz AS until
            FROM asked LEFT JOIN families USING (root, programme_id, expiry_version)
            UNION ALL
            SELECT family, begins_at, NULL, until FROM chains
        ) AS told
    ) AS told WHERE id IS NOT NULL;
END $$;

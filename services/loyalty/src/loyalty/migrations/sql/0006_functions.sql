-- When a family was in one of these tiers, as far as it was told until an instant; what ends with time ends then, booked or not.
CREATE FUNCTION exempt_spans(programme text, customers text[], tier_codes text[], known_at timestamptz)
RETURNS TABLE (begins_at timestamptz, ends_at timestamptz) LANGUAGE sql STABLE AS $$
    SELECT changed_at, until FROM (
        SELECT tier_changes.tier, changed_at, coalesce(
            lead(changed_at) OVER (PARTITION BY tier_changes.customer_id ORDER BY changed_at, tier_changes.recorded_at),
            CASE WHEN NOT coalesce(falls_to = ANY (tier_codes), false) THEN standing.until END,
            'infinity'
        ) AS until
        FROM tier_changes LEFT JOIN tier_standings AS standing
            ON (standing.programme_id, standing.customer_id, standing.tier)
             = (tier_changes.programme_id, tier_changes.customer_id, tier_changes.tier)
        WHERE tier_changes.programme_id = programme AND tier_changes.customer_id = ANY (customers)
          AND (known_at = 'infinity' AND superseded_at IS NULL
               OR tier_changes.recorded_at <= known_at AND coalesce(superseded_at > known_at, true))
    ) AS told WHERE tier = ANY (tier_codes)
$$;

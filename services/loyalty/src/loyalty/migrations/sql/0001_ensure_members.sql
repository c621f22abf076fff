-- Makes the members and wallets that are missing, and locks all of them in one order, so that two batches never wait for each other in a ring.
CREATE FUNCTION ensure_members(programme text, wanted text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH made AS (
        INSERT INTO members (customer_id)
        SELECT DISTINCT customer FROM unnest(wanted) AS customer ORDER BY customer
        ON CONFLICT DO NOTHING
        RETURNING customer_id
    )
    INSERT INTO accounts (programme_id, kind, customer_id) SELECT programme, 'member', customer_id FROM made;
    PERFORM FROM members WHERE customer_id = ANY (wanted) ORDER BY customer_id FOR UPDATE;
END $$;
--;;
-- Whole points only, never rounded up; an amount below zero earns nothing. The twin of loyalty.ledger.rules.points_for.
CREATE FUNCTION points_for(amount_minor bigint, numerator bigint, denominator bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN greatest(amount_minor, 0) * numerator / denominator;

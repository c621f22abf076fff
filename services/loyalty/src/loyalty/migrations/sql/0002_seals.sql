-- Seals the chains that have grown since the last seal: their last hashes become leaves, and the root covers them and the root before.
-- An entry is looked for by when it was told; what was told earlier and is committed only now is within the hour that is looked at again.
CREATE FUNCTION seal_chains() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    last seals%ROWTYPE;
    grown bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('loyalty.seals'));
    SELECT * INTO last FROM seals ORDER BY number DESC LIMIT 1;
    WITH leaves AS (
        INSERT INTO seal_leaves (seal_number, customer_id, sequence, hash)
        SELECT coalesce(last.number, 0) + 1, customer_id, version, chain_hash
        FROM (
            SELECT DISTINCT customer_id FROM entries WHERE recorded_at >= coalesce(last.sealed_at, '-infinity') - interval '1 hour'
        ) AS touched
        JOIN members USING (customer_id)
        WHERE chain_hash IS DISTINCT FROM (
            SELECT hash FROM seal_leaves WHERE seal_leaves.customer_id = touched.customer_id ORDER BY sequence DESC LIMIT 1
        )
        RETURNING customer_id, sequence, hash
    ), rooted AS (
        SELECT count(*) AS chains, string_agg(sha256(convert_to(ROW(customer_id, sequence)::text, 'UTF8') || hash), '' ORDER BY customer_id) AS joined
        FROM leaves
    )
    INSERT INTO seals (number, sealed_at, chains, root)
    SELECT coalesce(last.number, 0) + 1, clock_timestamp(), chains, sha256(
        coalesce(last.root, '') || convert_to(concat_ws('|', coalesce(last.number, 0) + 1, chains), 'UTF8') || joined
    )
    FROM rooted WHERE chains > 0
    RETURNING chains INTO grown;
    RETURN CASE WHEN grown > 0 THEN coalesce(last.number, 0) + 1 END;
END $$;

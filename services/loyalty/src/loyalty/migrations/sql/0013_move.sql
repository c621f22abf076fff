DROP FUNCTION book_expiries;
--;;
-- As the first version; all that a pass books is one statement. Whoever got something to book while it waited for the locks is booked next.
CREATE FUNCTION book_expiries(many integer, told_at timestamptz)
RETURNS TABLE (entry_id text, customer_id text, wallet text, points bigint, occurred_at timestamptz, sequence bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    watched bigint[];
    locked text[];
BEGIN
    told_at := coalesce(told_at, clock_timestamp());
    watched := ARRAY(SELECT account_id FROM expiry_watches WHERE due_at <= told_at ORDER BY due_at LIMIT many);
    locked := ARRAY(
        SELECT customer_id FROM members WHERE customer_id IN (
            SELECT due.customer_id FROM due_lots(many, '{}', told_at) AS due
            UNION SELECT accounts.customer_id FROM accounts WHERE id = ANY (watched)
        ) ORDER BY customer_id FOR UPDATE
    );
    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT due.*, new_id('ent') AS entry_id
        FROM due_lots(many, watched, told_at) WITH ORDINALITY
            AS due (lot_id, account_id, customer_id, wallet, points, lapsed_at, place)
        WHERE customer_id = ANY (locked)
    ), numbered AS (
        SELECT due.*, 'exp_' || substr(entry_id, 5) AS source_id, chain_hash,
               members.version + row_number() OVER (PARTITION BY customer_id ORDER BY place) AS sequence
        FROM due JOIN members USING (customer_id)
    ), expired AS MATERIALIZED (
        SELECT numbered.*, chained(chain_hash, entry_content(
            entry_id, account_id, customer_id, 'expiry', source_id, NULL, -points, 'expired', NULL, NULL, NULL, lapsed_at, told_at,
            sequence, NULL
        )) OVER (PARTITION BY customer_id ORDER BY place) AS hash
        FROM numbered
    ), against AS MATERIALIZED (
        SELECT programme_id, wallet, programme_account(programme_id, wallet, 'expired') AS account_id
        FROM (SELECT DISTINCT programme_id, wallet FROM accounts WHERE id IN (SELECT account_id FROM due)) AS touched
    ), taken AS (
        UPDATE lots SET remaining = remaining - points FROM expired WHERE lots.id = lot_id
    ), moved AS (
        UPDATE members SET version = last.sequence, chain_hash = last.hash
        FROM (SELECT DISTINCT ON (customer_id) customer_id, sequence, hash FROM expired ORDER BY customer_id, sequence DESC) AS last
        WHERE members.customer_id = last.customer_id
    ), summed AS (
        UPDATE accounts SET balance = balance - total.points
        FROM (SELECT account_id, sum(points)::bigint AS points FROM expired GROUP BY account_id) AS total
        WHERE accounts.id = total.account_id
    ), entered AS (
        INSERT INTO entries (id, account_id, customer_id, kind, source_id, points, counter, occurred_at, recorded_at, sequence, hash)
        SELECT entry_id, account_id, customer_id, 'expiry', source_id, -points, 'expired', lapsed_at, told_at, sequence, hash FROM expired
    ), posted AS (
        INSERT INTO postings (entry_id, account_id, points)
        SELECT entry_id, leg.account_id, leg.points
        FROM expired JOIN accounts ON accounts.id = expired.account_id
        JOIN against ON (against.programme_id, against.wallet) = (accounts.programme_id, accounts.wallet)
        CROSS JOIN LATERAL (VALUES (expired.account_id, -expired.points), (against.account_id, expired.points)) AS leg (account_id, points)
    ), drawn AS (
        INSERT INTO lot_draws (entry_id, lot_id, points) SELECT entry_id, lot_id, points FROM expired
    )
    SELECT entry_id, customer_id, wallet, -points, lapsed_at, sequence FROM expired ORDER BY place;
    UPDATE expiry_watches SET due_at = lapses_at FROM next_lapses(watched, told_at) AS next WHERE expiry_watches.account_id = next.account_id;
END $$;

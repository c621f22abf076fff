-- Posts a batch of grants, each a lot of its own, in statements for the whole batch. One that is known by its source, kind and wallet is
-- `known` and changes nothing; one for whom nobody was ever heard of makes the member; one of a member who was erased is `closed`.
CREATE FUNCTION grant_points(
    programme text, kinds text[], customers text[], wallet_codes text[], amounts bigint[], moments timestamptz[], available timestamptz[],
    expiries timestamptz[], sources text[], orders_of text[], counters text[], rules text[], explanations jsonb[], entry_ids text[],
    told_at timestamptz
) RETURNS TABLE (item bigint, status text, kind text, entry_id text, customer_id text, wallet text, points bigint, order_id text,
                 source_id text, rule_version text, occurred_at timestamptz, sequence bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    IF is_put_off() THEN
        PERFORM lock_pools(customers);
    END IF;
    PERFORM ensure_members(programme, ARRAY(
        SELECT id FROM unnest(customers) AS id WHERE NOT EXISTS (SELECT FROM erased_customers WHERE customer_id = id FOR KEY SHARE)
    ));
    PERFORM ensure_wallets(programme, open.customers, open.codes) FROM (
        SELECT array_agg(told.customer_id) AS customers, array_agg(told.code) AS codes
        FROM unnest(customers, wallet_codes) AS told (customer_id, code) JOIN members USING (customer_id) WHERE closed_at IS NULL
    ) AS open WHERE open.customers IS NOT NULL;
    told_at := coalesce(told_at, clock_timestamp());
    WITH told AS (
        SELECT told.*, wallet.id AS account_id, members.version, chain_hash,
               coalesce(own_expiry, expires_after(policy, told.occurred_at), 'infinity') AS expires_at,
               CASE WHEN own_expiry IS NULL AND policy.kind = 'activity' THEN policy.version ELSE 0 END AS expiry_version,
               row_number() OVER (PARTITION BY told.source_id, told.kind, wallet.id ORDER BY place) AS copy
        FROM unnest(kinds, customers, wallet_codes, amounts, moments, available, expiries, sources, orders_of, counters, rules, explanations,
                    entry_ids) WITH ORDINALITY
            AS told (kind, customer_id, code, points, occurred_at, available_from, own_expiry, source_id, order_id, counter, rule_version,
                     explanation, entry_id, place)
        JOIN members ON members.customer_id = told.customer_id AND closed_at IS NULL
        JOIN accounts AS wallet ON wallet.customer_id = told.customer_id AND wallet.programme_id = programme AND wallet.wallet = told.code
        LEFT JOIN wallets AS purse ON own_expiry IS NULL AND purse.programme_id = programme AND purse.code = told.code AND purse.kind = 'points'
        LEFT JOIN LATERAL expiry_policy_at(purse.programme_id, told.occurred_at) AS policy ON true
    ), fresh AS (
        SELECT told.*, 'lot_' || substr(entry_id, 5) AS lot_id, programme_account(programme, code, counter) AS counter_id,
               version + row_number() OVER (PARTITION BY customer_id ORDER BY place) AS sequence
        FROM told WHERE copy = 1 AND NOT EXISTS (
            SELECT FROM entries AS known
            WHERE known.source_id = told.source_id AND known.kind = told.kind AND known.account_id = told.account_id
        )
    ), granted AS MATERIALIZED (
        SELECT fresh.*, chained(chain_hash, entry_content(
            entry_id, account_id, customer_id, kind, source_id, order_id, points, counter, NULL, rule_version, explanation, occurred_at,
            told_at, sequence, lot_content(lot_id, points, occurred_at, available_from, expires_at, expiry_version)
        )) OVER (PARTITION BY customer_id ORDER BY place) AS hash
        FROM fresh
    ), moved AS (
        UPDATE members SET version = last.sequence, chain_hash = last.hash
        FROM (SELECT DISTINCT ON (customer_id) customer_id, sequence, hash FROM granted ORDER BY customer_id, sequence DESC) AS last
        WHERE members.customer_id = last.customer_id
    ), summed AS (
        UPDATE accounts SET balance = balance + total.points, lifetime = lifetime + total.earned
        FROM (
            SELECT account_id, sum(points)::bigint AS points, coalesce(sum(points) FILTER (WHERE kind = 'accrual'), 0)::bigint AS earned
            FROM granted GROUP BY account_id
        ) AS total
        WHERE accounts.id = total.account_id
    ), entered AS (
        INSERT INTO entries (id, account_id, customer_id, kind, source_id, order_id, points, counter, rule_version, explanation,
                             occurred_at, recorded_at, sequence, hash)
        SELECT entry_id, account_id, customer_id, kind, source_id, order_id, points, counter, rule_version, explanation,
               occurred_at, told_at, sequence, hash
        FROM granted
    ), posted AS (
        INSERT INTO postings (entry_id, account_id, points)
        SELECT entry_id, leg.account_id, leg.points
        FROM granted, LATERAL (VALUES (granted.account_id, granted.points), (counter_id, -granted.points)) AS leg (account_id, points)
    )
    INSERT INTO lots (id, account_id, entry_id, granted, remaining, earned_at, available_from, expires_at, expiry_version)
    SELECT lot_id, account_id, entry_id, points, points, occurred_at, available_from, expires_at, expiry_version FROM granted;
    -- Mostly nobody owes anything. The least is looked up in its index; whether any exists could be planned as a scan of all lots.
    IF (SELECT min(account_id) FROM lots WHERE remaining < 0) IS NOT NULL THEN
        PERFORM settle_overdrafts(entry_ids, told_at);
    END IF;
    RETURN QUERY
    SELECT place, CASE WHEN posted.id IS NULL THEN 'closed' WHEN posted.id = told.entry_id THEN 'posted' ELSE 'known' END,
           posted.kind, posted.id, told.customer_id, told.code, posted.points, posted.order_id, posted.source_id, posted.rule_version,
           posted.occurred_at, posted.sequence
    FROM unnest(kinds, customers, wallet_codes, sources, entry_ids) WITH ORDINALITY
        AS told (kind, customer_id, code, source_id, entry_id, place)
    LEFT JOIN accounts AS wallet ON wallet.customer_id = told.customer_id AND wallet.programme_id = programme AND wallet.wallet = told.code
    LEFT JOIN entries AS posted
        ON posted.source_id = told.source_id AND posted.kind = told.kind AND posted.account_id = wallet.id
    ORDER BY place;
    IF is_put_off() THEN
        PERFORM watch_expiries(entry_ids);
        RETURN QUERY SELECT * FROM revived(customers, moments, told_at);
    END IF;
END $$;

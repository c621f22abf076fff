-- Which points leave which lot; below zero they come back.
CREATE TYPE drawn AS (account_id bigint, lot_id text, points bigint);
--;;
-- `ent_` and 26 characters, ordered by time: a UUID of version 7 in the alphabet of Crockford, as shared.ids makes them.
CREATE FUNCTION new_id(prefix text) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT prefix || '_' || string_agg(
        substr('0123456789abcdefghjkmnpqrstvwxyz', substring(bits FROM place * 5 + 1 FOR 5)::integer + 1, 1), '' ORDER BY place
    )
    FROM (
        SELECT B'00' || ('x' || lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
               || substr(replace(gen_random_uuid()::text, '-', ''), 14))::bit(128) AS bits
    ) AS made, generate_series(0, 25) AS place
$$;
--;;
-- Writes one entry of a member's wallet and what stands against it, and moves his version and his chain on. The entry's lots stand already.
CREATE FUNCTION write_entry(
    entry_id text, wallet_id bigint, entry_kind text, source text, order_of text, amount bigint, counter_kind text, rule text, explained jsonb,
    happened_at timestamptz, told_at timestamptz
) RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    wallet accounts%ROWTYPE;
    member members%ROWTYPE;
    chain bytea;
BEGIN
    UPDATE accounts SET balance = balance + amount, lifetime = lifetime + CASE WHEN entry_kind IN ('accrual', 'reversal') THEN amount ELSE 0 END
    WHERE id = wallet_id RETURNING * INTO wallet;
    SELECT * INTO member FROM members WHERE customer_id = wallet.customer_id FOR UPDATE;
    chain := chain_next(NULL, member.chain_hash, entry_content(
        entry_id, wallet_id, wallet.customer_id, entry_kind, source, order_of, amount, counter_kind, NULL, rule, explained,
        happened_at, told_at, member.version + 1, (
            SELECT string_agg(lot_content(id, granted, earned_at, available_from, expires_at, expiry_version), '' ORDER BY id)
            FROM lots WHERE lots.entry_id = write_entry.entry_id
        )
    ));
    UPDATE members SET version = version + 1, chain_hash = chain WHERE customer_id = wallet.customer_id;
    INSERT INTO entries (id, account_id, customer_id, kind, source_id, order_id, points, counter, rule_version, explanation,
                         occurred_at, recorded_at, sequence, hash)
    VALUES (entry_id, wallet_id, wallet.customer_id, entry_kind, source, order_of, amount, counter_kind, rule, explained,
            happened_at, told_at, member.version + 1, chain);
    INSERT INTO postings (entry_id, account_id, points)
    VALUES (entry_id, wallet_id, amount), (entry_id, programme_account(wallet.programme_id, wallet.wallet, counter_kind), -amount);
    RETURN member.version + 1;
END $$;
--;;
-- Books draws: an entry for each wallet that is drawn from.
CREATE FUNCTION book_draws(
    plan drawn[], entry_kind text, source text, order_of text, counter_kind text, rule text, explained jsonb,
    happened_at timestamptz, told_at timestamptz
) RETURNS TABLE (kind text, entry_id text, customer_id text, points bigint, sequence bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    part record;
BEGIN
    UPDATE lots SET remaining = remaining - taken.points FROM unnest(plan) AS taken WHERE lots.id = taken.lot_id;
    FOR part IN
        SELECT taken.account_id, accounts.customer_id, new_id('ent') AS entry_id, -sum(taken.points)::bigint AS points
        FROM unnest(plan) AS taken JOIN accounts ON accounts.id = taken.account_id
        GROUP BY taken.account_id, accounts.customer_id ORDER BY accounts.customer_id, taken.account_id
    LOOP
        INSERT INTO lot_draws (entry_id, lot_id, points)
        SELECT part.entry_id, taken.lot_id, taken.points FROM unnest(plan) AS taken WHERE taken.account_id = part.account_id;
        RETURN QUERY SELECT entry_kind, part.entry_id, part.customer_id, part.points, write_entry(
            part.entry_id, part.account_id, entry_kind, source, order_of, part.points, counter_kind, rule, explained, happened_at, told_at
        );
    END LOOP;
    -- What comes back may have lapsed long ago.
    IF EXISTS (SELECT FROM unnest(plan) AS taken WHERE taken.points < 0) THEN
        INSERT INTO expiry_watches (account_id, due_at)
        SELECT DISTINCT lots.account_id, told_at FROM unnest(plan) AS taken JOIN lots ON lots.id = taken.lot_id
        WHERE taken.points < 0 AND expiry_version <> 0
        ON CONFLICT (account_id) DO UPDATE SET due_at = excluded.due_at WHERE expiry_watches.due_at > excluded.due_at;
    END IF;
END $$;

-- What wallets hold at a moment. A lot that has lapsed does not count, whether its expiry is booked or not; a hold that has timed out
-- holds nothing, whether anybody noted it or not.
CREATE FUNCTION wallet_state(wallet_ids bigint[], moment timestamptz)
RETURNS TABLE (booked bigint, lifetime bigint, lapsed bigint, pending bigint, held bigint, spendable bigint) LANGUAGE sql STABLE AS $$
    SELECT booked, lifetime, lapsed, pending, held, booked - lapsed - pending - held_unlapsed
    FROM (
        SELECT coalesce(sum(balance), 0)::bigint AS booked, coalesce(sum(lifetime), 0)::bigint AS lifetime
        FROM accounts WHERE id = ANY (wallet_ids)
    ) AS totals, (
        SELECT coalesce(sum(remaining), 0)::bigint AS lapsed FROM lots
        WHERE account_id = ANY (wallet_ids) AND remaining > 0 AND expires_at <= moment
    ) AS past, (
        SELECT coalesce(sum(remaining), 0)::bigint AS pending FROM lots
        WHERE account_id = ANY (wallet_ids) AND remaining > 0 AND available_from > earned_at AND available_from > moment AND expires_at > moment
    ) AS future, (
        SELECT coalesce(sum(points), 0)::bigint AS held, coalesce(sum(points) FILTER (WHERE expires_at > moment), 0)::bigint AS held_unlapsed
        FROM hold_lots JOIN lots ON lots.id = lot_id
        WHERE hold_lots.account_id = ANY (wallet_ids) AND is_open AND until > moment
    ) AS reserved
$$;
--;;
-- The same at any instant in the past or to come, as far as it was known at another: by what is dated until the one and was told until
-- the other. What is booked as expired and what only has lapsed make no difference here either.
CREATE FUNCTION wallet_history(wallet_ids bigint[], valid_at timestamptz, known_at timestamptz)
RETURNS TABLE (booked bigint, lifetime bigint, lapsed bigint, pending bigint, held bigint, spendable bigint) LANGUAGE sql STABLE AS $$
    WITH told AS MATERIALIZED (
        SELECT entries.id, entries.kind, points FROM accounts JOIN entries ON entries.customer_id = accounts.customer_id AND account_id = accounts.id
        WHERE accounts.id = ANY (wallet_ids) AND occurred_at <= valid_at AND recorded_at <= known_at
    ), taken AS (
        SELECT lot_id, sum(lot_draws.points) AS points FROM told JOIN lot_draws ON entry_id = told.id GROUP BY lot_id
    ), reserved AS (
        SELECT lot_id, sum(hold_lots.points) AS points FROM hold_lots JOIN holds ON holds.id = hold_id
        WHERE account_id = ANY (wallet_ids) AND created_at <= least(valid_at, known_at) AND until > valid_at
          AND (closed_at IS NULL OR closed_at > least(valid_at, known_at))
        GROUP BY lot_id
    ), standing AS (
        SELECT granted - coalesce(taken.points, 0) AS remaining, coalesce(reserved.points, 0) AS held,
               expires_at <= valid_at AS is_lapsed, available_from > valid_at AND available_from > earned_at AS is_pending
        FROM lots LEFT JOIN taken ON taken.lot_id = lots.id LEFT JOIN reserved ON reserved.lot_id = lots.id
        WHERE is_overdraft AND account_id = ANY (wallet_ids) OR entry_id IN (SELECT id FROM told)
    )
    SELECT coalesce(sum(remaining), 0)::bigint,
           (SELECT coalesce(sum(points), 0)::bigint FROM told WHERE kind IN ('accrual', 'reversal')),
           coalesce(sum(remaining) FILTER (WHERE is_lapsed), 0)::bigint,
           coalesce(sum(remaining) FILTER (WHERE is_pending AND NOT is_lapsed), 0)::bigint,
           coalesce(sum(held), 0)::bigint,
           coalesce(sum(remaining - held) FILTER (WHERE NOT is_lapsed AND NOT is_pending), 0)::bigint
    FROM standing
$$;
--;;
CREATE FUNCTION held_of(lot text, moment timestamptz) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(points), 0)::bigint FROM hold_lots WHERE lot_id = lot AND is_open AND until > moment
$$;
--;;
-- Chooses what to draw: first what expires first, of what is neither lapsed nor held, nor pending unless that is wanted too.
-- Reads the next fifty lots at a time, so that it costs the same however many there are. Gives less than wanted when there is less.
CREATE FUNCTION plan_draw(wallet_ids bigint[], wanted bigint, moment timestamptz, with_pending boolean, spared_lot text DEFAULT NULL)
RETURNS drawn[] LANGUAGE plpgsql AS $$
DECLARE
    plan drawn[] := '{}';
    missing bigint := wanted;
    lot record;
    seen integer := 50;
    last_expires timestamptz := moment;
    last_earned timestamptz := 'infinity';
    last_id text := '';
BEGIN
    WHILE missing > 0 AND seen = 50 LOOP
        seen := 0;
        FOR lot IN
            SELECT open.*, remaining - held_of(open.id, moment) AS free
            FROM unnest(wallet_ids) AS wallet (id)
            CROSS JOIN LATERAL (
                SELECT lots.id, account_id, remaining, earned_at, available_from, expires_at FROM lots
                WHERE account_id = wallet.id AND remaining > 0 AND (expires_at, earned_at, lots.id) > (last_expires, last_earned, last_id)
                ORDER BY expires_at, earned_at, lots.id LIMIT 50
            ) AS open
            ORDER BY expires_at, earned_at, open.id LIMIT 50
        LOOP
            seen := seen + 1;
            last_expires := lot.expires_at;
            last_earned := lot.earned_at;
            last_id := lot.id;
            CONTINUE WHEN lot.free <= 0 OR lot.id = spared_lot OR (lot.available_from > moment AND NOT with_pending);
            plan := plan || ROW(lot.account_id, lot.id, least(lot.free, missing))::drawn;
            missing := missing - least(lot.free, missing);
            EXIT WHEN missing = 0;
        END LOOP;
    END LOOP;
    RETURN plan;
END $$;
--;;
CREATE FUNCTION sum_of(plan drawn[]) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN (SELECT coalesce(sum(points), 0)::bigint FROM unnest(plan));
--;;
-- The lot that is below zero when a wallet owes: a draw from it lends, and what comes next pays it back first.
CREATE FUNCTION overdraft_of(wallet_id bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO lots (id, account_id, entry_id, granted, remaining, earned_at, is_overdraft)
    VALUES ('lot_overdraft_' || wallet_id, wallet_id, '', 0, 0, '-infinity', true) ON CONFLICT DO NOTHING;
    RETURN 'lot_overdraft_' || wallet_id;
END $$;
--;;
-- Pays what wallets owe out of what an entry has just brought them.
CREATE FUNCTION settle_overdraft(wallet_id bigint, entry text, moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    owed bigint := -coalesce((SELECT remaining FROM lots WHERE account_id = wallet_id AND is_overdraft), 0);
    plan drawn[];
BEGIN
    IF owed > 0 THEN
        plan := plan_draw(ARRAY[wallet_id], owed, moment, true);
        IF sum_of(plan) > 0 THEN
            plan := plan || ROW(wallet_id, overdraft_of(wallet_id), -sum_of(plan))::drawn;
            UPDATE lots SET remaining = remaining - taken.points FROM unnest(plan) AS taken WHERE lots.id = taken.lot_id;
            INSERT INTO lot_draws (entry_id, lot_id, points) SELECT entry, lot_id, points FROM unnest(plan);
        END IF;
    END IF;
END $$;
--;;
-- The same for a batch of entries. Looked up by their keys: a join could be planned as a scan of the whole ledger.
CREATE FUNCTION settle_overdrafts(entry_ids text[], moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    owing record;
BEGIN
    FOR owing IN
        SELECT * FROM (
            SELECT made.id, (SELECT account_id FROM entries WHERE entries.id = made.id) AS account_id FROM unnest(entry_ids) AS made (id)
        ) AS made
        WHERE (SELECT remaining FROM lots WHERE lots.account_id = made.account_id AND is_overdraft) < 0
    LOOP
        PERFORM settle_overdraft(owing.account_id, owing.id, moment);
    END LOOP;
END $$;

-- What wallets hold at a moment. A lot that has lapsed does not count, whether its expiry is booked or not; a hold that has timed out
-- holds nothing, whether anybody noted it or not.
CREATE FUNCTION wallet_state(wallet_ids bigint[], moment timestamptz)
RETURNS TABLE (booked bigint, lifetime bigint, lapsed bigint, pending bigint, held bigint, spendable bigint) LANGUAGE sql STABLE AS $$
    WITH standing AS MATERIALIZED (SELECT * FROM standing_of(wallet_ids, moment))
    SELECT booked, lifetime, lapsed, pending, held, booked - lapsed - pending - held_unlapsed
    FROM (
        SELECT coalesce(sum(balance), 0)::bigint AS booked, coalesce(sum(lifetime), 0)::bigint AS lifetime
        FROM accounts WHERE id = ANY (wallet_ids)
    ) AS totals, (
        SELECT coalesce(sum(remaining), 0)::bigint AS lapsed FROM standing JOIN lots USING (account_id, expiry_version)
        WHERE remaining > 0 AND expires_at <= since
    ) AS past, (
        SELECT coalesce(sum(remaining), 0)::bigint AS pending FROM standing JOIN lots USING (account_id, expiry_version)
        WHERE remaining > 0 AND available_from > earned_at AND available_from > moment AND expires_at > since
    ) AS future, (
        SELECT coalesce(sum(points), 0)::bigint AS held, coalesce(sum(points) FILTER (WHERE expires_at > since), 0)::bigint AS held_unlapsed
        FROM standing JOIN hold_lots USING (account_id) JOIN lots ON lots.id = lot_id AND lots.expiry_version = standing.expiry_version
        WHERE is_open AND until > moment
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
               expires_at <= valid_at AND (expiry_version = 0 OR lot_expiry(lots.id, valid_at, known_at) <= valid_at) AS is_lapsed, available_from > valid_at AND available_from > earned_at AS is_pending
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
-- Chooses what to draw: first what expires first, of what is neither lapsed nor held, nor pending unless that is wanted too. Of what ends
-- at the same instant, because activity put it off, what would have ended first.
-- Reads the next fifty lots at a time, so that it costs the same however many there are. Gives less than wanted when there is less.
CREATE FUNCTION plan_draw(wallet_ids bigint[], wanted bigint, moment timestamptz, with_pending boolean, spared_lot text DEFAULT NULL)
RETURNS drawn[] LANGUAGE plpgsql AS $$
DECLARE
    plan drawn[] := '{}';
    missing bigint := wanted;
    lot record;
    seen integer := 50;
    -- Where to read on, in each wallet by policy.
    wallets bigint[];
    versions integer[];
    frontiers timestamptz[];
    last_expires timestamptz[];
    last_earned timestamptz[];
    last_ids text[];
BEGIN
    SELECT array_agg(account_id), array_agg(expiry_version), array_agg(frontier), array_agg(since),
           array_agg('infinity'::timestamptz), array_agg(''::text)
    INTO wallets, versions, frontiers, last_expires, last_earned, last_ids FROM standing_of(wallet_ids, moment);
    WHILE missing > 0 AND seen = 50 LOOP
        seen := 0;
        FOR lot IN
            SELECT open.*, place, remaining - held_of(open.id, moment) AS free
            FROM unnest(wallets, versions, frontiers, last_expires, last_earned, last_ids) WITH ORDINALITY
                AS standing (wallet, version, frontier, expires, earned, id, place)
            CROSS JOIN LATERAL (
                SELECT lots.id, account_id, remaining, earned_at, available_from, expires_at FROM lots
                WHERE account_id = standing.wallet AND expiry_version = standing.version AND remaining > 0
                  AND (expires_at, earned_at, lots.id) > (standing.expires, standing.earned, standing.id)
                ORDER BY expires_at, earned_at, lots.id LIMIT 50
            ) AS open
            ORDER BY greatest(expires_at, frontier), expires_at, earned_at, open.id LIMIT 50
        LOOP
            seen := seen + 1;
            last_expires[lot.place] := lot.expires_at;
            last_earned[lot.place] := lot.earned_at;
            last_ids[lot.place] := lot.id;
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
--;;
-- Which lots have lapsed with something left that nobody holds, and since when: their expiry, or the end of what kept them: a hold, or a
-- return to them. Of those that activity puts off only the ones in the wallets named.
CREATE FUNCTION due_lots(many bigint, watched bigint[], moment timestamptz)
RETURNS TABLE (lot_id text, account_id bigint, customer_id text, wallet text, points bigint, lapsed_at timestamptz) LANGUAGE sql STABLE AS $$
    SELECT due.id, due.account_id, accounts.customer_id, accounts.wallet, due.points, greatest(
        due.expired_at,
        (SELECT max(least(until, closed_at)) FROM hold_lots JOIN holds ON holds.id = hold_id
         WHERE hold_lots.lot_id = due.id AND NOT is_open AND captured < holds.points AND holds.created_at < due.expired_at),
        (SELECT max(until) FROM hold_lots WHERE hold_lots.lot_id = due.id AND is_open AND until <= moment),
        (SELECT max(entries.occurred_at) FROM lot_draws JOIN entries ON entries.id = lot_draws.entry_id
         WHERE lot_draws.lot_id = due.id AND lot_draws.points < 0)
    )
    FROM (
        (SELECT lots.id, account_id, remaining - held AS points, expires_at AS expired_at
         FROM lots CROSS JOIN LATERAL (
             SELECT coalesce(sum(hold_lots.points), 0)::bigint AS held FROM hold_lots
             WHERE hold_lots.lot_id = lots.id AND is_open AND until > moment
         ) AS reserved
         WHERE remaining > 0 AND expires_at < 'infinity' AND expiry_version = 0 AND expires_at <= moment AND remaining > held
         ORDER BY expires_at LIMIT many)
        UNION ALL
        SELECT lots.id, account_id, remaining - held_of(lots.id, moment), lot_expiry(lots.id, moment)
        FROM standing_of(watched, moment) AS standing JOIN lots USING (account_id, expiry_version)
        WHERE standing.expiry_version <> 0 AND remaining > 0 AND expires_at <= since AND remaining > held_of(lots.id, moment)
    ) AS due JOIN accounts ON accounts.id = account_id
    ORDER BY due.expired_at, due.id
$$;
--;;
-- When the next lot of a wallet lapses that activity can put off, or is let go by what holds it; whoever is in a tier in which nothing
-- expires is looked at every day.
CREATE FUNCTION next_lapse(wallet bigint, moment timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(min(CASE
        WHEN expires_at > since AND frontier = 'infinity' THEN moment + interval '1 day'
        WHEN expires_at > since THEN greatest(expires_at, frontier)
        ELSE (SELECT max(until) FROM hold_lots WHERE lot_id = lots.id AND is_open AND until > moment) END), 'infinity'), 'infinity')
    FROM standing_of(ARRAY[wallet], moment) AS standing JOIN lots USING (account_id, expiry_version)
    WHERE standing.expiry_version <> 0 AND remaining > 0
$$;
--;;
-- Takes back the expiry of what activity that is told late has put off after all: an entry against each, dated as it, also where a return
-- had brought some of it back. Whoever calls it holds the locks of the pools.
CREATE FUNCTION revive_lots(customers text[], moments timestamptz[], told_at timestamptz)
RETURNS TABLE (kind text, entry_id text, customer_id text, wallet text, points bigint, source_id text, occurred_at timestamptz, sequence bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    wrong record;
BEGIN
    FOR wrong IN
        SELECT booked.id, booked.occurred_at, lot_draws.points AS drawn, lots.id AS lot_id, account.id AS account_id, account.wallet
        FROM (
            SELECT member_id AS member, min(told.moment) AS since
            FROM unnest(customers, moments) AS told (customer_id, moment) JOIN pools_of(customers) AS pool USING (customer_id)
            WHERE told.moment < told_at GROUP BY member_id
        ) AS active
        JOIN members ON members.customer_id = member AND closed_at IS NULL
        JOIN entries AS booked ON booked.customer_id = member AND booked.occurred_at > since AND booked.kind IN ('expiry', 'reinstatement')
        JOIN accounts AS account ON account.id = booked.account_id
        JOIN lot_draws ON lot_draws.entry_id = booked.id
        JOIN lots ON lots.id = lot_draws.lot_id AND expiry_version <> 0
        WHERE NOT starts_with(booked.source_id, 'undo_ent_')
          AND NOT EXISTS (SELECT FROM entries AS undone WHERE undone.source_id = 'undo_' || booked.id)
          AND booked.occurred_at < lot_expiry(lots.id, told_at)
        ORDER BY booked.customer_id, booked.sequence
    LOOP
        RETURN QUERY
        SELECT undone.kind, undone.entry_id, undone.customer_id, wrong.wallet, undone.points, 'undo_' || wrong.id, wrong.occurred_at, undone.sequence
        FROM book_draws(
            ARRAY[ROW(wrong.account_id, wrong.lot_id, -wrong.drawn)::drawn], CASE WHEN wrong.drawn > 0 THEN 'reinstatement' ELSE 'expiry' END,
            'undo_' || wrong.id, NULL, 'expired', NULL, NULL, wrong.occurred_at, told_at
        ) AS undone;
    END LOOP;
END $$;
--;;
-- The same as rows of a batch's answer that are no item's.
CREATE FUNCTION revived(customers text[], moments timestamptz[], told_at timestamptz)
RETURNS TABLE (item bigint, status text, kind text, entry_id text, customer_id text, wallet text, points bigint, order_id text,
               source_id text, rule_version text, occurred_at timestamptz, sequence bigint) LANGUAGE sql AS $$
    SELECT 0::bigint, 'revived', kind, entry_id, customer_id, wallet, points, NULL::text, source_id, NULL::text, occurred_at, sequence
    FROM revive_lots(customers, moments, told_at)
$$;
--;;
-- The same for activity that made no entry.
CREATE FUNCTION revive_told(customers text[], moments timestamptz[])
RETURNS TABLE (item bigint, status text, kind text, entry_id text, customer_id text, wallet text, points bigint, order_id text,
               source_id text, rule_version text, occurred_at timestamptz, sequence bigint) LANGUAGE plpgsql AS $$
BEGIN
    IF is_put_off() THEN
        PERFORM lock_pools(customers);
        RETURN QUERY SELECT * FROM revived(customers, moments, clock_timestamp());
    END IF;
END $$;

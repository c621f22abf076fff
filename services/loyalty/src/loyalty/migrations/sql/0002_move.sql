-- Gives points of one member to another: they leave the giver's lots, first what expires first, and become lots of the receiver with the
-- same moments. The rows of both sides; or one that says why there are none.
CREATE FUNCTION transfer_points(
    programme text, giver text, receiver text, wallet_code text, amount bigint, transfer_id text, told_at timestamptz
) RETURNS TABLE (status text, kind text, entry_id text, customer_id text, points bigint, occurred_at timestamptz, sequence bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    giver_wallets bigint[];
    receiver_wallet bigint;
    plan drawn[];
    entry text := new_id('ent');
BEGIN
    PERFORM lock_pools(ARRAY[giver, receiver]);
    told_at := coalesce(told_at, clock_timestamp());
    giver_wallets := wallets_of(programme, wallet_code, family_of(giver));
    points := (SELECT spendable FROM wallet_state(giver_wallets, told_at));
    status := CASE
        WHEN (SELECT count(*) FROM members WHERE customer_id IN (giver, receiver) AND closed_at IS NULL) < 2 THEN 'unknown'
        WHEN points < amount THEN 'insufficient' END;
    IF status IS NOT NULL THEN
        RETURN NEXT;
        RETURN;
    END IF;
    plan := plan_draw(giver_wallets, amount, told_at, false);
    RETURN QUERY
    SELECT 'posted', booked.kind, booked.entry_id, booked.customer_id, booked.points, told_at, booked.sequence
    FROM book_draws(plan, 'transfer_out', transfer_id, NULL, 'transfer', NULL, NULL, told_at, told_at) AS booked;
    PERFORM ensure_wallets(programme, ARRAY[receiver], ARRAY[wallet_code]);
    SELECT id INTO receiver_wallet FROM accounts WHERE customer_id = receiver AND programme_id = programme AND wallet = wallet_code;
    INSERT INTO lots (id, account_id, entry_id, granted, remaining, earned_at, available_from, expires_at, expiry_version)
    SELECT new_id('lot'), receiver_wallet, entry, taken.points, taken.points, earned_at, available_from,
           -- A gift does not last for ever because the giver is in a tier in which nothing expires.
           coalesce(nullif(lot_expiry(lots.id, told_at), 'infinity'), (
               SELECT expires_after(policy, told_at) FROM expiry_policies AS policy
               WHERE policy.programme_id = programme AND policy.version = lots.expiry_version
           ), 'infinity'), expiry_version
    FROM unnest(plan) AS taken JOIN lots ON lots.id = taken.lot_id;
    sequence := write_entry(
        entry, receiver_wallet, 'transfer_in', transfer_id, NULL, amount, 'transfer', NULL, NULL, told_at, told_at
    );
    PERFORM settle_overdraft(receiver_wallet, entry, told_at);
    PERFORM watch_expiries(ARRAY[entry]);
    RETURN QUERY SELECT 'posted', 'transfer_in', entry, receiver, amount, told_at, sequence;
END $$;
--;;
-- Books what has lapsed: an entry for each lot, dated at its instant of expiry, or when what kept it ended: a hold, or a return to it.
CREATE FUNCTION book_expiries(many integer, told_at timestamptz)
RETURNS TABLE (entry_id text, customer_id text, wallet text, points bigint, occurred_at timestamptz, sequence bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    due record;
    lapsed bigint;
    watched bigint[];
BEGIN
    told_at := coalesce(told_at, clock_timestamp());
    watched := ARRAY(SELECT account_id FROM expiry_watches WHERE due_at <= told_at ORDER BY due_at LIMIT many);
    PERFORM FROM members WHERE customer_id IN (
        SELECT lapsing.customer_id FROM due_lots(many, watched, told_at) AS lapsing
        UNION SELECT accounts.customer_id FROM accounts WHERE id = ANY (watched)
    ) ORDER BY customer_id FOR UPDATE;
    FOR due IN SELECT * FROM due_lots(many, watched, told_at) LOOP
        PERFORM FROM members WHERE customer_id = due.customer_id FOR UPDATE;
        lapsed := (SELECT remaining - held_of(lots.id, told_at) FROM lots WHERE lots.id = due.lot_id);
        CONTINUE WHEN lapsed <= 0;
        RETURN QUERY
        SELECT booked.entry_id, booked.customer_id, due.wallet, booked.points, due.lapsed_at, booked.sequence
        FROM book_draws(
            ARRAY[ROW(due.account_id, due.lot_id, lapsed)::drawn], 'expiry', new_id('exp'), NULL, 'expired', NULL, NULL, due.lapsed_at, told_at
        ) AS booked;
    END LOOP;
    UPDATE expiry_watches SET due_at = next_lapse(account_id, told_at) WHERE account_id = ANY (watched);
END $$;
--;;
-- Ends memberships: what is held is let go, what is left is forfeited, what is owed is forgiven, and nothing is posted for them any more.
CREATE FUNCTION close_members(customers text[], told_at timestamptz)
RETURNS TABLE (kind text, entry_id text, customer_id text, wallet text, points bigint, occurred_at timestamptz, sequence bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    own record;
    plan drawn[];
BEGIN
    PERFORM FROM members WHERE customer_id = ANY (customers) ORDER BY customer_id FOR UPDATE;
    told_at := coalesce(told_at, clock_timestamp());
    WITH ended AS (
        UPDATE holds SET state = CASE WHEN expires_at <= told_at THEN 'timed_out' ELSE 'voided' END, closed_at = least(expires_at, told_at)
        WHERE state = 'open' AND (customer_id = ANY (customers) OR id IN (
            SELECT hold_id FROM hold_lots JOIN accounts ON accounts.id = account_id WHERE accounts.customer_id = ANY (customers) AND is_open
        )) RETURNING id
    )
    UPDATE hold_lots SET is_open = false FROM ended WHERE hold_id = ended.id;
    FOR own IN
        SELECT accounts.* FROM accounts JOIN members USING (customer_id)
        WHERE customer_id = ANY (customers) AND closed_at IS NULL ORDER BY customer_id, accounts.id
    LOOP
        plan := ARRAY(
            SELECT ROW(account_id, id, remaining)::drawn FROM lots WHERE account_id = own.id AND remaining > 0
        );
        RETURN QUERY SELECT 'forfeiture', booked.entry_id, booked.customer_id, own.wallet, booked.points, told_at, booked.sequence
        FROM book_draws(plan, 'forfeiture', new_id('fft'), NULL, 'expired', NULL, NULL, told_at, told_at) AS booked;
        plan := ARRAY(
            SELECT ROW(account_id, id, remaining)::drawn FROM lots WHERE account_id = own.id AND remaining < 0
        );
        RETURN QUERY SELECT 'reinstatement', booked.entry_id, booked.customer_id, own.wallet, booked.points, told_at, booked.sequence
        FROM book_draws(plan, 'reinstatement', new_id('fft'), NULL, 'expired', NULL, NULL, told_at, told_at) AS booked;
    END LOOP;
    UPDATE members SET closed_at = told_at WHERE customer_id = ANY (customers) AND closed_at IS NULL;
    UPDATE household_members SET left_at = told_at WHERE customer_id = ANY (customers) AND left_at IS NULL;
END $$;

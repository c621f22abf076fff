-- Sets points of a batch of holds aside, each from the wallets of the member's family and household. Nothing changes hands: the lots know
-- who holds how much of them until when. `insufficient` tells what could be spent.
CREATE FUNCTION place_holds(
    programme text, hold_ids text[], customers text[], wallet_codes text[], amounts bigint[], seconds integer[], reference_texts text[],
    told_at timestamptz
) RETURNS TABLE (item bigint, status text, hold_id text, spendable bigint, created_at timestamptz, expires_at timestamptz, sequence bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    told record;
    wallet_ids bigint[];
BEGIN
    PERFORM lock_pools(customers);
    told_at := coalesce(told_at, clock_timestamp());
    FOR told IN
        SELECT asked.*, members.customer_id AS member_id, closed_at
        FROM unnest(hold_ids, customers, wallet_codes, amounts, seconds, reference_texts) WITH ORDINALITY
            AS asked (hold_id, customer_id, code, points, seconds, reference, place)
        LEFT JOIN members USING (customer_id) ORDER BY place
    LOOP
        item := told.place;
        hold_id := told.hold_id;
        created_at := told_at;
        expires_at := told_at + make_interval(secs => told.seconds);
        wallet_ids := wallets_of(programme, told.code, pool_of(told.customer_id));
        spendable := (SELECT state.spendable FROM wallet_state(wallet_ids, told_at) AS state);
        status := CASE WHEN told.member_id IS NULL THEN 'unknown' WHEN told.closed_at IS NOT NULL THEN 'closed'
                  WHEN spendable < told.points THEN 'insufficient' ELSE 'held' END;
        IF status = 'held' THEN
            INSERT INTO holds (id, programme_id, wallet, customer_id, points, reference, created_at, expires_at)
            VALUES (told.hold_id, programme, told.code, told.customer_id, told.points, told.reference, told_at, place_holds.expires_at);
            INSERT INTO hold_lots (hold_id, lot_id, account_id, points, until)
            SELECT told.hold_id, lot_id, account_id, points, place_holds.expires_at
            FROM unnest(plan_draw(wallet_ids, told.points, told_at, false));
            UPDATE members SET version = version + 1 WHERE customer_id = told.customer_id RETURNING version INTO sequence;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;
--;;
-- Ends a hold: captures of it what is wanted (all of it when NULL) out of the lots that it holds, even those that expired meanwhile, and
-- lets the rest go; with nothing to capture it is voided. An empty `status` is `done`; the last row tells of what was let go.
CREATE FUNCTION close_hold(hold text, wanted bigint, is_void boolean, told_at timestamptz)
RETURNS TABLE (status text, kind text, entry_id text, customer_id text, wallet text, points bigint, occurred_at timestamptz, sequence bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    held holds%ROWTYPE;
    plan drawn[];
    taken bigint;
BEGIN
    PERFORM FROM members WHERE customer_id IN (
        SELECT holds.customer_id FROM holds WHERE holds.id = hold
        UNION SELECT accounts.customer_id FROM hold_lots JOIN accounts ON accounts.id = account_id WHERE hold_id = hold
    ) ORDER BY customer_id FOR UPDATE;
    SELECT * INTO held FROM holds WHERE id = hold FOR UPDATE;
    told_at := coalesce(told_at, clock_timestamp());
    taken := CASE WHEN is_void THEN 0 ELSE coalesce(wanted, held.points) END;
    status := CASE WHEN held.id IS NULL THEN 'unknown' WHEN held.state <> 'open' THEN held.state
              WHEN held.expires_at <= told_at THEN 'timed_out' WHEN taken > held.points THEN 'exceeds' END;
    IF status IS NOT NULL THEN
        points := held.points;
        RETURN NEXT;
        RETURN;
    END IF;
    UPDATE hold_lots SET is_open = false WHERE hold_id = hold;
    UPDATE holds SET state = CASE WHEN is_void THEN 'voided' ELSE 'captured' END, captured = taken, closed_at = told_at WHERE id = hold;
    SELECT array_agg(ROW(account_id, lot_id, least(points, taken - before))::drawn) INTO plan FROM (
        SELECT hold_lots.*, sum(points) OVER (ORDER BY lot_expiry(lot_id, told_at), expires_at, earned_at, lot_id) - points AS before
        FROM hold_lots JOIN lots ON lots.id = lot_id WHERE hold_id = hold
    ) AS reserved WHERE before < taken;
    RETURN QUERY
    SELECT 'done', booked.kind, booked.entry_id, booked.customer_id, held.wallet, booked.points, told_at, booked.sequence
    FROM book_draws(coalesce(plan, '{}'), 'redemption', hold, NULL, 'spent', NULL, NULL, told_at, told_at) AS booked;
    IF taken < held.points THEN
        UPDATE members SET version = version + 1 WHERE customer_id = held.customer_id RETURNING version INTO sequence;
        RETURN QUERY SELECT 'done', 'release', NULL::text, held.customer_id, held.wallet, held.points - taken, told_at, sequence;
    END IF;
END $$;
--;;
-- Notes holds that have timed out; they hold nothing since their instant, noted or not.
CREATE FUNCTION note_timed_out_holds(many integer, told_at timestamptz)
RETURNS TABLE (hold_id text, customer_id text, wallet text, points bigint, occurred_at timestamptz, sequence bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    due record;
BEGIN
    told_at := coalesce(told_at, clock_timestamp());
    PERFORM FROM members WHERE customer_id IN (
        SELECT holds.customer_id FROM holds WHERE state = 'open' AND expires_at <= told_at ORDER BY expires_at LIMIT many
    ) ORDER BY customer_id FOR UPDATE;
    FOR due IN
        UPDATE holds SET state = 'timed_out', closed_at = expires_at
        WHERE id = ANY (ARRAY(
            SELECT id FROM holds WHERE state = 'open' AND expires_at <= told_at ORDER BY expires_at LIMIT many FOR UPDATE SKIP LOCKED
        ))
        RETURNING *
    LOOP
        UPDATE hold_lots SET is_open = false WHERE hold_id = due.id;
        UPDATE members SET version = version + 1 WHERE customer_id = due.customer_id RETURNING version INTO sequence;
        RETURN QUERY SELECT due.id, due.customer_id, due.wallet, due.points, due.expires_at, sequence;
    END LOOP;
END $$;

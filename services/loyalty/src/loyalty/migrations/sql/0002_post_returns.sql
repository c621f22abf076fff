-- Takes points of a lot back, as the programme's policy has it: of the lot itself what is left or has expired, then of the member's other
-- lots what was spent, then on credit. Returns below its wish when the policy forgives the rest. What had expired comes back first, in an
-- entry of its own, so that the ledger is the same whether the goods or the lot were gone earlier.
CREATE FUNCTION take_back(
    lot text, wanted bigint, policy text, source text, order_of text, rule text, happened_at timestamptz, told_at timestamptz
) RETURNS TABLE (kind text, entry_id text, customer_id text, points bigint, sequence bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    own record;
    lapsed bigint := 0;
    missing bigint;
    plan drawn[] := '{}';
BEGIN
    SELECT lots.*, accounts.programme_id, accounts.wallet, accounts.customer_id, remaining - held_of(lot, told_at) AS free INTO own
    FROM lots JOIN accounts ON accounts.id = account_id WHERE lots.id = lot;
    missing := wanted;
    IF policy = 'only_pending' AND own.available_from <= told_at THEN
        RETURN;
    END IF;
    IF own.free < missing AND lot_expiry(lot, told_at) <= told_at THEN
        SELECT least(coalesce(sum(lot_draws.points), 0), missing - own.free)::bigint INTO lapsed
        FROM lot_draws JOIN entries ON entries.id = entry_id WHERE lot_id = lot AND entries.kind IN ('expiry', 'reinstatement');
        IF lapsed > 0 THEN
            RETURN QUERY SELECT * FROM book_draws(
                ARRAY[ROW(own.account_id, lot, -lapsed)::drawn], 'reinstatement', source, order_of, 'expired', rule, NULL, happened_at, told_at
            );
        END IF;
    END IF;
    IF least(own.free + lapsed, missing) > 0 THEN
        plan := ARRAY[ROW(own.account_id, lot, least(own.free + lapsed, missing))::drawn];
        missing := missing - sum_of(plan);
    END IF;
    IF missing > 0 AND policy <> 'only_pending' THEN
        plan := plan || plan_draw(wallets_of(own.programme_id, own.wallet, family_of(own.customer_id)), missing, told_at, true, lot);
        missing := wanted - sum_of(plan);
        IF missing > 0 AND policy = 'allow_negative' THEN
            plan := plan || ROW(own.account_id, overdraft_of(own.account_id), missing)::drawn;
        END IF;
    END IF;
    RETURN QUERY SELECT * FROM book_draws(plan, 'reversal', source, order_of, 'issuance', rule, NULL, happened_at, told_at);
END $$;
--;;
DROP FUNCTION post_returns;
--;;
-- Posts a batch of returns and cancellations, and first the orders they belong to where those are not known yet.
-- An order keeps the points of what was not returned, and none once it is cancelled: so all of them may come in any order and split.
CREATE FUNCTION post_returns(
    programme text, order_ids text[], customers text[], moments timestamptz[], amounts bigint[], accrual_ids text[],
    return_ids text[], returned_orders text[], returned_moments timestamptz[], returned_amounts bigint[], told_at timestamptz
) RETURNS TABLE (kind text, entry_id text, customer_id text, order_id text, points bigint, occurred_at timestamptz, sequence bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    told record;
    bought record;
    entry record;
    kept bigint;
    wanted bigint;
    taken bigint;
    policy text := (SELECT refund_policy FROM programmes WHERE id = programme);
BEGIN
    PERFORM lock_pools(customers);
    RETURN QUERY SELECT * FROM post_orders(programme, order_ids, customers, moments, amounts, accrual_ids, told_at);
    told_at := coalesce(told_at, clock_timestamp());
    FOR told IN
        SELECT * FROM unnest(return_ids, returned_orders, returned_moments, returned_amounts) WITH ORDINALITY
            AS told (return_id, order_id, moment, amount_minor, place)
        ORDER BY place
    LOOP
        SELECT orders.*, numerator, denominator INTO bought FROM orders
        JOIN programme_rates AS rate ON rate.programme_id = orders.programme_id AND rate.version = rate_version
        WHERE orders.order_id = told.order_id;
        kept := CASE WHEN bought.cancelled_at IS NULL
                THEN points_for(bought.amount_minor - bought.returned_minor, bought.numerator, bought.denominator) ELSE 0 END;
        IF told.amount_minor IS NULL THEN
            wanted := kept;
            UPDATE orders SET cancelled_at = told.moment WHERE orders.order_id = told.order_id AND cancelled_at IS NULL;
        ELSE
            IF EXISTS (
                SELECT FROM order_returns AS known WHERE return_id = told.return_id
                AND (known.order_id, known.amount_minor) <> (told.order_id, told.amount_minor)
            ) THEN
                RAISE EXCEPTION 'a return is told in two ways' USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            INSERT INTO order_returns (return_id, order_id, amount_minor, returned_at)
            VALUES (told.return_id, told.order_id, told.amount_minor, told.moment) ON CONFLICT DO NOTHING;
            CONTINUE WHEN NOT FOUND;
            UPDATE orders SET returned_minor = returned_minor + told.amount_minor WHERE orders.order_id = told.order_id;
            wanted := kept - CASE WHEN bought.cancelled_at IS NULL THEN points_for(
                bought.amount_minor - bought.returned_minor - told.amount_minor, bought.numerator, bought.denominator
            ) ELSE 0 END;
        END IF;
        CONTINUE WHEN wanted = 0;
        taken := 0;
        FOR entry IN SELECT * FROM take_back(bought.lot_id, wanted, policy, told.return_id, told.order_id, NULL, told.moment, told_at) LOOP
            taken := taken - CASE WHEN entry.kind = 'reversal' THEN entry.points ELSE 0 END;
            RETURN QUERY SELECT entry.kind, entry.entry_id, entry.customer_id, told.order_id, abs(entry.points), told.moment, entry.sequence;
        END LOOP;
        UPDATE orders SET points_forgiven = points_forgiven + wanted - taken WHERE orders.order_id = told.order_id AND wanted > taken;
    END LOOP;
END $$;

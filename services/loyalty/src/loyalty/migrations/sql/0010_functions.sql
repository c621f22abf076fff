DROP FUNCTION ensure_members;
--;;
-- Makes the members that are missing, with a wallet in the programme and one in the first of all, and locks all of them in one order, so that
-- two batches never wait for each other in a ring.
CREATE FUNCTION ensure_members(programme text, wanted text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH made AS (
        INSERT INTO members (customer_id)
        SELECT DISTINCT customer FROM unnest(wanted) AS customer ORDER BY customer
        ON CONFLICT DO NOTHING
        RETURNING customer_id
    )
    INSERT INTO accounts (programme_id, kind, customer_id)
    SELECT own.id, 'member', customer_id FROM made, (SELECT 'prg_00000000000000000000000001' AS id UNION SELECT programme) AS own;
    PERFORM FROM members WHERE customer_id = ANY (wanted) ORDER BY customer_id FOR UPDATE;
END $$;
--;;
DROP FUNCTION take_points_back;
--;;
-- Takes points of lots back as the policy of the lot's programme has it. Whoever calls it holds the pools' locks.
CREATE FUNCTION take_points_back(
    lots_of text[], amounts bigint[], sources text[], orders_of text[], rules_of text[], moments timestamptz[], told_at timestamptz
) RETURNS TABLE (item bigint, kind text, entry_id text, customer_id text, points bigint, sequence bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    one record;
BEGIN
    told_at := coalesce(told_at, clock_timestamp());
    FOR one IN
        SELECT told.*, refund_policy FROM unnest(lots_of, amounts, sources, orders_of, rules_of, moments) WITH ORDINALITY
            AS told (lot_id, points, source_id, order_id, rule, moment, place)
        JOIN lots ON lots.id = told.lot_id JOIN accounts ON accounts.id = account_id JOIN programmes ON programmes.id = programme_id
        ORDER BY place
    LOOP
        RETURN QUERY SELECT one.place, taken.* FROM take_back(
            one.lot_id, one.points, one.refund_policy, one.source_id, one.order_id, one.rule, one.moment, told_at
        ) AS taken;
    END LOOP;
END $$;

-- Decides how much of what rules give their limits still allow. A row is one limit of one item, the rows of an item follow each other; the
-- items are decided one after the other, under locks taken in one order, so no limit is ever overrun.
CREATE FUNCTION allot_points(items int[], rule_ids text[], customers text[], periods text[], limits bigint[], wanted bigint[])
RETURNS TABLE (item int, allowed bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    slots int[];
    used bigint[];
    first int := 1;
    after int;
BEGIN
    INSERT INTO rule_usage (rule_id, customer_id, period)
    SELECT DISTINCT * FROM unnest(rule_ids, customers, periods) AS told (rule_id, customer_id, period) ORDER BY 1, 2, 3
    ON CONFLICT DO NOTHING;
    SELECT array_agg(points ORDER BY rule_id, customer_id, period) INTO used FROM (
        SELECT rule_usage.* FROM (
            SELECT DISTINCT * FROM unnest(rule_ids, customers, periods) AS told (rule_id, customer_id, period)
        ) AS counter JOIN rule_usage USING (rule_id, customer_id, period)
        ORDER BY rule_id, customer_id, period FOR UPDATE OF rule_usage
    ) AS locked;
    SELECT array_agg(slot ORDER BY place) INTO slots FROM (
        SELECT place, dense_rank() OVER (ORDER BY rule_id, customer_id, period)::int AS slot
        FROM unnest(rule_ids, customers, periods) WITH ORDINALITY AS told (rule_id, customer_id, period, place)
    ) AS ranked;
    WHILE first <= cardinality(items) LOOP
        item := items[first];
        allowed := wanted[first];
        after := first;
        WHILE after <= cardinality(items) AND items[after] = item LOOP
            allowed := least(allowed, limits[after] - used[slots[after]]);
            after := after + 1;
        END LOOP;
        allowed := greatest(allowed, 0);
        FOR place IN first .. after - 1 LOOP
            used[slots[place]] := used[slots[place]] + allowed;
        END LOOP;
        RETURN NEXT;
        first := after;
    END LOOP;
    UPDATE rule_usage SET points = used[told.slot]
    FROM (
        SELECT DISTINCT * FROM unnest(rule_ids, customers, periods, slots) AS told (rule_id, customer_id, period, slot)
    ) AS told
    WHERE (rule_usage.rule_id, rule_usage.customer_id, rule_usage.period) = (told.rule_id, told.customer_id, told.period);
END $$;
--;;
-- Remembers orders that earn by rules: their rate version is 0. Returns those that were not known yet.
CREATE FUNCTION remember_orders(programme text, order_ids text[], customers text[], moments timestamptz[], amounts bigint[])
RETURNS SETOF text LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    IF EXISTS (
        SELECT FROM unnest(order_ids, customers, moments, amounts) AS told (order_id, customer_id, placed_at, amount_minor)
        JOIN orders AS known ON known.order_id = told.order_id
        WHERE (known.customer_id, known.placed_at, known.amount_minor) <> (told.customer_id, told.placed_at, told.amount_minor)
    ) THEN
        RAISE EXCEPTION 'an order is told in two ways' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN QUERY
    INSERT INTO orders (order_id, customer_id, programme_id, rate_version, placed_at, amount_minor)
    SELECT order_id, customer_id, programme, 0, placed_at, amount_minor
    FROM unnest(order_ids, customers, moments, amounts) AS told (order_id, customer_id, placed_at, amount_minor)
    ON CONFLICT (order_id) DO NOTHING RETURNING order_id;
END $$;
--;;
-- Takes points of lots back as the programme's policy has it. Whoever calls it holds the pools' locks.
CREATE FUNCTION take_points_back(
    programme text, lots_of text[], amounts bigint[], sources text[], orders_of text[], rules_of text[], moments timestamptz[],
    told_at timestamptz
) RETURNS TABLE (item bigint, kind text, entry_id text, customer_id text, points bigint, sequence bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    one record;
    policy text := (SELECT refund_policy FROM programmes WHERE id = programme);
BEGIN
    told_at := coalesce(told_at, clock_timestamp());
    FOR one IN
        SELECT * FROM unnest(lots_of, amounts, sources, orders_of, rules_of, moments) WITH ORDINALITY
            AS told (lot_id, points, source_id, order_id, rule, moment, place) ORDER BY place
    LOOP
        RETURN QUERY SELECT one.place, taken.* FROM take_back(
            one.lot_id, one.points, policy, one.source_id, one.order_id, one.rule, one.moment, told_at
        ) AS taken;
    END LOOP;
END $$;

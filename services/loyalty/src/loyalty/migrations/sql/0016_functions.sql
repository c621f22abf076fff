-- What is known of things that members may earn for, once their members are there and locked, in one order: the programmes that have seen
-- each already. Whoever decides by it cannot be overtaken.
CREATE FUNCTION hear_occasions(programme text, triggers text[], sources text[], customers text[])
RETURNS TABLE (place bigint, seen_by text[]) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ensure_members(programme, customers);
    RETURN QUERY
    SELECT told.place, ARRAY(
        SELECT occasions.programme_id FROM occasions WHERE (occasions.trigger, occasions.source_id) = (told.kind, told.source)
    ) FROM unnest(triggers, sources) WITH ORDINALITY AS told (kind, source, place) ORDER BY place;
END $$;
--;;
-- The same of orders. Those that earn by rules are remembered, and `is_new` when they were not known. An order was decided when it is known
-- and no return waits for it: of one that is known by a return only the rules of the other programmes saw nothing yet.
CREATE FUNCTION hear_orders(programme text, order_ids text[], customers text[], moments timestamptz[], amounts bigint[], by_rules boolean[])
RETURNS TABLE (order_id text, is_decided boolean, is_new boolean, is_awaited boolean, seen_by text[], is_put_off boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    decided text[];
    fresh text[] := '{}';
BEGIN
    PERFORM ensure_members(programme, customers);
    decided := ARRAY(
        SELECT order_id FROM orders WHERE order_id = ANY (order_ids)
        AND NOT EXISTS (SELECT FROM occasion_returns WHERE occasion_returns.order_id = orders.order_id AND NOT is_applied)
    );
    IF true = ANY (by_rules) THEN
        fresh := ARRAY(
            SELECT remember_orders(programme, array_agg(told.id), array_agg(told.customer), array_agg(told.moment), array_agg(told.amount))
            FROM unnest(order_ids, customers, moments, amounts, by_rules) AS told (id, customer, moment, amount, is_ruled) WHERE is_ruled
        );
    END IF;
    RETURN QUERY
    SELECT told.id, told.id = ANY (decided), told.id = ANY (fresh),
           EXISTS (SELECT FROM occasion_returns WHERE occasion_returns.order_id = told.id AND NOT is_applied),
           ARRAY(SELECT programme_id FROM occasions WHERE (trigger, source_id) = ('order_placed', told.id)), is_put_off()
    FROM unnest(order_ids) AS told (id);
END $$;

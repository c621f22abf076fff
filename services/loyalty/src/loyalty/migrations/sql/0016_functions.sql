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
--;;
-- How far a family is with a challenge, after everything that counted until something; none where it has to be counted anew.
ALTER TABLE challenge_locks ADD tally jsonb;
--;;
DROP FUNCTION lock_challenges;
--;;
-- Keeps how much of events counts for challenges, and returns what is to be counted, once the members and each pair of a challenge and a
-- family are locked in one order. Where everything that is new is later than what the tally has seen, it is the tally and what is new, with
-- what lies close enough before it where that matters; else all facts and completions, also of the families of those who `moved`.
CREATE FUNCTION count_challenges(
    programme text, asked text[], zones text[], near_days int[], told_challenges text[], told_sources text[], told_customers text[],
    told_moments timestamptz[], told_amounts bigint[], moved text[]
) RETURNS TABLE (challenge_id text, root text, kind text, customer_id text, source_id text, moment timestamptz, amount bigint, tally jsonb)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    new_challenges text[];
    new_roots text[];
    new_sources text[];
    new_customers text[];
    new_moments timestamptz[];
    new_amounts bigint[];
    are_new boolean[];
    pair_challenges text[];
    pair_families text[];
    pair_tallies jsonb[];
BEGIN
    PERFORM ensure_members(programme, told_customers || moved);
    PERFORM lock_pools(told_customers || moved);
    WITH written AS (
        INSERT INTO challenge_facts (challenge_id, source_id, customer_id, occurred_at, amount)
        SELECT * FROM unnest(told_challenges, told_sources, told_customers, told_moments, told_amounts)
        ON CONFLICT (challenge_id, source_id) DO UPDATE SET amount = excluded.amount WHERE challenge_facts.amount <> excluded.amount
        RETURNING challenge_id, source_id, customer_id, occurred_at, amount, xmax = 0 AS is_new
    )
    SELECT array_agg(challenge_id), array_agg(coalesce(root_id, customer_id)), array_agg(source_id), array_agg(customer_id),
           array_agg(occurred_at), array_agg(amount), array_agg(is_new)
    INTO new_challenges, new_roots, new_sources, new_customers, new_moments, new_amounts, are_new
    FROM written LEFT JOIN customer_links USING (customer_id) WHERE amount > 0 OR NOT is_new;
    IF moved <> '{}' THEN
        -- As if something had changed, for each challenge and family.
        SELECT new_challenges || array_agg(one), new_roots || array_agg(own), new_sources || array_agg(''::text), new_customers || array_agg(own),
               new_moments || array_agg('infinity'::timestamptz), new_amounts || array_agg(0::bigint), are_new || array_agg(false)
        INTO new_challenges, new_roots, new_sources, new_customers, new_moments, new_amounts, are_new
        FROM unnest(asked) AS one, (SELECT DISTINCT (family_of(id))[1] AS own FROM unnest(moved) AS id) AS families;
    END IF;
    IF new_challenges IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO challenge_locks (challenge_id, customer_id)
    SELECT DISTINCT * FROM unnest(new_challenges, new_roots) AS pair (challenge_id, customer_id) ORDER BY 1, 2 ON CONFLICT DO NOTHING;
    SELECT array_agg(challenge), array_agg(family), array_agg(own.tally) INTO pair_challenges, pair_families, pair_tallies FROM (
        SELECT DISTINCT * FROM unnest(new_challenges, new_roots) AS pair (challenge, family) ORDER BY 1, 2
    ) AS pairs CROSS JOIN LATERAL (
        SELECT challenge_locks.tally FROM challenge_locks WHERE challenge_id = challenge AND customer_id = family FOR UPDATE
    ) AS own;
    -- What is looked up of each pair goes by indexes, whatever Postgres expects of arrays: hence the offsets.
    RETURN QUERY
    WITH news AS MATERIALIZED (
        SELECT * FROM unnest(new_challenges, new_roots, new_sources, new_customers, new_moments, new_amounts, are_new)
            AS news (challenge, family, source, customer, moment, amount, is_new)
    ), pairs AS MATERIALIZED (
        SELECT challenge, family, known, days, first_at, coalesce(goes_on AND known ->> 'zone' = zone, false) AS goes_on FROM (
            SELECT challenge, family, known, min(moment) AS first_at, bool_and(
                is_new AND ((known ->> 'counted_at')::timestamptz, known ->> 'counted_source') < (moment, source)
            ) AS goes_on
            FROM unnest(pair_challenges, pair_families, pair_tallies) AS pair (challenge, family, known) JOIN news USING (challenge, family)
            GROUP BY challenge, family, known
        ) AS seen JOIN unnest(asked, zones, near_days) AS terms (id, zone, days) ON id = challenge
    ), people AS MATERIALIZED (
        SELECT DISTINCT family, family AS member FROM pairs
        UNION SELECT root_id, links.customer_id FROM customer_links AS links WHERE root_id = ANY (pair_families)
    )
    SELECT challenge, family, 'pair', family, '', first_at, 0::bigint, CASE WHEN goes_on THEN known END FROM pairs
    UNION ALL
    SELECT challenge, family, 'fact', customer, source, moment, news.amount, NULL FROM news JOIN pairs USING (challenge, family) WHERE goes_on
    UNION ALL
    SELECT challenge, family, 'fact', member, facts.*, NULL
    FROM pairs JOIN people USING (family) CROSS JOIN LATERAL (
        SELECT source_id, occurred_at, challenge_facts.amount FROM challenge_facts
        WHERE customer_id = member AND challenge_id = challenge AND challenge_facts.amount > 0
          AND occurred_at >= greatest(first_at - make_interval(days => days + 1), (known ->> 'met_at')::timestamptz)
          AND (occurred_at, source_id) <= ((known ->> 'counted_at')::timestamptz, known ->> 'counted_source')
          AND (known ->> 'met_at' IS NULL OR (occurred_at, source_id) > ((known ->> 'met_at')::timestamptz, known ->> 'met_source'))
        OFFSET 0
    ) AS facts WHERE goes_on AND days IS NOT NULL
    UNION ALL
    SELECT challenge, family, 'fact', member, facts.*, NULL
    FROM pairs JOIN people USING (family) CROSS JOIN LATERAL (
        SELECT source_id, occurred_at, challenge_facts.amount FROM challenge_facts
        WHERE customer_id = member AND challenge_id = challenge AND challenge_facts.amount > 0 OFFSET 0
    ) AS facts WHERE NOT goes_on
    UNION ALL
    SELECT challenge, family, 'done', member, done.*, NULL
    FROM pairs JOIN people USING (family) CROSS JOIN LATERAL (
        SELECT id, completed_at, number::bigint FROM challenge_completions
        WHERE customer_id = member AND challenge_id = challenge AND revoked_at IS NULL OFFSET 0
    ) AS done WHERE NOT goes_on;
END $$;
--;;
-- Locks customers with all whose points they share, and then returns their offers, and those of who is the same person, that orders can have
-- to do with: none whose time was over before the earliest of them and, where nothing else is told, none that an earlier one has redeemed.
CREATE FUNCTION concerned_offers(customers text[], earliest timestamptz, are_placed boolean) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_pools(customers);
    RETURN QUERY
    WITH roots AS MATERIALIZED (
        SELECT coalesce(root_id, id) AS root FROM unnest(customers) AS id LEFT JOIN customer_links ON customer_id = id
    )
    SELECT offers.id FROM (
        SELECT root AS member FROM roots UNION SELECT links.customer_id FROM roots JOIN customer_links AS links ON links.root_id = root
    ) AS people JOIN offers ON offers.customer_id = member
    WHERE NOT is_control AND valid_until > earliest AND (NOT are_placed OR redeemed_at IS NULL OR redeemed_at >= earliest);
END $$;

-- Posts a batch of draws, one after the other in the order told, each from the wallets of the member's family, redemptions also from those
-- of his household: first what expires first. A row is an entry, several where several wallets were drawn from; or it says why there is none: `insufficient` with what
-- could be spent, `known` by its source and kind, `closed`, or `unknown` when there is no such member.
CREATE FUNCTION draw_points(
    programme text, kinds text[], customers text[], wallet_codes text[], amounts bigint[], moments timestamptz[], sources text[],
    orders_of text[], counters text[], rules text[], explanations jsonb[], told_at timestamptz
) RETURNS TABLE (item bigint, status text, kind text, entry_id text, customer_id text, wallet text, points bigint, order_id text,
                 source_id text, rule_version text, occurred_at timestamptz, sequence bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    told record;
    wallet_ids bigint[];
    spendable bigint;
BEGIN
    PERFORM lock_pools(customers);
    told_at := coalesce(told_at, clock_timestamp());
    FOR told IN
        SELECT asked.*, members.customer_id AS member_id, closed_at
        FROM unnest(kinds, customers, wallet_codes, amounts, moments, sources, orders_of, counters, rules, explanations) WITH ORDINALITY
            AS asked (kind, customer_id, code, points, occurred_at, source_id, order_id, counter, rule_version, explanation, place)
        LEFT JOIN members USING (customer_id) ORDER BY place
    LOOP
        IF told.member_id IS NULL OR told.closed_at IS NOT NULL THEN
            item := told.place;
            status := CASE WHEN told.member_id IS NULL THEN 'unknown' ELSE 'closed' END;
            customer_id := told.customer_id;
            RETURN NEXT;
            CONTINUE;
        END IF;
        RETURN QUERY
        SELECT told.place, 'known', known.kind, known.id, known.customer_id, told.code, known.points, known.order_id, known.source_id,
               known.rule_version, known.occurred_at, known.sequence
        FROM entries AS known WHERE known.source_id = told.source_id AND known.kind = told.kind;
        CONTINUE WHEN FOUND;
        wallet_ids := wallets_of(programme, told.code, CASE told.kind
            WHEN 'redemption' THEN pool_of(told.customer_id) ELSE family_of(told.customer_id) END);
        spendable := (SELECT state.spendable FROM wallet_state(wallet_ids, told_at) AS state);
        IF spendable < told.points THEN
            RETURN QUERY SELECT told.place, 'insufficient', told.kind, NULL::text, told.customer_id, told.code, spendable, told.order_id,
                                told.source_id, told.rule_version, told.occurred_at, NULL::bigint;
            CONTINUE;
        END IF;
        RETURN QUERY
        SELECT told.place, 'posted', booked.kind, booked.entry_id, booked.customer_id, told.code, booked.points, told.order_id,
               told.source_id, told.rule_version, coalesce(told.occurred_at, told_at), booked.sequence
        FROM book_draws(
            plan_draw(wallet_ids, told.points, told_at, false), told.kind, told.source_id, told.order_id, told.counter, told.rule_version,
            told.explanation, coalesce(told.occurred_at, told_at), told_at
        ) AS booked;
    END LOOP;
    IF is_put_off() THEN
        RETURN QUERY SELECT * FROM revived(customers, moments, told_at);
    END IF;
END $$;
--;;
-- What draws of a source took from each lot and what of it has not come back.
CREATE FUNCTION restorable_of(drawn_source text) RETURNS TABLE (account_id bigint, customer_id text, lot_id text, points bigint, place bigint)
LANGUAGE sql STABLE AS $$
    SELECT lots.account_id, entries.customer_id, lots.id, taken.points - coalesce((
        SELECT -sum(back.points) FROM lot_draws AS back JOIN entries AS restoring ON restoring.id = back.entry_id
        WHERE back.lot_id = lots.id AND restoring.kind = 'restoration' AND restoring.order_id = drawn_source
    ), 0)::bigint, row_number() OVER (ORDER BY lots.expires_at DESC, lots.earned_at DESC, lots.id DESC)
    FROM entries JOIN lot_draws AS taken ON taken.entry_id = entries.id JOIN lots ON lots.id = taken.lot_id
    WHERE entries.source_id = drawn_source AND entries.kind = 'redemption'
$$;
--;;
-- Gives back what redemptions of a source took: what was drawn last comes back first, so that any splitting of it ends the same. Points
-- return to their lots and keep their expiry. A restoration names the source in `order_id`. Rows as those of draw_points; `exceeds` tells
-- what is left to restore.
CREATE FUNCTION restore_points(
    programme text, drawn_sources text[], amounts bigint[], moments timestamptz[], sources text[], told_at timestamptz
) RETURNS TABLE (item bigint, status text, kind text, entry_id text, customer_id text, wallet text, points bigint, order_id text,
                 source_id text, rule_version text, occurred_at timestamptz, sequence bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    told record;
    plan drawn[];
    wanted bigint;
    restorable bigint;
BEGIN
    PERFORM FROM members WHERE customer_id IN (
        SELECT taken.customer_id FROM unnest(drawn_sources) AS source, LATERAL restorable_of(source) AS taken
    ) ORDER BY customer_id FOR UPDATE;
    told_at := coalesce(told_at, clock_timestamp());
    FOR told IN
        SELECT * FROM unnest(drawn_sources, amounts, moments, sources) WITH ORDINALITY
            AS asked (drawn_source, points, occurred_at, source_id, place) ORDER BY place
    LOOP
        RETURN QUERY
        SELECT told.place, 'known', known.kind, known.id, known.customer_id, accounts.wallet, known.points, known.order_id, known.source_id,
               known.rule_version, known.occurred_at, known.sequence
        FROM entries AS known JOIN accounts ON accounts.id = account_id
        WHERE known.source_id = told.source_id AND known.kind = 'restoration';
        CONTINUE WHEN FOUND;
        restorable := (SELECT coalesce(sum(taken.points), 0)::bigint FROM restorable_of(told.drawn_source) AS taken
                       JOIN members USING (customer_id) WHERE closed_at IS NULL);
        wanted := coalesce(told.points, restorable);
        IF wanted > restorable OR wanted = 0 THEN
            RETURN QUERY SELECT told.place, 'exceeds', 'restoration', NULL::text, NULL::text, NULL::text, restorable, told.drawn_source,
                                told.source_id, NULL::text, told.occurred_at, NULL::bigint;
            CONTINUE;
        END IF;
        plan := ARRAY(
            SELECT ROW(account_id, lot_id, -least(points, wanted - before))::drawn FROM (
                SELECT taken.*, sum(taken.points) OVER (ORDER BY place) - taken.points AS before
                FROM restorable_of(told.drawn_source) AS taken JOIN members USING (customer_id)
                WHERE taken.points > 0 AND closed_at IS NULL
            ) AS lots WHERE before < wanted
        );
        RETURN QUERY
        SELECT told.place, 'posted', booked.kind, booked.entry_id, booked.customer_id,
               (SELECT accounts.wallet FROM accounts WHERE accounts.id = (plan[1]).account_id), booked.points, told.drawn_source,
               told.source_id, NULL::text, coalesce(told.occurred_at, told_at), booked.sequence
        FROM book_draws(
            plan, 'restoration', told.source_id, told.drawn_source,
            -- Where it went to, a partner perhaps, it comes back from.
            (SELECT min(spent.counter) FROM entries AS spent WHERE spent.source_id = told.drawn_source AND spent.kind = 'redemption'),
            NULL, NULL, coalesce(told.occurred_at, told_at), told_at
        ) AS booked;
    END LOOP;
END $$;

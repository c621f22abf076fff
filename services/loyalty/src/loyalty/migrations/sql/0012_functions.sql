-- Which programmes have tiers to which something counts, orders or the points of a wallet; and what counts by the last version.
CREATE FUNCTION tiers_counting(is_points boolean) RETURNS TABLE (programme_id text, wallet text, last_measure text, last_wallet text)
LANGUAGE sql STABLE AS $$
    SELECT DISTINCT programme_id, CASE WHEN is_points THEN qualification ->> 'wallet' END, last.measure, last.wallet
    FROM tier_schemes CROSS JOIN LATERAL (
        SELECT newest.qualification ->> 'measure' AS measure, newest.qualification ->> 'wallet' AS wallet FROM tier_schemes AS newest
        WHERE newest.programme_id = tier_schemes.programme_id ORDER BY newest.version DESC LIMIT 1
    ) AS last
    WHERE tiers <> '[]' AND (qualification ->> 'measure' = 'points') = is_points
$$;
--;;
-- The database itself notes what standings do not know yet, so that nobody can forget to: it locks nothing that two customers share.
CREATE FUNCTION note_orders_for_tiers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM tier_schemes) THEN
        INSERT INTO tier_news (programme_id, customer_id, moment, is_less, counts_at, delta)
        SELECT programme, customer_id, placed_at, cancelled_at IS NOT NULL, placed_at, CASE
            WHEN last_measure = 'points' THEN 0 WHEN cancelled_at IS NOT NULL THEN NULL WHEN last_measure = 'visits' THEN 1
            ELSE greatest(amount_minor, 0) END
        FROM added, tiers_counting(false) AS counting (programme);
    END IF;
    RETURN NULL;
END $$;
--;;
CREATE TRIGGER note_orders_for_tiers AFTER INSERT ON orders REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION note_orders_for_tiers();
--;;
CREATE FUNCTION note_cancellation_for_tiers() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    is_known boolean := OLD.cancelled_at IS NULL AND NEW.cancelled_at <= clock_timestamp();
    gone bigint := greatest(NEW.amount_minor, 0);
    back bigint;
BEGIN
    SELECT coalesce(sum(amount_minor), 0) INTO back FROM order_returns WHERE order_id = NEW.order_id AND returned_at <= clock_timestamp();
    INSERT INTO tier_news (programme_id, customer_id, moment, is_less, counts_at, delta)
    SELECT programme_id, NEW.customer_id, greatest(least(OLD.cancelled_at, NEW.cancelled_at), NEW.placed_at), true, NEW.placed_at, CASE
        WHEN last_measure = 'points' THEN 0 WHEN NOT is_known THEN NULL
        WHEN last_measure = 'visits' THEN CASE WHEN gone = 0 OR gone > back THEN -1 ELSE 0 END
        ELSE -greatest(gone - back, 0) END
    FROM tiers_counting(false);
    RETURN NULL;
END $$;
--;;
CREATE TRIGGER note_cancellation_for_tiers AFTER UPDATE OF cancelled_at ON orders FOR EACH ROW
    WHEN (NEW.cancelled_at IS DISTINCT FROM OLD.cancelled_at) EXECUTE FUNCTION note_cancellation_for_tiers();
--;;
CREATE FUNCTION note_returns_for_tiers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM tier_schemes) THEN
        INSERT INTO tier_news (programme_id, customer_id, moment, is_less, counts_at, delta)
        SELECT programme, customer_id, moment, true, placed_at, CASE
            WHEN last_measure = 'points' THEN 0 WHEN NOT is_known THEN NULL
            WHEN last_measure = 'visits' THEN CASE WHEN bought > 0 AND bought > before AND bought <= before + back THEN -1 ELSE 0 END
            ELSE greatest(bought - before - back, 0) - greatest(bought - before, 0) END
        FROM tiers_counting(false) AS counting (programme), (
            SELECT customer_id, placed_at, greatest(orders.amount_minor, 0) AS bought, back, greatest(returned_at, placed_at) AS moment,
                last_at <= clock_timestamp() AND cancelled_at IS NULL AS is_known, (
                    SELECT coalesce(sum(known.amount_minor), 0) FROM order_returns AS known
                    WHERE known.order_id = told.order_id AND known.returned_at <= clock_timestamp()
                ) - back AS before
            FROM (
                SELECT order_id, sum(amount_minor) AS back, min(returned_at) AS returned_at, max(returned_at) AS last_at
                FROM added GROUP BY order_id
            ) AS told JOIN orders USING (order_id)
        ) AS came;
    END IF;
    RETURN NULL;
END $$;
--;;
CREATE TRIGGER note_returns_for_tiers AFTER INSERT ON order_returns REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION note_returns_for_tiers();
--;;
CREATE FUNCTION note_entries_for_tiers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM tier_schemes) THEN
        INSERT INTO tier_news (programme_id, customer_id, moment, is_less, counts_at, delta)
        SELECT accounts.programme_id, added.customer_id, occurred_at, points < 0,
            CASE WHEN added.kind = 'reversal' THEN coalesce(least(placed_at, occurred_at), occurred_at) ELSE occurred_at END, CASE
            WHEN last_measure <> 'points' OR last_wallet <> accounts.wallet THEN 0
            WHEN added.kind = 'adjustment' AND points < 0 OR occurred_at > clock_timestamp() THEN NULL
            ELSE points END
        FROM tiers_counting(true) AS counting JOIN accounts USING (programme_id, wallet) JOIN added ON account_id = accounts.id
        LEFT JOIN orders ON added.kind = 'reversal' AND orders.order_id = added.order_id
        WHERE added.kind IN ('accrual', 'reversal', 'adjustment');
    END IF;
    RETURN NULL;
END $$;
--;;
CREATE TRIGGER note_entries_for_tiers AFTER INSERT ON entries REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION note_entries_for_tiers();
--;;
-- What counts of a family after one moment and until another, as it is left at a third; `moved_at`: when last something of it came back.
-- What an adjustment took moves for ever, for with it a sum can rise as time goes by.
CREATE FUNCTION tier_facts(
    programme text, measure text, wallet_code text, customer text, after timestamptz, upto timestamptz, moment timestamptz
) RETURNS TABLE (counts_at timestamptz, amount bigint, moved_at timestamptz) LANGUAGE sql STABLE AS $$
    SELECT placed_at, CASE
        WHEN cancelled_at <= moment THEN 0
        WHEN measure = 'visits' THEN CASE WHEN amount_minor <= 0 OR amount_minor > returned THEN 1 ELSE 0 END
        ELSE greatest(greatest(amount_minor, 0) - returned, 0) END,
        CASE WHEN cancelled_at <= moment THEN greatest(cancelled_at, last_return) ELSE last_return END
    FROM unnest(family_of(customer)) AS member JOIN orders ON customer_id = member
    CROSS JOIN LATERAL (
        SELECT CASE WHEN returned_minor = 0 THEN 0 ELSE (
            SELECT coalesce(sum(amount_minor), 0) FROM order_returns AS r WHERE r.order_id = orders.order_id AND returned_at <= moment
        ) END AS returned, CASE WHEN returned_minor > 0 THEN (
            SELECT max(returned_at) FROM order_returns AS r WHERE r.order_id = orders.order_id AND returned_at <= moment
        ) END AS last_return
    ) AS back
    WHERE measure <> 'points' AND placed_at > after AND placed_at <= upto
    UNION ALL
    SELECT earned.* FROM unnest(family_of(customer)) AS member CROSS JOIN LATERAL (
        SELECT id FROM accounts WHERE accounts.customer_id = member AND accounts.programme_id = programme AND wallet = wallet_code OFFSET 0
    ) AS account CROSS JOIN LATERAL (
        SELECT occurred_at, points, CASE WHEN points < 0 THEN timestamptz '9999-01-01' END FROM entries
        WHERE entries.customer_id = member AND account_id = account.id AND entries.kind IN ('accrual', 'adjustment')
          AND occurred_at > after AND occurred_at <= least(upto, moment) OFFSET 0
    ) AS earned
    WHERE measure = 'points'
    UNION ALL
    SELECT taken.* FROM unnest(family_of(customer)) AS member CROSS JOIN LATERAL (
        SELECT id FROM accounts WHERE accounts.customer_id = member AND accounts.programme_id = programme AND wallet = wallet_code OFFSET 0
    ) AS account CROSS JOIN LATERAL (
        SELECT coalesce(least(placed_at, occurred_at), occurred_at) AS counts_at, points, occurred_at
        FROM entries LEFT JOIN orders ON orders.order_id = entries.order_id
        WHERE entries.customer_id = member AND account_id = account.id AND entries.kind = 'reversal'
          AND occurred_at > after AND occurred_at <= moment OFFSET 0
    ) AS taken
    WHERE measure = 'points' AND taken.counts_at > after AND taken.counts_at <= upto
$$;
--;;
-- When last something was earned after a moment that is left now; from the newest on, one after the other.
CREATE FUNCTION tier_earned_at(programme text, measure text, wallet_code text, customer text, after timestamptz)
RETURNS timestamptz LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    found timestamptz := moment + interval '1 microsecond';
    total bigint;
BEGIN
    LOOP
        IF measure = 'points' THEN
            SELECT max(last.occurred_at) INTO found FROM unnest(family_of(customer)) AS member
            JOIN accounts ON accounts.customer_id = member AND accounts.programme_id = programme AND wallet = wallet_code
            CROSS JOIN LATERAL (
                SELECT occurred_at FROM entries WHERE entries.customer_id = member AND account_id = accounts.id
                AND entries.kind IN ('accrual', 'adjustment') AND points > 0
                AND occurred_at > after AND occurred_at < found ORDER BY occurred_at DESC LIMIT 1
            ) AS last;
        ELSE
            SELECT max(last.placed_at) INTO found FROM unnest(family_of(customer)) AS member CROSS JOIN LATERAL (
                SELECT placed_at FROM orders WHERE orders.customer_id = member AND placed_at > after AND placed_at < found
                ORDER BY placed_at DESC LIMIT 1
            ) AS last;
        END IF;
        EXIT WHEN found IS NULL;
        SELECT sum(amount) INTO total
        FROM tier_facts(programme, measure, wallet_code, customer, found - interval '1 microsecond', found, moment);
        EXIT WHEN total > 0;
    END LOOP;
    RETURN found;
END $$;
--;;
-- Sums of what counts at present of families after moments and until others; when last something was earned that is left, and when last something
-- came back. Where it is known what `counted` in another window, only what lies between the two is read: `looked` tells how much.
CREATE FUNCTION tier_sums(
    programme text, measure text, wallet_code text, customers text[], after timestamptz[], upto timestamptz[],
    counted bigint[], counted_after timestamptz[], counted_upto timestamptz[], presents timestamptz[]
) RETURNS TABLE (place bigint, total bigint, earned_at timestamptz, moved_at timestamptz, looked bigint) LANGUAGE sql STABLE AS $$
    WITH asked AS MATERIALIZED (
        SELECT *, told.counted IS NOT NULL AND told.after < told.counted_upto AS is_counted
        FROM unnest(customers, after, upto, counted, counted_after, counted_upto, presents)
            WITH ORDINALITY AS told (customer, after, upto, counted, counted_after, counted_upto, present, place)
    )
    SELECT place, own.total, CASE WHEN measure = 'points' AND own.moved_at IS NOT NULL
        THEN tier_earned_at(programme, measure, wallet_code, customer, asked.after) ELSE own.earned_at END, own.moved_at, own.looked
    FROM asked CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount) FILTER (WHERE counts_at <= asked.upto), 0)::bigint AS total,
            max(counts_at) FILTER (WHERE amount > 0) AS earned_at, max(facts.moved_at) AS moved_at, count(*) AS looked
        FROM tier_facts(programme, measure, wallet_code, customer, asked.after, present, present) AS facts
    ) AS own WHERE NOT is_counted
    UNION ALL
    SELECT place, asked.counted + begins.total * CASE WHEN asked.after < asked.counted_after THEN 1 ELSE -1 END
            + ends.total * CASE WHEN asked.upto > asked.counted_upto THEN 1 ELSE -1 END,
        tier_earned_at(programme, measure, wallet_code, customer, asked.after), NULL, begins.looked + ends.looked
    FROM asked CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount), 0)::bigint AS total, count(*) AS looked FROM tier_facts(
            programme, measure, wallet_code, customer, least(asked.after, asked.counted_after), greatest(asked.after, asked.counted_after),
            present
        )
    ) AS begins CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount), 0)::bigint AS total, count(*) AS looked FROM tier_facts(
            programme, measure, wallet_code, customer, least(asked.upto, asked.counted_upto), greatest(asked.upto, asked.counted_upto),
            present
        )
    ) AS ends WHERE is_counted
$$;
--;;
-- For each threshold the moment back to which one has to go from `upto` on to have earned as much: once that leaves the window, it is lost.
CREATE FUNCTION tier_falls(
    programme text, measure text, wallet_code text, customer text, after timestamptz, upto timestamptz, thresholds bigint[]
) RETURNS timestamptz[] LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    fact record;
    total bigint := 0;
    falls timestamptz[] := '{}';
BEGIN
    FOR fact IN
        SELECT counts_at, amount FROM tier_facts(programme, measure, wallet_code, customer, after, upto, clock_timestamp())
        ORDER BY counts_at DESC
    LOOP
        total := total + fact.amount;
        WHILE cardinality(falls) < cardinality(thresholds) AND total >= thresholds[cardinality(falls) + 1] LOOP
            falls := falls || fact.counts_at;
        END LOOP;
        EXIT WHEN cardinality(falls) = cardinality(thresholds);
    END LOOP;
    RETURN falls;
END $$;
--;;
DROP FUNCTION lock_tier_histories;
--;;
DROP FUNCTION tier_histories;
--;;
-- What counts for the tiers of customers' families from a moment on, as flat rows: `now` (the instant looked at), `start` (enrolled),
-- `order`, `return`, `cancel`, `points` and the wallet, `override`. Without an instant it is the present.
CREATE FUNCTION tier_histories(
    programme text, with_orders boolean, wallet_codes text[], customers text[], since timestamptz, valid_at timestamptz, known_at timestamptz
) RETURNS TABLE (root text, kind text, source text, counts_at timestamptz, happened_at timestamptz, amount bigint) LANGUAGE sql STABLE AS $$
    WITH moment AS (
        SELECT coalesce(valid_at, clock_timestamp()) AS moment
    ), people AS MATERIALIZED (
        SELECT DISTINCT family[1] AS root, member FROM unnest(customers) AS asked, family_of(asked) AS family, unnest(family) AS member
    ), bought AS (
        SELECT root, moment, orders.* FROM moment, people JOIN orders ON customer_id = member
        WHERE with_orders AND placed_at >= since AND placed_at <= moment AND orders.recorded_at <= known_at
    )
    SELECT DISTINCT root, 'now', '', moment, moment, 0::bigint FROM people, moment
    UNION ALL
    SELECT root, 'start', '', min(enrolled_at), min(enrolled_at), 0 FROM moment, people JOIN members ON customer_id = member
    WHERE enrolled_at <= moment AND members.recorded_at <= known_at GROUP BY root
    UNION ALL
    SELECT root, 'order', order_id, placed_at, placed_at, amount_minor FROM bought
    UNION ALL
    SELECT root, 'cancel', order_id, placed_at, cancelled_at, 0 FROM bought
    WHERE cancelled_at <= moment AND cancellation_recorded_at <= known_at
    UNION ALL
    SELECT root, 'return', order_id, placed_at, returned_at, order_returns.amount_minor FROM bought JOIN order_returns USING (order_id)
    WHERE returned_minor > 0 AND returned_at <= moment AND order_returns.recorded_at <= known_at
    UNION ALL
    SELECT * FROM (
        SELECT root, 'points:' || wallet, entries.id, coalesce(least(placed_at, occurred_at), occurred_at) AS counts_at, occurred_at, points
        FROM moment, people
        JOIN accounts ON accounts.customer_id = member AND accounts.programme_id = programme AND wallet = ANY (wallet_codes)
        JOIN entries ON entries.customer_id = member AND account_id = accounts.id
        LEFT JOIN orders ON entries.kind = 'reversal' AND orders.order_id = entries.order_id
        WHERE entries.kind IN ('accrual', 'reversal', 'adjustment') AND occurred_at >= since AND occurred_at <= moment
          AND entries.recorded_at <= known_at
    ) AS earned WHERE earned.counts_at >= since
    UNION ALL
    SELECT root, 'override', coalesce(tier, ''), set_at, coalesce(until, '9999-01-01'), 0
    FROM moment, people JOIN tier_overrides ON customer_id = member
    WHERE programme_id = programme AND set_at <= moment AND set_at <= known_at
$$;
--;;
-- Where families stand by what is kept, which is made if it is missing and locked in one order, with the news of them that have come, which
-- are taken: what another batch told meanwhile of the same family is seen.
CREATE FUNCTION lock_tier_standings(programme text, customers text[])
RETURNS TABLE (
    root text, present timestamptz, tier text, since timestamptz, steady_since timestamptz, until timestamptz, falls_to text, scheme_version int,
    told_tier text, sequence bigint, news_from timestamptz, is_less boolean, is_more boolean, is_given boolean,
    counted bigint, counted_after timestamptz, counted_upto timestamptz, moved_at timestamptz
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    roots text[] := ARRAY(SELECT DISTINCT (family_of(asked))[1] AS root FROM unnest(customers) AS asked ORDER BY root);
BEGIN
    INSERT INTO tier_standings (programme_id, customer_id) SELECT programme, one FROM unnest(roots) AS one ON CONFLICT DO NOTHING;
    PERFORM FROM tier_standings WHERE programme_id = programme AND customer_id = ANY (roots) ORDER BY customer_id FOR UPDATE;
    RETURN QUERY
    WITH present AS MATERIALIZED (
        SELECT clock_timestamp() AS moment
    ), people AS MATERIALIZED (
        SELECT one AS root, unnest(family_of(one)) AS member FROM unnest(roots) AS one
    ), taken AS (
        DELETE FROM tier_news USING present
        WHERE programme_id = programme AND customer_id = ANY (ARRAY(SELECT member FROM people)) AND tier_news.moment <= present.moment
        RETURNING customer_id, tier_news.moment, is_less, counts_at, delta
    ), news AS (
        SELECT root, min(moment) AS news_from, bool_or(is_less) AS is_less, bool_or(NOT is_less) AS is_more,
            max(moment) FILTER (WHERE is_less) AS moved_at, CASE WHEN bool_and(delta IS NOT NULL) THEN coalesce(
                sum(delta) FILTER (WHERE counts_at > standing.counted_after AND counts_at <= standing.counted_upto), 0
            ) END AS delta
        FROM people JOIN taken ON taken.customer_id = member
        JOIN tier_standings AS standing ON standing.programme_id = programme AND standing.customer_id = root GROUP BY root
    ), counting AS (
        UPDATE tier_standings SET counted = counted + delta, moved_at = greatest(tier_standings.moved_at, news.moved_at) FROM news
        WHERE programme_id = programme AND customer_id = news.root AND counted IS NOT NULL
          AND (delta IS NULL OR delta <> 0 OR news.moved_at IS NOT NULL)
    )
    SELECT customer_id, present.moment, tier, since, steady_since, until, falls_to, scheme_version, told_tier, sequence,
        news_from, is_less, is_more, EXISTS (
            SELECT FROM people JOIN tier_overrides AS given ON given.customer_id = member
            WHERE people.root = tier_standings.customer_id AND given.programme_id = programme
              AND coalesce(given.until, 'infinity') > least(news_from, present.moment)
        ), CASE WHEN news.root IS NULL THEN counted ELSE (counted + delta)::bigint END, counted_after, counted_upto,
        greatest(tier_standings.moved_at, news.moved_at)
    FROM present, tier_standings LEFT JOIN news ON news.root = customer_id
    WHERE programme_id = programme AND customer_id = ANY (roots);
END $$;

-- When points that come at a moment end by a policy, always at a midnight of its zone: what is counted from the moment lasts to the end of
-- its last day, what goes by the calendar to the end of the last month, quarter or year. The twin of loyalty.expiry.rules.expires_after.
CREATE FUNCTION expires_after(policy expiry_policies, moment timestamptz) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN (policy).kind = 'never' OR moment = 'infinity' THEN 'infinity'::timestamptz ELSE (
    date_trunc(CASE (policy).kind WHEN 'calendar' THEN (policy).unit ELSE 'day' END, moment AT TIME ZONE (policy).zone)
    + ((policy).units + CASE (policy).kind WHEN 'calendar' THEN 1 ELSE 0 END) * CASE (policy).unit
        WHEN 'day' THEN interval '1 day' WHEN 'month' THEN interval '1 month' WHEN 'quarter' THEN interval '3 months' ELSE interval '1 year' END
    + CASE (policy).kind WHEN 'calendar' THEN interval '0' ELSE interval '1 day' END
) AT TIME ZONE (policy).zone END;
--;;
CREATE FUNCTION expiry_policy_at(programme text, moment timestamptz) RETURNS SETOF expiry_policies LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT * FROM expiry_policies WHERE programme_id = programme AND effective_from <= moment ORDER BY effective_from DESC LIMIT 1
$$;
--;;
-- Whether there may be lots that activity puts off.
CREATE FUNCTION is_put_off() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM expiry_policies WHERE kind = 'activity')
$$;
--;;
-- When a family earned, spent or ordered for the last time before an instant, as far as it was told until another.
CREATE FUNCTION last_activity(programme text, customers text[], before timestamptz, known_at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT max(seen.moment) FROM unnest(customers) AS member (id) CROSS JOIN LATERAL (
            (SELECT occurred_at AS moment FROM entries
             WHERE customer_id = member.id AND occurred_at < before AND kind IN ('accrual', 'redemption')
               AND (known_at = 'infinity' OR recorded_at <= known_at)
               AND (SELECT programme_id FROM accounts WHERE accounts.id = account_id) = programme
             ORDER BY occurred_at DESC LIMIT 1)
            UNION ALL
            (SELECT placed_at FROM orders
             WHERE customer_id = member.id AND placed_at < before AND (known_at = 'infinity' OR recorded_at <= known_at)
             ORDER BY placed_at DESC LIMIT 1)
        ) AS seen
    );
END $$;
--;;
-- The same, or when the family last left a tier in which nothing expires; infinity while it is in one at the moment.
CREATE FUNCTION last_sign(policy expiry_policies, customers text[], before timestamptz, moment timestamptz, known_at timestamptz)
RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF policy.exempt_tiers = '{}' THEN
        RETURN last_activity(policy.programme_id, customers, before, known_at);
    END IF;
    RETURN greatest(
        last_activity(policy.programme_id, customers, before, known_at),
        (SELECT max(CASE WHEN ends_at > moment THEN 'infinity' ELSE ends_at END)
         FROM exempt_spans(policy.programme_id, customers, policy.exempt_tiers, known_at) WHERE begins_at < before)
    );
END $$;
--;;
-- From when on points count no more, as of a moment: from their own expiry, and where activity puts that off, so long after the last
-- activity before they lapsed. Two steps go at least as far as the policy's time, so that it is quick however much was done.
CREATE FUNCTION effective_expiry(
    own timestamptz, policy expiry_policies, customers text[], moment timestamptz, known_at timestamptz DEFAULT 'infinity'
) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
    reached timestamptz := own;
    further timestamptz;
BEGIN
    LOOP
        further := expires_after(policy, last_sign(
            policy, customers, least(reached, moment + interval '1 microsecond'), moment, known_at
        ));
        EXIT WHEN further IS NULL OR further <= reached;
        reached := further;
    END LOOP;
    RETURN reached;
END $$;
--;;
-- The same of a lot.
CREATE FUNCTION lot_expiry(lot text, moment timestamptz, known_at timestamptz DEFAULT 'infinity') RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE expiry_version WHEN 0 THEN expires_at
           ELSE effective_expiry(expires_at, policy, family_of(customer_id), moment, known_at) END
    FROM lots JOIN accounts ON accounts.id = account_id
    LEFT JOIN expiry_policies AS policy ON policy.programme_id = accounts.programme_id AND policy.version = expiry_version
    WHERE lots.id = lot
$$;
--;;
-- Which open lots of wallets count at a moment, by the policy that can put them off (0: nothing does): those whose own expiry is after
-- `since`, and they count until that or until `frontier`, whichever is later.
CREATE FUNCTION standing_of(wallet_ids bigint[], moment timestamptz)
RETURNS TABLE (account_id bigint, expiry_version integer, since timestamptz, frontier timestamptz) LANGUAGE plpgsql STABLE ROWS 2 AS $$
#variable_conflict use_column
DECLARE
    wallet record;
    own timestamptz;
    reached timestamptz;
BEGIN
    RETURN QUERY SELECT id, 0, moment, '-infinity'::timestamptz FROM unnest(wallet_ids) AS id;
    FOR wallet IN
        SELECT accounts.id, policy, family_of(customer_id) AS family FROM expiry_policies AS policy JOIN accounts USING (programme_id)
        WHERE policy.kind = 'activity' AND accounts.id = ANY (wallet_ids)
    LOOP
        account_id := wallet.id;
        expiry_version := (wallet.policy).version;
        frontier := coalesce(expires_after(wallet.policy, last_sign(
            wallet.policy, wallet.family, moment + interval '1 microsecond', moment, 'infinity'
        )), '-infinity');
        since := CASE WHEN frontier > moment THEN '-infinity'::timestamptz ELSE moment END;
        WHILE since < moment LOOP
            SELECT min(lots.expires_at) INTO own FROM lots
            WHERE lots.account_id = wallet.id AND lots.expiry_version = (wallet.policy).version AND remaining > 0 AND lots.expires_at > since;
            EXIT WHEN own IS NULL OR own > moment;
            reached := effective_expiry(own, wallet.policy, wallet.family, moment);
            EXIT WHEN reached > moment;
            since := reached;
        END LOOP;
        RETURN NEXT;
    END LOOP;
END $$;
--;;
-- Has wallets looked at again when the lots of entries lapse, unless activity puts that off meanwhile.
CREATE FUNCTION watch_expiries(entry_ids text[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO expiry_watches (account_id, due_at)
    SELECT account_id, min(expires_at) FROM lots WHERE entry_id = ANY (entry_ids) AND expiry_version <> 0 GROUP BY account_id ORDER BY account_id
    ON CONFLICT (account_id) DO UPDATE SET due_at = excluded.due_at WHERE expiry_watches.due_at > excluded.due_at
$$;

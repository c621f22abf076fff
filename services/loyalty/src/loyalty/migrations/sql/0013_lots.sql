DROP FUNCTION due_lots;
--;;
-- As the first version; what activity can put off is worked out for all lots at once.
CREATE FUNCTION due_lots(many bigint, watched bigint[], moment timestamptz)
RETURNS TABLE (lot_id text, account_id bigint, customer_id text, wallet text, points bigint, lapsed_at timestamptz) LANGUAGE sql STABLE AS $$
    SELECT due.id, due.account_id, accounts.customer_id, accounts.wallet, due.points, greatest(
        due.expired_at,
        (SELECT max(least(until, closed_at)) FROM hold_lots JOIN holds ON holds.id = hold_id
         WHERE hold_lots.lot_id = due.id AND NOT is_open AND captured < holds.points AND holds.created_at < due.expired_at),
        (SELECT max(until) FROM hold_lots WHERE hold_lots.lot_id = due.id AND is_open AND until <= moment),
        (SELECT max(entries.occurred_at) FROM lot_draws JOIN entries ON entries.id = lot_draws.entry_id
         WHERE lot_draws.lot_id = due.id AND lot_draws.points < 0)
    )
    FROM (
        SELECT lapsed.id, lapsed.account_id, remaining - held AS points, expired_at FROM (
            (SELECT lots.id, account_id, remaining, held, expires_at AS expired_at
             FROM lots CROSS JOIN LATERAL (
                 SELECT coalesce(sum(hold_lots.points), 0)::bigint AS held FROM hold_lots
                 WHERE hold_lots.lot_id = lots.id AND is_open AND until > moment
             ) AS reserved
             WHERE remaining > 0 AND expires_at < 'infinity' AND expiry_version = 0 AND expires_at <= moment AND remaining > held
             ORDER BY expires_at LIMIT many)
            UNION ALL
            SELECT lots.id, account_id, remaining, held, lasting.expires_at
            FROM lot_expiries(ARRAY(
                SELECT id FROM lots WHERE account_id = ANY (watched) AND expiry_version <> 0 AND remaining > 0 AND expires_at <= moment
            ), moment) AS lasting
            JOIN lots ON lots.id = lot_id CROSS JOIN LATERAL (
                SELECT coalesce(sum(hold_lots.points), 0)::bigint AS held FROM hold_lots
                WHERE hold_lots.lot_id = lots.id AND is_open AND until > moment
            ) AS reserved
            WHERE lasting.expires_at <= moment AND remaining > held
        ) AS lapsed
    ) AS due JOIN accounts ON accounts.id = account_id
    ORDER BY due.expired_at, due.id
$$;
--;;
DROP FUNCTION next_lapse;
--;;
-- When the next lot of each wallet lapses that activity can put off, or is let go by what holds it; whoever is in a tier in which nothing
-- expires is looked at every day.
CREATE FUNCTION next_lapses(wallet_ids bigint[], moment timestamptz)
RETURNS TABLE (account_id bigint, lapses_at timestamptz) LANGUAGE sql STABLE AS $$
    SELECT wallet, coalesce(min(CASE
        WHEN lasting.expires_at > moment AND lasting.expires_at = 'infinity' AND lots.expires_at < 'infinity' THEN moment + interval '1 day'
        WHEN lasting.expires_at > moment THEN lasting.expires_at
        ELSE (SELECT max(until) FROM hold_lots WHERE hold_lots.lot_id = lots.id AND is_open AND until > moment) END), 'infinity')
    FROM unnest(wallet_ids) AS wallet LEFT JOIN (
        lot_expiries(ARRAY(
            SELECT id FROM lots WHERE lots.account_id = ANY (wallet_ids) AND expiry_version <> 0 AND remaining > 0
        ), moment) AS lasting JOIN lots ON lots.id = lasting.lot_id
    ) ON lots.account_id = wallet
    GROUP BY wallet
$$;

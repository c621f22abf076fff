-- Everybody who is the same person as a customer: merged customers are followed by links, and nothing of theirs moves.
CREATE FUNCTION family_of(customer text) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY[root] || ARRAY(SELECT customer_id FROM customer_links WHERE root_id = root AND root_id <> customer_id ORDER BY customer_id)
    FROM (SELECT coalesce((SELECT root_id FROM customer_links WHERE customer_id = customer), customer) AS root) AS own
$$;
--;;
-- Everybody whose points a customer can spend: his family, and the families of his household.
CREATE FUNCTION pool_of(customer text) RETURNS text[] LANGUAGE sql STABLE AS $$
    WITH own AS (
        SELECT id FROM unnest(family_of(customer)) AS id
    ), household AS (
        SELECT household_id FROM household_members JOIN own ON customer_id = own.id WHERE left_at IS NULL
    )
    SELECT array_agg(id ORDER BY id) FROM (
        SELECT id FROM own
        UNION
        SELECT unnest(family_of(customer_id)) FROM household_members
        WHERE household_id IN (SELECT household_id FROM household) AND left_at IS NULL
    ) AS everybody
$$;
--;;
-- The same of many, quickly for those who are alone.
CREATE FUNCTION pools_of(customers text[]) RETURNS TABLE (customer_id text, member_id text) LANGUAGE sql STABLE AS $$
    SELECT asked.id, member FROM unnest(customers) AS asked (id) CROSS JOIN LATERAL unnest(
        CASE WHEN EXISTS (SELECT FROM customer_links WHERE customer_links.customer_id = asked.id OR root_id = asked.id)
               OR EXISTS (SELECT FROM household_members WHERE household_members.customer_id = asked.id AND left_at IS NULL)
        THEN pool_of(asked.id) ELSE ARRAY[asked.id] END
    ) AS member
$$;
--;;
-- Locks all whom a posting for these customers can touch, in one order. Whoever joined them meanwhile is locked too.
CREATE FUNCTION lock_pools(customers text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wanted text[];
    locked text[] := '{}';
BEGIN
    LOOP
        wanted := ARRAY(SELECT DISTINCT member_id FROM pools_of(customers));
        EXIT WHEN wanted <@ locked;
        PERFORM FROM members WHERE customer_id = ANY (wanted) ORDER BY customer_id FOR UPDATE;
        locked := locked || wanted;
    END LOOP;
END $$;
--;;
CREATE FUNCTION wallets_of(programme text, wallet_code text, customers text[]) RETURNS bigint[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY(SELECT id FROM accounts WHERE customer_id = ANY (customers) AND programme_id = programme AND wallet = wallet_code)
$$;
--;;
-- Makes the wallets that are missing. Whoever calls it holds the members' locks.
CREATE FUNCTION ensure_wallets(programme text, customers text[], wallet_codes text[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO accounts (programme_id, kind, customer_id, wallet)
    SELECT DISTINCT programme, 'member', told.customer_id, told.code FROM unnest(customers, wallet_codes) AS told (customer_id, code)
    WHERE NOT EXISTS (
        SELECT FROM accounts WHERE accounts.customer_id = told.customer_id AND programme_id = programme AND wallet = told.code
    )
    ON CONFLICT DO NOTHING
$$;
--;;
-- The programme's side of a posting, made when it is first needed: its kind, or `partner:` and the partner's id.
CREATE FUNCTION programme_account(programme text, wallet_code text, counter text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    wanted_kind text := split_part(counter, ':', 1);
    wanted_partner text := nullif(substr(counter, length(wanted_kind) + 2), '');
    found bigint;
BEGIN
    LOOP
        SELECT id INTO found FROM accounts
        WHERE programme_id = programme AND wallet = wallet_code AND kind = wanted_kind AND customer_id IS NULL
          AND partner_id IS NOT DISTINCT FROM wanted_partner;
        EXIT WHEN found IS NOT NULL;
        INSERT INTO accounts (programme_id, wallet, kind, partner_id) VALUES (programme, wallet_code, wanted_kind, wanted_partner)
        ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN found;
END $$;

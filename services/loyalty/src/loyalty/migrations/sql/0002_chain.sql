-- The chain of a member's entries: each hash covers the entry, its lots and the hash before it. A record's text is unambiguous and,
-- with moments as numbers, knows no time zone.
CREATE FUNCTION lot_content(
    id text, granted bigint, earned_at timestamptz, available_from timestamptz, expires_at timestamptz, expiry_version integer
) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE expiry_version
    WHEN 0 THEN ROW(id, granted, extract(epoch FROM earned_at), extract(epoch FROM available_from), extract(epoch FROM expires_at))::text
    ELSE ROW(id, granted, extract(epoch FROM earned_at), extract(epoch FROM available_from), extract(epoch FROM expires_at),
             expiry_version)::text END;
--;;
CREATE FUNCTION entry_content(
    id text, account_id bigint, customer_id text, kind text, source_id text, order_id text, points bigint, counter text, rate_version integer,
    rule_version text, explanation jsonb, occurred_at timestamptz, recorded_at timestamptz, sequence bigint, lots text
) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN ROW(id, account_id, customer_id, kind, source_id, order_id, points, counter, rate_version, rule_version, explanation,
           extract(epoch FROM occurred_at), extract(epoch FROM recorded_at), sequence, lots)::text;
--;;
CREATE FUNCTION chain_next(state bytea, previous bytea, content text) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sha256(coalesce(state, previous) || convert_to(content, 'UTF8'));
--;;
-- The same, for the aggregate: a step of an aggregate is a call, and this language calls faster.
CREATE FUNCTION chain_step(state bytea, previous bytea, content text) RETURNS bytea LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN sha256(coalesce(state, previous) || convert_to(content, 'UTF8'));
END $$;
--;;
-- As a window it chains the entries that one statement makes for a member; `previous` is the hash that he had before.
CREATE AGGREGATE chained(previous bytea, content text) (SFUNC = chain_step, STYPE = bytea);

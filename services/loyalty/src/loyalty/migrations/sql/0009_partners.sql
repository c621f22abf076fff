CREATE TABLE partners (
    id text CONSTRAINT pk_partners PRIMARY KEY,
    version bigint NOT NULL DEFAULT 1,
    programme_id text NOT NULL CONSTRAINT fk_partners_programme_id_programmes REFERENCES programmes (id),
    name text NOT NULL,
    is_active boolean NOT NULL DEFAULT true,
    may_accrue boolean NOT NULL,
    may_redeem boolean NOT NULL,
    currency text NOT NULL,
    accrual_price_minor bigint NOT NULL,
    accrual_price_points bigint NOT NULL,
    redemption_price_minor bigint NOT NULL,
    redemption_price_points bigint NOT NULL,
    earn_points bigint,
    earn_minor bigint,
    accrual_limits jsonb NOT NULL,
    redemption_limits jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT ck_partners_prices CHECK (accrual_price_minor >= 0 AND accrual_price_points > 0
        AND redemption_price_minor >= 0 AND redemption_price_points > 0),
    CONSTRAINT ck_partners_earn CHECK ((earn_points IS NULL) = (earn_minor IS NULL) AND earn_points > 0 AND earn_minor > 0)
);
--;;
CREATE INDEX ix_partners_created_at ON partners (created_at, id);
--;;
CREATE TABLE partner_keys (
    key_id text CONSTRAINT pk_partner_keys PRIMARY KEY,
    partner_id text NOT NULL CONSTRAINT fk_partner_keys_partner_id_partners REFERENCES partners (id),
    bound_by text NOT NULL,
    bound_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
--;;
CREATE INDEX ix_partner_keys_partner_id ON partner_keys (partner_id, key_id);
--;;
-- What a partner posted, and its reversals. Money is that of the price on its day.
CREATE TABLE partner_transactions (
    id text CONSTRAINT pk_partner_transactions PRIMARY KEY,
    partner_id text NOT NULL CONSTRAINT fk_partner_transactions_partner_id_partners REFERENCES partners (id),
    direction text NOT NULL,
    reference text NOT NULL,
    customer_id text NOT NULL,
    points bigint NOT NULL,
    amount_minor bigint,
    price_minor bigint NOT NULL,
    price_points bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    state text NOT NULL,
    posted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    reverses text CONSTRAINT fk_partner_transactions_reverses_partner_transactions REFERENCES partner_transactions (id),
    reversed_points bigint NOT NULL DEFAULT 0,
    periods jsonb NOT NULL DEFAULT '[]',
    CONSTRAINT uq_partner_transactions_partner_id_reference UNIQUE (partner_id, reference),
    CONSTRAINT ck_partner_transactions_direction CHECK (
        direction IN ('accrual', 'redemption', 'accrual_reversal', 'redemption_reversal')),
    CONSTRAINT ck_partner_transactions_state CHECK (state IN ('posted', 'waiting', 'refused')),
    CONSTRAINT ck_partner_transactions_points CHECK (points > 0),
    CONSTRAINT ck_partner_transactions_reversed_points CHECK (reversed_points BETWEEN 0 AND points),
    CONSTRAINT ck_partner_transactions_reverses CHECK ((direction LIKE '%\_reversal') = (reverses IS NOT NULL))
);
--;;
CREATE INDEX ix_partner_transactions_of_partner ON partner_transactions (partner_id, posted_at, id);
--;;
CREATE INDEX ix_partner_transactions_customer_id ON partner_transactions (customer_id, posted_at);
--;;
-- What a partner used of his limits: by member, and with an empty customer of all.
CREATE TABLE partner_usage (
    partner_id text NOT NULL CONSTRAINT fk_partner_usage_partner_id_partners REFERENCES partners (id),
    direction text NOT NULL,
    customer_id text NOT NULL,
    period text NOT NULL,
    points bigint NOT NULL DEFAULT 0,
    CONSTRAINT pk_partner_usage PRIMARY KEY (partner_id, direction, customer_id, period),
    CONSTRAINT ck_partner_usage_points CHECK (points >= 0)
);
--;;
CREATE TABLE partner_settlements (
    id text CONSTRAINT pk_partner_settlements PRIMARY KEY,
    partner_id text NOT NULL CONSTRAINT fk_partner_settlements_partner_id_partners REFERENCES partners (id),
    from_at timestamptz NOT NULL,
    until_at timestamptz NOT NULL,
    report jsonb NOT NULL,
    closed_by text NOT NULL,
    closed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT uq_partner_settlements_partner_id_from_at UNIQUE (partner_id, from_at),
    CONSTRAINT ck_partner_settlements_period CHECK (until_at > from_at)
);
--;;
-- Uses up what limits allow, or says which of them (its place) does not; nothing is used then. The rows are locked in one order.
CREATE FUNCTION use_allowance(partner text, way text, customers text[], periods text[], limits bigint[], amount bigint)
RETURNS integer LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    exceeded integer;
BEGIN
    INSERT INTO partner_usage (partner_id, direction, customer_id, period)
    SELECT partner, way, told.customer_id, told.period FROM unnest(customers, periods) AS told (customer_id, period) ORDER BY 3, 4
    ON CONFLICT DO NOTHING;
    PERFORM FROM partner_usage JOIN unnest(customers, periods) AS told (customer_id, period) USING (customer_id, period)
    WHERE partner_id = partner AND direction = way ORDER BY customer_id, period FOR UPDATE OF partner_usage;
    SELECT min(told.place) INTO exceeded
    FROM unnest(customers, periods, limits) WITH ORDINALITY AS told (customer_id, period, maximum, place)
    JOIN partner_usage USING (customer_id, period)
    WHERE partner_id = partner AND direction = way AND points + amount > told.maximum;
    IF exceeded IS NULL THEN
        UPDATE partner_usage SET points = points + amount
        FROM unnest(customers, periods) AS told (customer_id, period)
        WHERE partner_id = partner AND direction = way
          AND (partner_usage.customer_id, partner_usage.period) = (told.customer_id, told.period);
    END IF;
    RETURN exceeded;
END $$;

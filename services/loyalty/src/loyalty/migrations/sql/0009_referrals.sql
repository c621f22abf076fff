-- Each change of the scheme is a version: a referral keeps the promise of its day.
CREATE TABLE referral_schemes (
    version bigint CONSTRAINT pk_referral_schemes PRIMARY KEY,
    terms jsonb NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
--;;
-- Nobody can be referred until somebody says what it is worth.
INSERT INTO referral_schemes (version, created_by, terms) VALUES (1, 'migration', '{
    "is_active": false, "condition": "first_order", "min_order_minor": 0, "order_condition": null, "within_days": 30, "waiting_days": 14,
    "new_customer_days": 7, "referrer_points": 0, "referred_points": 0, "points_expire_days": null, "referrer_voucher_batch_id": null,
    "referred_voucher_batch_id": null, "referrer_limit": null, "max_per_day": 20, "chain_length": 10, "on_return": "take_back",
    "share_text": {"en": "{code}"}, "share_url": null
}');
--;;
CREATE TABLE referral_codes (
    code text COLLATE "C" CONSTRAINT pk_referral_codes PRIMARY KEY,
    customer_id text NOT NULL CONSTRAINT fk_referral_codes_customer_id_members REFERENCES members (customer_id),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at timestamptz,
    CONSTRAINT uq_referral_codes_customer_id UNIQUE (customer_id)
);
--;;
CREATE TABLE referrals (
    id text CONSTRAINT pk_referrals PRIMARY KEY,
    version bigint NOT NULL DEFAULT 1,
    told bigint NOT NULL DEFAULT 1,
    code text COLLATE "C" NOT NULL CONSTRAINT fk_referrals_code_referral_codes REFERENCES referral_codes (code),
    referrer_id text NOT NULL,
    referred_id text NOT NULL,
    scheme_version bigint NOT NULL CONSTRAINT fk_referrals_scheme_version_referral_schemes REFERENCES referral_schemes (version),
    used_at timestamptz NOT NULL,
    lapses_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'pending',
    reason text,
    suspicions text[] NOT NULL DEFAULT '{}',
    is_cleared boolean NOT NULL DEFAULT false,
    order_id text,
    due_at timestamptz,
    completed_at timestamptz,
    reversed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT uq_referrals_referred_id UNIQUE (referred_id),
    CONSTRAINT ck_referrals_state CHECK (
        state IN ('pending', 'qualified', 'waiting', 'completed', 'refused', 'lapsed', 'reversing', 'reversed')),
    CONSTRAINT ck_referrals_oneself CHECK (referrer_id <> referred_id),
    CONSTRAINT ck_referrals_due CHECK (state NOT IN ('qualified', 'waiting', 'completed') OR due_at IS NOT NULL),
    CONSTRAINT ck_referrals_completed CHECK ((completed_at IS NOT NULL) = (state IN ('completed', 'reversing', 'reversed'))),
    CONSTRAINT ck_referrals_reversed CHECK ((reversed_at IS NOT NULL) = (state = 'reversed'))
);
--;;
CREATE INDEX ix_referrals_of_referrer ON referrals (referrer_id, created_at, id);
--;;
CREATE INDEX ix_referrals_state ON referrals (state, created_at, id);
--;;
CREATE INDEX ix_referrals_created_at ON referrals (created_at, id);
--;;
CREATE INDEX ix_referrals_due ON referrals (due_at) WHERE state = 'qualified';
--;;
CREATE INDEX ix_referrals_reversing ON referrals (id) WHERE state = 'reversing';
--;;
CREATE INDEX ix_referrals_lapsing ON referrals (lapses_at) WHERE state = 'pending';
--;;
-- What conditions see of the orders of who was referred.
CREATE TABLE referral_orders (
    order_id text CONSTRAINT pk_referral_orders PRIMARY KEY,
    customer_id text NOT NULL,
    facts jsonb NOT NULL
);
--;;
CREATE INDEX ix_referral_orders_customer_id ON referral_orders (customer_id);
--;;
CREATE TABLE referral_rewards (
    referral_id text NOT NULL CONSTRAINT fk_referral_rewards_referral_id_referrals REFERENCES referrals (id),
    side text NOT NULL,
    kind text NOT NULL,
    subject_id text NOT NULL,
    customer_id text NOT NULL,
    points bigint,
    CONSTRAINT pk_referral_rewards PRIMARY KEY (referral_id, side, kind, subject_id),
    CONSTRAINT ck_referral_rewards_side CHECK (side IN ('referrer', 'referred')),
    CONSTRAINT ck_referral_rewards_kind CHECK (kind IN ('points', 'rule', 'voucher', 'no_voucher')),
    CONSTRAINT ck_referral_rewards_points CHECK ((points IS NOT NULL) = (kind IN ('points', 'rule')))
);
--;;
CREATE INDEX ix_referral_rewards_customer_id ON referral_rewards (customer_id);
--;;
-- Who referred whom, upwards: the ids of all above somebody, at most so many steps.
CREATE FUNCTION referrers_above(customer text, steps integer) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    WITH RECURSIVE above (customer_id, step) AS (
        SELECT customer, 0
        UNION
        SELECT referrer_id, step + 1 FROM above JOIN referrals ON referred_id = ANY (family_of(above.customer_id))
        WHERE step < steps AND state <> 'refused'
    )
    SELECT DISTINCT customer_id FROM above WHERE step > 0
$$;

CREATE TABLE badges (
    programme_id text NOT NULL CONSTRAINT fk_badges_programme_id_programmes REFERENCES programmes (id),
    code text NOT NULL,
    name jsonb NOT NULL,
    description jsonb,
    image_url text,
    tier text,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_badges PRIMARY KEY (programme_id, code),
    CONSTRAINT ck_badges_code CHECK (code ~ '^[a-z][a-z0-9_]{0,39}$')
);
--;;
CREATE TABLE badge_awards (
    id text CONSTRAINT pk_badge_awards PRIMARY KEY,
    programme_id text NOT NULL,
    badge text NOT NULL,
    customer_id text NOT NULL,
    source text NOT NULL,
    source_id text,
    reason text,
    awarded_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT fk_badge_awards_programme_id_badges FOREIGN KEY (programme_id, badge) REFERENCES badges (programme_id, code),
    CONSTRAINT ck_badge_awards_source CHECK (source IN ('challenge', 'tier', 'hand'))
);
--;;
CREATE UNIQUE INDEX uq_badge_awards_live ON badge_awards (customer_id, programme_id, badge) WHERE revoked_at IS NULL;
--;;
CREATE INDEX ix_badge_awards_source_id ON badge_awards (source_id);
--;;
CREATE TABLE challenges (
    id text CONSTRAINT pk_challenges PRIMARY KEY,
    programme_id text NOT NULL CONSTRAINT fk_challenges_programme_id_programmes REFERENCES programmes (id),
    version bigint NOT NULL DEFAULT 1,
    name jsonb NOT NULL,
    description jsonb,
    terms jsonb NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT ck_challenges_ends_at CHECK (ends_at >= starts_at)
);
--;;
CREATE INDEX ix_challenges_created_at ON challenges (programme_id, created_at, id);
--;;
-- Orders that some challenge looked at, so that it can look again at what is left of them.
CREATE TABLE challenge_orders (
    order_id text CONSTRAINT pk_challenge_orders PRIMARY KEY,
    customer_id text NOT NULL,
    placed_at timestamptz NOT NULL,
    facts jsonb NOT NULL,
    traits jsonb NOT NULL
);
--;;
CREATE INDEX ix_challenge_orders_customer_id ON challenge_orders (customer_id);
--;;
-- What came back of them; a return may come before its order.
CREATE TABLE challenge_returns (
    return_id text CONSTRAINT pk_challenge_returns PRIMARY KEY,
    order_id text NOT NULL,
    customer_id text NOT NULL,
    returned_at timestamptz NOT NULL,
    amount_minor bigint,
    lines jsonb NOT NULL
);
--;;
CREATE INDEX ix_challenge_returns_order_id ON challenge_returns (order_id);
--;;
CREATE INDEX ix_challenge_returns_customer_id ON challenge_returns (customer_id);
--;;
-- What counts for a challenge: an event, and how much of it.
CREATE TABLE challenge_facts (
    challenge_id text NOT NULL CONSTRAINT fk_challenge_facts_challenge_id_challenges REFERENCES challenges (id),
    source_id text NOT NULL,
    customer_id text NOT NULL,
    occurred_at timestamptz NOT NULL,
    amount bigint NOT NULL,
    CONSTRAINT pk_challenge_facts PRIMARY KEY (challenge_id, source_id),
    CONSTRAINT ck_challenge_facts_amount CHECK (amount >= 0)
);
--;;
CREATE INDEX ix_challenge_facts_customer_id ON challenge_facts (customer_id, challenge_id, occurred_at);
--;;
-- A row a challenge and family that anything counted for; its lock lets one after the other decide whether it is met.
CREATE TABLE challenge_locks (
    challenge_id text NOT NULL,
    customer_id text NOT NULL,
    CONSTRAINT pk_challenge_locks PRIMARY KEY (challenge_id, customer_id)
);
--;;
CREATE TABLE challenge_completions (
    id text CONSTRAINT pk_challenge_completions PRIMARY KEY,
    challenge_id text NOT NULL CONSTRAINT fk_challenge_completions_challenge_id_challenges REFERENCES challenges (id),
    customer_id text NOT NULL,
    number integer NOT NULL,
    sequence integer NOT NULL DEFAULT 1,
    completed_at timestamptz NOT NULL,
    points bigint NOT NULL DEFAULT 0,
    entry_id text,
    voucher_code text,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at timestamptz,
    CONSTRAINT uq_challenge_completions_number UNIQUE (challenge_id, customer_id, number),
    CONSTRAINT ck_challenge_completions_number CHECK (number > 0 AND sequence > 0)
);
--;;
CREATE INDEX ix_challenge_completions_customer_id ON challenge_completions (customer_id, challenge_id);
--;;
-- What counts for challenges and what is completed of them, for the families of customers, once each pair is locked in one order.
CREATE FUNCTION lock_challenges(asked text[], customers text[])
RETURNS TABLE (challenge_id text, root text, kind text, customer_id text, source_id text, moment timestamptz, amount bigint, sequence int)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    roots text[] := ARRAY(SELECT DISTINCT (family_of(one))[1] AS root FROM unnest(customers) AS one ORDER BY root);
BEGIN
    INSERT INTO challenge_locks (challenge_id, customer_id)
    SELECT challenge, one FROM unnest(asked) AS challenge, unnest(roots) AS one ORDER BY 1, 2 ON CONFLICT DO NOTHING;
    PERFORM FROM challenge_locks WHERE challenge_id = ANY (asked) AND customer_id = ANY (roots)
    ORDER BY challenge_id, customer_id FOR UPDATE;
    RETURN QUERY
    WITH people AS MATERIALIZED (
        SELECT one AS root, unnest(family_of(one)) AS member FROM unnest(roots) AS one
    )
    SELECT challenge_id, root, 'fact', member, source_id, occurred_at, amount, 0
    FROM people JOIN challenge_facts ON customer_id = member WHERE challenge_id = ANY (asked) AND amount > 0
    UNION ALL
    SELECT challenge_id, root, CASE WHEN revoked_at IS NULL THEN 'done' ELSE 'revoked' END, member, id, completed_at, number, sequence
    FROM people JOIN challenge_completions ON customer_id = member WHERE challenge_id = ANY (asked);
END $$;

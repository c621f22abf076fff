-- When the ledger heard of an order, of its cancellation and of its returns: what was known at an instant.
ALTER TABLE orders ADD recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(), ADD cancellation_recorded_at timestamptz;
--;;
ALTER TABLE order_returns ADD recorded_at timestamptz NOT NULL DEFAULT clock_timestamp();
--;;
CREATE FUNCTION note_cancellation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.cancellation_recorded_at := clock_timestamp();
    RETURN NEW;
END $$;
--;;
CREATE TRIGGER note_cancellation BEFORE UPDATE OF cancelled_at ON orders FOR EACH ROW
    WHEN (NEW.cancelled_at IS DISTINCT FROM OLD.cancelled_at) EXECUTE FUNCTION note_cancellation();
--;;
CREATE TABLE tiers (
    programme_id text NOT NULL CONSTRAINT fk_tiers_programme_id_programmes REFERENCES programmes (id),
    code text NOT NULL,
    name jsonb NOT NULL,
    rank integer NOT NULL,
    threshold bigint NOT NULL,
    benefits jsonb NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_tiers PRIMARY KEY (programme_id, code),
    CONSTRAINT uq_tiers_programme_id_rank UNIQUE (programme_id, rank),
    CONSTRAINT ck_tiers_code CHECK (code ~ '^[a-z][a-z0-9_]{0,39}$'),
    CONSTRAINT ck_tiers_threshold CHECK (threshold >= 0)
);
--;;
-- All tiers and how they are reached, as they are from a moment on. Append-only but for how far its changes are booked.
CREATE TABLE tier_schemes (
    programme_id text NOT NULL CONSTRAINT fk_tier_schemes_programme_id_programmes REFERENCES programmes (id),
    version integer NOT NULL,
    effective_from timestamptz NOT NULL,
    zone text NOT NULL,
    qualification jsonb NOT NULL,
    tiers jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    booked_to text NOT NULL DEFAULT '',
    is_booked boolean NOT NULL DEFAULT false,
    CONSTRAINT pk_tier_schemes PRIMARY KEY (programme_id, version),
    CONSTRAINT ck_tier_schemes_version CHECK (version > 0)
);
--;;
CREATE TABLE tier_overrides (
    id text CONSTRAINT pk_tier_overrides PRIMARY KEY,
    programme_id text NOT NULL CONSTRAINT fk_tier_overrides_programme_id_programmes REFERENCES programmes (id),
    customer_id text NOT NULL,
    tier text,
    until timestamptz,
    reason text,
    actor text,
    set_at timestamptz NOT NULL,
    CONSTRAINT ck_tier_overrides_until CHECK (until > set_at)
);
--;;
CREATE INDEX ix_tier_overrides_customer_id ON tier_overrides (customer_id, set_at);
--;;
CREATE TABLE tier_standings (
    programme_id text NOT NULL CONSTRAINT fk_tier_standings_programme_id_programmes REFERENCES programmes (id),
    customer_id text NOT NULL,
    tier text,
    since timestamptz,
    until timestamptz,
    falls_to text,
    scheme_version integer NOT NULL DEFAULT 0,
    told_tier text,
    sequence bigint NOT NULL DEFAULT 0,
    CONSTRAINT pk_tier_standings PRIMARY KEY (programme_id, customer_id),
    CONSTRAINT ck_tier_standings_sequence CHECK (sequence >= 0)
);
--;;
CREATE INDEX ix_tier_standings_until ON tier_standings (programme_id, until, customer_id) WHERE until IS NOT NULL;
--;;
CREATE TABLE tier_changes (
    id text CONSTRAINT pk_tier_changes PRIMARY KEY,
    programme_id text NOT NULL CONSTRAINT fk_tier_changes_programme_id_programmes REFERENCES programmes (id),
    customer_id text NOT NULL,
    tier text,
    previous text,
    changed_at timestamptz NOT NULL,
    reason text NOT NULL,
    scheme_version integer NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    superseded_at timestamptz
);
--;;
CREATE INDEX ix_tier_changes_customer_id ON tier_changes (programme_id, customer_id, changed_at);

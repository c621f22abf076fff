ALTER TABLE programmes ADD zone text NOT NULL DEFAULT 'UTC', ADD version bigint NOT NULL DEFAULT 1, ADD discount_scale jsonb, ADD celebrated_at timestamptz;
--;;
CREATE TABLE rules (
    id text CONSTRAINT pk_rules PRIMARY KEY,
    programme_id text NOT NULL CONSTRAINT fk_rules_programme_id_programmes REFERENCES programmes (id),
    name text NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
--;;
CREATE INDEX ix_rules_created_at ON rules (created_at, id);
--;;
CREATE TABLE rule_versions (
    rule_id text NOT NULL CONSTRAINT fk_rule_versions_rule_id_rules REFERENCES rules (id),
    version integer NOT NULL,
    terms jsonb NOT NULL,
    effective_from timestamptz,
    effective_until timestamptz,
    published_at timestamptz,
    CONSTRAINT pk_rule_versions PRIMARY KEY (rule_id, version),
    CONSTRAINT uq_rule_versions_rule_id_effective_from UNIQUE (rule_id, effective_from),
    CONSTRAINT ck_rule_versions_version CHECK (version > 0),
    CONSTRAINT ck_rule_versions_published CHECK ((published_at IS NULL) = (effective_from IS NULL)),
    CONSTRAINT ck_rule_versions_until CHECK (effective_until > effective_from)
);
--;;
CREATE UNIQUE INDEX ix_rule_versions_draft ON rule_versions (rule_id) WHERE published_at IS NULL;
--;;
-- What a version says never changes once it is published.
CREATE FUNCTION refuse_new_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.published_at IS NOT NULL AND (NEW.terms, NEW.effective_from, NEW.published_at) IS DISTINCT FROM
        (OLD.terms, OLD.effective_from, OLD.published_at) THEN
        RAISE EXCEPTION 'a published version of a rule never changes' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
--;;
CREATE TRIGGER refuse_new_terms BEFORE UPDATE ON rule_versions FOR EACH ROW EXECUTE FUNCTION refuse_new_terms();
--;;
-- What rules may look at of a customer: no personal data.
CREATE TABLE customer_traits (
    customer_id text CONSTRAINT pk_customer_traits PRIMARY KEY,
    traits jsonb NOT NULL,
    told_at timestamptz NOT NULL
);
--;;
-- What members may earn for, as the rules saw it, so that it can be evaluated again.
CREATE TABLE occasions (
    trigger text NOT NULL,
    source_id text NOT NULL,
    customer_id text NOT NULL,
    occurred_at timestamptz NOT NULL,
    facts jsonb NOT NULL,
    traits jsonb NOT NULL,
    rules text[] NOT NULL,
    CONSTRAINT pk_occasions PRIMARY KEY (trigger, source_id)
);
--;;
CREATE INDEX ix_occasions_customer_id ON occasions (customer_id, occurred_at);
--;;
CREATE TABLE awards (
    trigger text NOT NULL,
    source_id text NOT NULL,
    rule_id text NOT NULL,
    rule_version integer NOT NULL,
    wallet text NOT NULL,
    earned bigint NOT NULL,
    allowed bigint,
    kept bigint NOT NULL,
    forgiven bigint NOT NULL DEFAULT 0,
    periods text[] NOT NULL,
    entry_id text,
    CONSTRAINT pk_awards PRIMARY KEY (trigger, source_id, rule_id),
    CONSTRAINT fk_awards_trigger_occasions FOREIGN KEY (trigger, source_id) REFERENCES occasions (trigger, source_id),
    CONSTRAINT ck_awards_kept CHECK (kept >= 0 AND earned > 0)
);
--;;
CREATE INDEX ix_awards_entry_id ON awards (entry_id);
--;;
-- Returns and cancellations of orders that earn by rules; one that comes before its order waits here for it.
CREATE TABLE occasion_returns (
    return_id text CONSTRAINT pk_occasion_returns PRIMARY KEY,
    order_id text NOT NULL,
    customer_id text NOT NULL,
    returned_at timestamptz NOT NULL,
    amount_minor bigint,
    lines jsonb NOT NULL,
    is_applied boolean NOT NULL DEFAULT false,
    place bigint GENERATED ALWAYS AS IDENTITY
);
--;;
CREATE INDEX ix_occasion_returns_order_id ON occasion_returns (order_id, place);
--;;
-- What rules gave, against their limits: of a customer in a period, or of everybody (customer and period are empty).
CREATE TABLE rule_usage (
    rule_id text NOT NULL,
    customer_id text NOT NULL,
    period text NOT NULL,
    points bigint NOT NULL DEFAULT 0 CONSTRAINT ck_rule_usage_points CHECK (points >= 0),
    CONSTRAINT pk_rule_usage PRIMARY KEY (rule_id, customer_id, period)
);
--;;
-- What a customer bought in a window.
CREATE INDEX ix_orders_customer_id_placed_at ON orders (customer_id, placed_at);

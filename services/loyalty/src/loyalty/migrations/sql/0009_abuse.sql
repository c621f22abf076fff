-- What may be done how often in a window, or how much at once.
CREATE TABLE velocity_limits (
    id text CONSTRAINT pk_velocity_limits PRIMARY KEY,
    version bigint NOT NULL DEFAULT 1,
    name text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    measure text NOT NULL,
    window_seconds integer,
    maximum bigint NOT NULL,
    on_exceed text NOT NULL DEFAULT 'refuse',
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT ck_velocity_limits_action CHECK (action IN ('earning', 'redemption', 'hold', 'transfer', 'voucher_redemption',
        'voucher_failure', 'adjustment', 'referral', 'partner_accrual', 'partner_redemption')),
    CONSTRAINT ck_velocity_limits_subject CHECK (subject IN ('member', 'caller', 'partner')),
    CONSTRAINT ck_velocity_limits_measure CHECK (measure IN ('count', 'points')),
    CONSTRAINT ck_velocity_limits_on_exceed CHECK (on_exceed IN ('refuse', 'review')),
    CONSTRAINT ck_velocity_limits_window CHECK (window_seconds BETWEEN 1 AND 2678400),
    CONSTRAINT ck_velocity_limits_maximum CHECK (maximum >= 0),
    CONSTRAINT ck_velocity_limits_at_once CHECK (window_seconds IS NOT NULL OR measure = 'points'),
    CONSTRAINT ck_velocity_limits_earning CHECK (action <> 'earning' OR (subject = 'member' AND on_exceed = 'review')),
    CONSTRAINT ck_velocity_limits_partner CHECK (subject <> 'partner' OR action LIKE 'partner\_%')
);
--;;
CREATE INDEX ix_velocity_limits_action ON velocity_limits (action, id) WHERE is_active;
--;;
CREATE INDEX ix_velocity_limits_created_at ON velocity_limits (created_at, id);
--;;
-- Nobody types so many wrong codes; who tries them one after the other does.
INSERT INTO velocity_limits (id, name, action, subject, measure, window_seconds, maximum) VALUES
    ('lim_voucher_guesses_member', 'Wrong voucher codes of a member', 'voucher_failure', 'member', 'count', 3600, 20),
    ('lim_voucher_guesses_caller', 'Wrong voucher codes of a till or shop', 'voucher_failure', 'caller', 'count', 600, 500);
--;;
-- What was done, as far as a limit counts it.
CREATE TABLE activities (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_activities PRIMARY KEY,
    subject text NOT NULL,
    subject_id text NOT NULL,
    action text NOT NULL,
    points bigint NOT NULL,
    occurred_at timestamptz NOT NULL
);
--;;
CREATE INDEX ix_activities_of_subject ON activities (subject_id, action, occurred_at) INCLUDE (points);
--;;
CREATE INDEX ix_activities_occurred_at ON activities USING brin (occurred_at);
--;;
CREATE TABLE member_freezes (
    id text CONSTRAINT pk_member_freezes PRIMARY KEY,
    customer_id text NOT NULL CONSTRAINT fk_member_freezes_customer_id_members REFERENCES members (customer_id),
    earning text NOT NULL,
    reason text,
    frozen_by text NOT NULL,
    frozen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    unfreeze_reason text,
    unfrozen_by text,
    unfrozen_at timestamptz,
    CONSTRAINT ck_member_freezes_earning CHECK (earning IN ('continues', 'waits')),
    CONSTRAINT ck_member_freezes_unfrozen CHECK ((unfrozen_at IS NULL) = (unfrozen_by IS NULL))
);
--;;
CREATE UNIQUE INDEX uq_member_freezes_customer_id ON member_freezes (customer_id) WHERE unfrozen_at IS NULL;
--;;
CREATE INDEX ix_member_freezes_customer_id ON member_freezes (customer_id, frozen_at, id);
--;;
CREATE TABLE reviews (
    id text CONSTRAINT pk_reviews PRIMARY KEY,
    version bigint NOT NULL DEFAULT 1,
    kind text NOT NULL,
    subject_id text NOT NULL,
    customer_id text,
    partner_id text,
    reasons text[] NOT NULL,
    score integer NOT NULL,
    points bigint,
    state text NOT NULL DEFAULT 'open',
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    decided_by text,
    decided_at timestamptz,
    decision_reason text,
    CONSTRAINT ck_reviews_kind CHECK (kind IN ('earning', 'frozen_earning', 'referral', 'partner_accrual', 'velocity')),
    CONSTRAINT ck_reviews_score CHECK (score BETWEEN 0 AND 100),
    CONSTRAINT ck_reviews_state CHECK (state IN ('open', 'approved', 'rejected')),
    CONSTRAINT ck_reviews_decided CHECK ((state = 'open') = (decided_at IS NULL)),
    CONSTRAINT ck_reviews_decided_by CHECK ((decided_at IS NULL) = (decided_by IS NULL))
);
--;;
CREATE UNIQUE INDEX uq_reviews_open ON reviews (kind, subject_id) WHERE state = 'open';
--;;
CREATE INDEX ix_reviews_state ON reviews (state, opened_at, id);
--;;
CREATE INDEX ix_reviews_opened_at ON reviews (opened_at, id);
--;;
CREATE INDEX ix_reviews_customer_id ON reviews (customer_id, opened_at, id) WHERE customer_id IS NOT NULL;
--;;
-- Events that wait for a review: nothing of them has happened yet. Those of an order keep their order.
CREATE TABLE withheld_events (
    position bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_withheld_events PRIMARY KEY,
    review_id text NOT NULL CONSTRAINT fk_withheld_events_review_id_reviews REFERENCES reviews (id),
    customer_id text NOT NULL,
    order_id text,
    type text NOT NULL,
    source_id text NOT NULL,
    payload jsonb NOT NULL,
    state text NOT NULL DEFAULT 'waiting',
    CONSTRAINT ck_withheld_events_state CHECK (state IN ('waiting', 'released', 'refused')),
    CONSTRAINT uq_withheld_events_type_source_id UNIQUE (type, source_id)
);
--;;
CREATE INDEX ix_withheld_events_review_id ON withheld_events (review_id, position);
--;;
CREATE INDEX ix_withheld_events_order_id ON withheld_events (order_id) WHERE state <> 'released';
--;;
CREATE INDEX ix_withheld_events_customer_id ON withheld_events (customer_id);
--;;
-- Decides under locks whether somebody may do something now, and counts it. Empty when he may; else why not: `frozen`, or `exceeded` with
-- the limit and the seconds after which it would be allowed, none when it never would.
CREATE FUNCTION guard_action(
    wanted_action text, customer text, caller text, partner text, amount bigint, is_wide boolean, is_counted boolean, spends boolean
) RETURNS TABLE (verdict text, limit_id text, on_exceed text, retry_after_seconds double precision) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    told velocity_limits%ROWTYPE;
    own text[];
    moment timestamptz;
    done bigint;
    free_at timestamptz;
    counted text[] := '{}';
BEGIN
    -- Mostly nobody is frozen.
    IF spends AND EXISTS (SELECT FROM member_freezes WHERE unfrozen_at IS NULL) AND EXISTS (
        SELECT FROM member_freezes WHERE unfrozen_at IS NULL
            AND customer_id = ANY (CASE WHEN is_wide THEN pool_of(customer) ELSE family_of(customer) END)
    ) THEN
        verdict := 'frozen';
        RETURN NEXT;
        RETURN;
    END IF;
    FOR told IN SELECT * FROM velocity_limits WHERE action = wanted_action AND is_active ORDER BY id LOOP
        own := CASE told.subject WHEN 'member' THEN family_of(customer) WHEN 'partner' THEN ARRAY[partner] ELSE ARRAY[caller] END;
        CONTINUE WHEN own[1] IS NULL;
        limit_id := told.id;
        on_exceed := told.on_exceed;
        free_at := NULL;
        IF told.window_seconds IS NULL THEN
            done := 0;
        ELSE
            -- Who only looks holds nobody up.
            IF is_counted THEN
                PERFORM pg_advisory_xact_lock(hashtextextended(told.id || own[1], 9));
            END IF;
            moment := clock_timestamp();
            SELECT coalesce(CASE told.measure WHEN 'count' THEN count(*) ELSE sum(points) END, 0) INTO done FROM activities
            WHERE subject_id = ANY (own) AND action = wanted_action AND subject = told.subject
              AND occurred_at > moment - make_interval(secs => told.window_seconds);
        END IF;
        IF done + (CASE told.measure WHEN 'count' THEN 1 ELSE amount END) > told.maximum THEN
            -- The moment at which so much has left the window that it would fit.
            SELECT min(occurred_at) INTO free_at FROM (
                SELECT occurred_at, sum(CASE told.measure WHEN 'count' THEN 1 ELSE points END) OVER (ORDER BY occurred_at, id) AS freed
                FROM activities WHERE subject_id = ANY (own) AND action = wanted_action AND subject = told.subject
                  AND occurred_at > moment - make_interval(secs => told.window_seconds)
            ) AS oldest
            WHERE done - freed + CASE told.measure WHEN 'count' THEN 1 ELSE amount END <= told.maximum;
            verdict := 'exceeded';
            retry_after_seconds := extract(epoch FROM free_at + make_interval(secs => told.window_seconds) - moment);
            RETURN NEXT;
            RETURN;
        END IF;
        IF NOT told.subject = ANY (counted) THEN
            counted := counted || told.subject;
        END IF;
    END LOOP;
    IF is_counted AND counted <> '{}' THEN
        INSERT INTO activities (subject, subject_id, action, points, occurred_at)
        SELECT kind, CASE kind WHEN 'member' THEN customer WHEN 'partner' THEN partner ELSE caller END, wanted_action, amount,
               clock_timestamp()
        FROM unnest(counted) AS kind
        WHERE kind <> 'member' OR NOT EXISTS (SELECT FROM erased_customers WHERE customer_id = customer FOR KEY SHARE);
    END IF;
END $$;

ALTER TABLE voucher_batches
    ADD programme_id text NOT NULL DEFAULT 'prg_00000000000000000000000001'
        CONSTRAINT fk_voucher_batches_programme_id_programmes REFERENCES programmes (id);
--;;
ALTER TABLE voucher_batches ALTER programme_id DROP DEFAULT;
--;;
DROP INDEX ix_voucher_batches_created_at_id;
--;;
CREATE INDEX ix_voucher_batches_programme_id_created_at_id ON voucher_batches (programme_id, created_at, id);
--;;
DROP INDEX ix_offer_campaigns_created_at_id;
--;;
CREATE INDEX ix_offer_campaigns_programme_id_created_at_id ON offer_campaigns (programme_id, created_at, id);
--;;
DROP INDEX ix_rewards_sort_rank_id;
--;;
CREATE INDEX ix_rewards_programme_id_sort_rank_id ON rewards (programme_id, sort_rank, id);
--;;
-- What of an order a code is for, and when it is taken; by the programme's zone, as HH:MM, over midnight when it ends before it begins.
ALTER TABLE voucher_batches
    ADD skus text[] NOT NULL DEFAULT '{}',
    ADD categories text[] NOT NULL DEFAULT '{}',
    ADD excluded_skus text[] NOT NULL DEFAULT '{}',
    ADD weekdays integer[] NOT NULL DEFAULT '{}' CONSTRAINT ck_voucher_batches_weekdays CHECK (weekdays <@ '{1,2,3,4,5,6,7}'),
    ADD daily_from text,
    ADD daily_until text,
    ADD combinable boolean NOT NULL DEFAULT true,
    ADD CONSTRAINT ck_voucher_batches_daily CHECK ((daily_from IS NULL) = (daily_until IS NULL) AND daily_from <> daily_until);
--;;
-- Points with which members paid for purchases.
CREATE TABLE point_payments (
    id text CONSTRAINT pk_point_payments PRIMARY KEY,
    programme_id text NOT NULL CONSTRAINT fk_point_payments_programme_id_programmes REFERENCES programmes (id),
    customer_id text NOT NULL,
    reference text NOT NULL,
    points bigint NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    paid_at timestamptz NOT NULL DEFAULT now(),
    rolled_back_at timestamptz,
    CONSTRAINT ck_point_payments_amounts CHECK (points > 0 AND amount_minor > 0)
);
--;;
CREATE UNIQUE INDEX uq_point_payments_live ON point_payments (customer_id, reference) WHERE rolled_back_at IS NULL;
--;;
CREATE INDEX ix_point_payments_customer_id_paid_at_id ON point_payments (customer_id, paid_at, id);
--;;
-- Who live together spend together, in every programme.
ALTER TABLE households DROP programme_id;

-- What was bought, article by article, and with the id of a return what came back of it (below zero), in whatever order they are told.
CREATE TABLE purchase_lines (
    customer_id text NOT NULL,
    order_id text NOT NULL,
    sku text NOT NULL,
    source_id text NOT NULL,
    category text,
    quantity bigint NOT NULL,
    amount_minor bigint NOT NULL,
    placed_at timestamptz NOT NULL,
    CONSTRAINT pk_purchase_lines PRIMARY KEY (customer_id, order_id, sku, source_id)
);
--;;
CREATE TABLE offer_campaigns (
    id text CONSTRAINT pk_offer_campaigns PRIMARY KEY,
    programme_id text NOT NULL CONSTRAINT fk_offer_campaigns_programme_id_programmes REFERENCES programmes (id),
    version bigint NOT NULL DEFAULT 1,
    name jsonb NOT NULL,
    strategy text NOT NULL,
    parameters jsonb NOT NULL,
    benefit jsonb NOT NULL,
    voucher_batch_id text CONSTRAINT fk_offer_campaigns_voucher_batch_id_voucher_batches REFERENCES voucher_batches (id),
    validity_days integer NOT NULL CONSTRAINT ck_offer_campaigns_validity CHECK (validity_days BETWEEN 1 AND 366),
    control_share_bp integer NOT NULL CONSTRAINT ck_offer_campaigns_control CHECK (control_share_bp BETWEEN 0 AND 10000),
    max_per_member integer NOT NULL CONSTRAINT ck_offer_campaigns_most CHECK (max_per_member BETWEEN 1 AND 20),
    needs_activation boolean NOT NULL,
    salt text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_offer_campaigns_strategy CHECK (strategy IN ('affinity', 'replenishment', 'lapsed_favourite'))
);
--;;
CREATE INDEX ix_offer_campaigns_created_at_id ON offer_campaigns (created_at, id);
--;;
CREATE TABLE offers (
    id text CONSTRAINT pk_offers PRIMARY KEY,
    version bigint NOT NULL DEFAULT 1,
    campaign_id text NOT NULL CONSTRAINT fk_offers_campaign_id_offer_campaigns REFERENCES offer_campaigns (id),
    customer_id text NOT NULL,
    -- Held out: nobody sees it; what its customer buys is what the others are compared with.
    is_control boolean NOT NULL,
    target_kind text NOT NULL CONSTRAINT ck_offers_target_kind CHECK (target_kind IN ('sku', 'category')),
    target text NOT NULL,
    reason jsonb NOT NULL,
    made_at timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    viewed_at timestamptz,
    activated_at timestamptz,
    voucher_code text,
    expiry_told boolean NOT NULL DEFAULT false,
    -- The order that redeems it, and the points that it gave; an earlier order, a return or a cancellation may change both.
    order_id text,
    redeemed_at timestamptz,
    points bigint NOT NULL DEFAULT 0 CONSTRAINT ck_offers_points CHECK (points >= 0),
    entry_id text,
    CONSTRAINT ck_offers_validity CHECK (valid_until > made_at),
    CONSTRAINT ck_offers_redeemed CHECK ((order_id IS NULL) = (redeemed_at IS NULL)),
    CONSTRAINT ck_offers_control CHECK (NOT is_control OR (viewed_at IS NULL AND activated_at IS NULL AND order_id IS NULL)),
    CONSTRAINT uq_offers_campaign_id_customer_id_target_made_at UNIQUE (campaign_id, customer_id, target, made_at)
);
--;;
CREATE INDEX ix_offers_customer_id_valid_until_id ON offers (customer_id, valid_until, id);
--;;
CREATE INDEX ix_offers_due ON offers (valid_until) WHERE NOT is_control AND NOT expiry_told AND order_id IS NULL;

-- Worth nothing from then on, such as the code of a reward that was cancelled.
ALTER TABLE vouchers ADD voided_at timestamptz;
--;;
-- Codes that nobody has yet, for rewards and offers that give one away.
CREATE INDEX ix_vouchers_free ON vouchers (batch_id, code) WHERE customer_id IS NULL AND redeemed = 0 AND voided_at IS NULL;
--;;
CREATE TABLE rewards (
    id text CONSTRAINT pk_rewards PRIMARY KEY,
    programme_id text NOT NULL CONSTRAINT fk_rewards_programme_id_programmes REFERENCES programmes (id),
    version bigint NOT NULL DEFAULT 1,
    name jsonb NOT NULL,
    description jsonb,
    images text[] NOT NULL DEFAULT '{}',
    kind text NOT NULL CONSTRAINT ck_rewards_kind CHECK (kind IN ('goods', 'voucher', 'discount', 'experience')),
    wallet text NOT NULL,
    prices jsonb NOT NULL,
    voucher_batch_id text CONSTRAINT fk_rewards_voucher_batch_id_voucher_batches REFERENCES voucher_batches (id),
    stock bigint,
    taken bigint NOT NULL DEFAULT 0,
    valid_from timestamptz,
    valid_to timestamptz,
    eligibility jsonb NOT NULL DEFAULT '{}',
    limits jsonb NOT NULL DEFAULT '[]',
    fulfil_within_days integer NOT NULL,
    categories text[] NOT NULL DEFAULT '{}',
    tags text[] NOT NULL DEFAULT '{}',
    sort_rank integer NOT NULL DEFAULT 100,
    archived_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fk_rewards_programme_id_wallets FOREIGN KEY (programme_id, wallet) REFERENCES wallets (programme_id, code),
    -- What is taken never exceeds what there is, whoever writes.
    CONSTRAINT ck_rewards_stock CHECK (taken >= 0 AND (stock IS NULL OR taken <= stock)),
    CONSTRAINT ck_rewards_voucher CHECK ((kind IN ('voucher', 'discount')) = (voucher_batch_id IS NOT NULL)),
    CONSTRAINT ck_rewards_validity CHECK (valid_to > valid_from),
    CONSTRAINT ck_rewards_fulfil CHECK (fulfil_within_days BETWEEN 1 AND 31)
);
--;;
CREATE INDEX ix_rewards_sort_rank_id ON rewards (sort_rank, id);
--;;
CREATE INDEX ix_rewards_open ON rewards (programme_id, sort_rank, id) WHERE archived_at IS NULL;
--;;
CREATE TABLE redemptions (
    id text CONSTRAINT pk_redemptions PRIMARY KEY,
    version bigint NOT NULL DEFAULT 1,
    reward_id text NOT NULL CONSTRAINT fk_redemptions_reward_id_rewards REFERENCES rewards (id),
    customer_id text NOT NULL,
    quantity integer NOT NULL CONSTRAINT ck_redemptions_quantity CHECK (quantity > 0),
    option text NOT NULL,
    points bigint NOT NULL CONSTRAINT ck_redemptions_points CHECK (points > 0),
    wallet text NOT NULL,
    amount_minor bigint,
    currency text,
    -- Set while the points wait in a hold, and kept after it was captured.
    hold_id text,
    voucher_codes text[] NOT NULL DEFAULT '{}',
    status text NOT NULL CONSTRAINT ck_redemptions_status CHECK (status IN ('pending', 'fulfilled', 'cancelled', 'timed_out')),
    cancel_reason text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    fulfilled_at timestamptz,
    closed_at timestamptz,
    CONSTRAINT ck_redemptions_pending CHECK (status <> 'pending' OR (hold_id IS NOT NULL AND expires_at IS NOT NULL)),
    CONSTRAINT ck_redemptions_closed CHECK ((status IN ('cancelled', 'timed_out')) = (closed_at IS NOT NULL))
);
--;;
CREATE INDEX ix_redemptions_customer_id_created_at_id ON redemptions (customer_id, created_at, id);
--;;
CREATE INDEX ix_redemptions_customer_id_reward_id ON redemptions (customer_id, reward_id, created_at);
--;;
CREATE INDEX ix_redemptions_status_created_at_id ON redemptions (status, created_at, id);
--;;
CREATE INDEX ix_redemptions_created_at_id ON redemptions (created_at, id);
--;;
CREATE INDEX ix_redemptions_due ON redemptions (expires_at) WHERE status = 'pending';
--;;
CREATE INDEX ix_redemptions_waiting ON redemptions (reward_id, expires_at) WHERE status = 'pending';

-- What a member can hold: points to spend, points that count for tiers only, or money in minor units.
CREATE TABLE wallets (
    programme_id text NOT NULL CONSTRAINT fk_wallets_programme_id_programmes REFERENCES programmes (id),
    code text NOT NULL CONSTRAINT ck_wallets_code CHECK (code ~ '^[a-z][a-z0-9_]{0,39}$'),
    kind text NOT NULL CONSTRAINT ck_wallets_kind CHECK (kind IN ('points', 'tier_points', 'stored_value')),
    currency text,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_wallets PRIMARY KEY (programme_id, code),
    CONSTRAINT ck_wallets_currency CHECK ((kind = 'stored_value') = (currency IS NOT NULL))
);
--;;
INSERT INTO wallets (programme_id, code, kind) SELECT id, code, code FROM programmes, (VALUES ('points'), ('tier_points')) AS made (code);
--;;
ALTER TABLE programmes ADD refund_policy text NOT NULL DEFAULT 'allow_negative'
    CONSTRAINT ck_programmes_refund_policy CHECK (refund_policy IN ('only_pending', 'within_balance', 'allow_negative'));
--;;
-- When points end that come from a moment on; append-only. What activity puts off keeps its version, and with it the zone.
CREATE TABLE expiry_policies (
    programme_id text NOT NULL CONSTRAINT fk_expiry_policies_programme_id_programmes REFERENCES programmes (id),
    version integer NOT NULL CONSTRAINT ck_expiry_policies_version CHECK (version > 0),
    kind text NOT NULL CONSTRAINT ck_expiry_policies_kind CHECK (kind IN ('never', 'rolling', 'calendar', 'activity')),
    unit text CONSTRAINT ck_expiry_policies_unit CHECK (unit IN ('day', 'month', 'quarter', 'year')),
    units integer CONSTRAINT ck_expiry_policies_units CHECK (units BETWEEN 0 AND 3660),
    zone text NOT NULL,
    exempt_tiers text[] NOT NULL DEFAULT '{}',
    reminder_days integer[] NOT NULL DEFAULT '{}',
    effective_from timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_expiry_policies PRIMARY KEY (programme_id, version),
    CONSTRAINT uq_expiry_policies_programme_id_effective_from UNIQUE (programme_id, effective_from),
    CONSTRAINT ck_expiry_policies_term CHECK (
        CASE kind WHEN 'never' THEN unit IS NULL AND units IS NULL ELSE unit IS NOT NULL AND units IS NOT NULL END
    )
);
--;;
-- When to look next at wallets whose lots activity puts off: never later than the next of them lapses.
CREATE TABLE expiry_watches (
    account_id bigint CONSTRAINT pk_expiry_watches PRIMARY KEY,
    due_at timestamptz NOT NULL
);
--;;
CREATE INDEX ix_expiry_watches_due_at ON expiry_watches (due_at);
--;;
ALTER TABLE members ADD chain_hash bytea NOT NULL DEFAULT '\x', ADD closed_at timestamptz;
--;;
ALTER TABLE accounts
    ADD wallet text NOT NULL DEFAULT 'points',
    ADD partner_id text,
    ADD balance bigint NOT NULL DEFAULT 0,
    ADD lifetime bigint NOT NULL DEFAULT 0,
    DROP CONSTRAINT ck_accounts_kind,
    ADD CONSTRAINT ck_accounts_kind CHECK (kind IN ('issuance', 'member', 'spent', 'expired', 'adjustment', 'transfer', 'partner')),
    ADD CONSTRAINT ck_accounts_partner CHECK ((kind = 'partner') = (partner_id IS NOT NULL)),
    ADD CONSTRAINT ck_accounts_nothing_shared CHECK (kind = 'member' OR (balance = 0 AND lifetime = 0)),
    ADD CONSTRAINT fk_accounts_programme_id_wallets FOREIGN KEY (programme_id, wallet) REFERENCES wallets (programme_id, code),
    DROP CONSTRAINT uq_accounts_customer_id_programme_id,
    ADD CONSTRAINT uq_accounts_customer_id_programme_id_wallet UNIQUE (customer_id, programme_id, wallet),
    SET (fillfactor = 70);
--;;
DROP INDEX ix_accounts_issuance;
--;;
CREATE UNIQUE INDEX ix_accounts_of_programme ON accounts (programme_id, wallet, kind, partner_id) NULLS NOT DISTINCT WHERE customer_id IS NULL;
--;;
-- After the indexes: an index over one row tells the planner that there is one, and plans made for it stay until somebody analyses the table.
INSERT INTO accounts (programme_id, kind) VALUES ('prg_00000000000000000000000001', 'issuance') ON CONFLICT DO NOTHING;
--;;
ALTER TABLE entries
    ADD account_id bigint NOT NULL,
    ADD counter text NOT NULL,
    ADD sequence bigint NOT NULL,
    ADD rule_version text,
    ADD explanation jsonb,
    ADD hash bytea NOT NULL,
    ALTER recorded_at SET DEFAULT clock_timestamp(),
    DROP CONSTRAINT ck_entries_kind,
    DROP CONSTRAINT ck_entries_points,
    DROP CONSTRAINT uq_entries_source_id_kind,
    ADD CONSTRAINT ck_entries_points CHECK (
        (points > 0 AND kind IN ('accrual', 'restoration', 'reinstatement', 'transfer_in', 'adjustment'))
        OR (points < 0 AND kind IN ('reversal', 'redemption', 'expiry', 'transfer_out', 'adjustment', 'forfeiture'))
    ),
    ADD CONSTRAINT uq_entries_source_id_kind_account_id UNIQUE (source_id, kind, account_id);
--;;
-- Whose chains have grown since the last seal; a few bytes a hundred pages, so that posting does not pay for it.
CREATE INDEX ix_entries_recorded_at ON entries USING brin (recorded_at) WITH (pages_per_range = 32);
--;;
-- The reason that somebody wrote: the only part of an entry that can hold personal data, and so the only one that can be blanked.
CREATE TABLE entry_notes (
    entry_id text CONSTRAINT pk_entry_notes PRIMARY KEY,
    reason text,
    reference text,
    actor text
);
--;;
ALTER TABLE lots
    ADD available_from timestamptz NOT NULL DEFAULT '-infinity',
    ADD expires_at timestamptz NOT NULL DEFAULT 'infinity',
    ADD expiry_version integer NOT NULL DEFAULT 0,
    ADD is_overdraft boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT ck_lots_granted,
    DROP CONSTRAINT ck_lots_remaining,
    ADD CONSTRAINT ck_lots_granted CHECK (granted > 0 OR is_overdraft),
    ADD CONSTRAINT ck_lots_remaining CHECK (remaining BETWEEN 0 AND granted OR is_overdraft),
    ADD CONSTRAINT ck_lots_overdraft CHECK (NOT is_overdraft OR (
        granted = 0 AND remaining <= 0 AND entry_id = '' AND earned_at = '-infinity' AND available_from = '-infinity' AND expires_at = 'infinity'
    ));
--;;
DROP INDEX ix_lots_open;
--;;
CREATE INDEX ix_lots_open ON lots (account_id, expiry_version, expires_at, earned_at, id) INCLUDE (remaining) WHERE remaining > 0;
--;;
CREATE INDEX ix_lots_pending ON lots (account_id, available_from) WHERE remaining > 0 AND available_from > earned_at;
--;;
CREATE INDEX ix_lots_due ON lots (expires_at, account_id) WHERE remaining > 0 AND expires_at < 'infinity' AND expiry_version = 0;
--;;
CREATE INDEX ix_lots_entry_id ON lots (entry_id);
--;;
CREATE UNIQUE INDEX ix_lots_overdraft ON lots (account_id) WHERE is_overdraft;
--;;
CREATE INDEX ix_lots_owing ON lots (account_id) WHERE remaining < 0;
--;;
ALTER TABLE lot_draws DROP CONSTRAINT ck_lot_draws_points, ADD CONSTRAINT ck_lot_draws_points CHECK (points <> 0);
--;;
CREATE INDEX ix_lot_draws_lot_id ON lot_draws (lot_id);
--;;
ALTER TABLE orders ADD cancelled_at timestamptz, ADD points_forgiven bigint NOT NULL DEFAULT 0;
--;;
CREATE TABLE holds (
    id text CONSTRAINT pk_holds PRIMARY KEY,
    programme_id text NOT NULL,
    wallet text NOT NULL,
    customer_id text NOT NULL CONSTRAINT fk_holds_customer_id_members REFERENCES members (customer_id),
    points bigint NOT NULL CONSTRAINT ck_holds_points CHECK (points > 0),
    captured bigint NOT NULL DEFAULT 0 CONSTRAINT ck_holds_captured CHECK (captured BETWEEN 0 AND points),
    reference text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'open' CONSTRAINT ck_holds_state CHECK (state IN ('open', 'captured', 'voided', 'timed_out')),
    closed_at timestamptz,
    CONSTRAINT ck_holds_expires_at CHECK (expires_at > created_at),
    CONSTRAINT ck_holds_closed_at CHECK ((state = 'open') = (closed_at IS NULL)),
    CONSTRAINT fk_holds_programme_id_wallets FOREIGN KEY (programme_id, wallet) REFERENCES wallets (programme_id, code)
);
--;;
CREATE INDEX ix_holds_customer_id ON holds (customer_id, created_at);
--;;
CREATE INDEX ix_holds_due ON holds (expires_at) WHERE state = 'open';
--;;
CREATE TABLE hold_lots (
    hold_id text NOT NULL CONSTRAINT fk_hold_lots_hold_id_holds REFERENCES holds (id),
    lot_id text NOT NULL,
    account_id bigint NOT NULL,
    points bigint NOT NULL CONSTRAINT ck_hold_lots_points CHECK (points > 0),
    until timestamptz NOT NULL,
    is_open boolean NOT NULL DEFAULT true,
    CONSTRAINT pk_hold_lots PRIMARY KEY (hold_id, lot_id)
);
--;;
CREATE INDEX ix_hold_lots_of_account ON hold_lots (account_id, until) WHERE is_open;
--;;
CREATE INDEX ix_hold_lots_of_lot ON hold_lots (lot_id, until) INCLUDE (points, is_open);
--;;
CREATE TABLE adjustments (
    id text CONSTRAINT pk_adjustments PRIMARY KEY,
    programme_id text NOT NULL,
    wallet text NOT NULL,
    customer_id text NOT NULL CONSTRAINT fk_adjustments_customer_id_members REFERENCES members (customer_id),
    points bigint NOT NULL CONSTRAINT ck_adjustments_points CHECK (points <> 0),
    reason text,
    state text NOT NULL CONSTRAINT ck_adjustments_state CHECK (state IN ('pending', 'posted', 'rejected')),
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    decided_by text,
    decided_at timestamptz,
    expires_at timestamptz,
    CONSTRAINT ck_adjustments_decided CHECK ((state = 'pending') = (decided_at IS NULL)),
    CONSTRAINT ck_adjustments_four_eyes CHECK (decided_by <> requested_by),
    CONSTRAINT fk_adjustments_programme_id_wallets FOREIGN KEY (programme_id, wallet) REFERENCES wallets (programme_id, code)
);
--;;
CREATE INDEX ix_adjustments_customer_id ON adjustments (customer_id, requested_at);
--;;
CREATE TABLE households (
    id text CONSTRAINT pk_households PRIMARY KEY,
    programme_id text NOT NULL CONSTRAINT fk_households_programme_id_programmes REFERENCES programmes (id),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
--;;
CREATE TABLE household_members (
    household_id text NOT NULL CONSTRAINT fk_household_members_household_id_households REFERENCES households (id),
    customer_id text NOT NULL CONSTRAINT fk_household_members_customer_id_members REFERENCES members (customer_id),
    joined_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    left_at timestamptz,
    CONSTRAINT pk_household_members PRIMARY KEY (household_id, customer_id, joined_at)
);
--;;
CREATE UNIQUE INDEX ix_household_members_present ON household_members (customer_id) WHERE left_at IS NULL;
--;;
CREATE TABLE seals (
    number bigint CONSTRAINT pk_seals PRIMARY KEY CONSTRAINT ck_seals_number CHECK (number > 0),
    sealed_at timestamptz NOT NULL,
    chains bigint NOT NULL,
    root bytea NOT NULL
);
--;;
CREATE TABLE seal_leaves (
    seal_number bigint NOT NULL,
    customer_id text NOT NULL,
    sequence bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT pk_seal_leaves PRIMARY KEY (seal_number, customer_id)
);
--;;
CREATE INDEX ix_seal_leaves_customer_id ON seal_leaves (customer_id, sequence);

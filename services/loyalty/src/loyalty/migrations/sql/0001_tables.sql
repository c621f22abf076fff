CREATE TABLE members (
    customer_id text CONSTRAINT pk_members PRIMARY KEY,
    enrolled_at timestamptz,
    version bigint NOT NULL DEFAULT 0 CONSTRAINT ck_members_version CHECK (version >= 0),
    recorded_at timestamptz NOT NULL DEFAULT now()
-- Room in each page for the new version of a row that every entry makes.
) WITH (fillfactor = 70);
--;;
CREATE TABLE programmes (
    id text CONSTRAINT pk_programmes PRIMARY KEY,
    name text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
--;;
CREATE TABLE programme_rates (
    programme_id text NOT NULL CONSTRAINT fk_programme_rates_programme_id_programmes REFERENCES programmes (id),
    version integer NOT NULL CONSTRAINT ck_programme_rates_version CHECK (version > 0),
    numerator bigint NOT NULL CONSTRAINT ck_programme_rates_numerator CHECK (numerator BETWEEN 0 AND 1000),
    denominator bigint NOT NULL CONSTRAINT ck_programme_rates_denominator CHECK (denominator BETWEEN 1 AND 1000000000),
    effective_from timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_programme_rates PRIMARY KEY (programme_id, version),
    CONSTRAINT uq_programme_rates_programme_id_effective_from UNIQUE (programme_id, effective_from)
);
--;;
CREATE TABLE accounts (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_accounts PRIMARY KEY,
    programme_id text NOT NULL CONSTRAINT fk_accounts_programme_id_programmes REFERENCES programmes (id),
    kind text NOT NULL CONSTRAINT ck_accounts_kind CHECK (kind IN ('issuance', 'member')),
    customer_id text CONSTRAINT fk_accounts_customer_id_members REFERENCES members (customer_id),
    CONSTRAINT ck_accounts_owner CHECK ((kind = 'member') = (customer_id IS NOT NULL)),
    CONSTRAINT uq_accounts_customer_id_programme_id UNIQUE (customer_id, programme_id)
);
--;;
CREATE UNIQUE INDEX ix_accounts_issuance ON accounts (programme_id) WHERE kind = 'issuance';
--;;
CREATE TABLE entries (
    id text CONSTRAINT pk_entries PRIMARY KEY,
    customer_id text NOT NULL,
    kind text NOT NULL CONSTRAINT ck_entries_kind CHECK (kind IN ('accrual', 'reversal')),
    source_id text NOT NULL,
    order_id text,
    points bigint NOT NULL,
    rate_version integer,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_entries_points CHECK (points <> 0 AND (points > 0) = (kind = 'accrual')),
    CONSTRAINT uq_entries_source_id_kind UNIQUE (source_id, kind)
);
--;;
CREATE INDEX ix_entries_of_member ON entries (customer_id, occurred_at, id) INCLUDE (kind, points);
--;;
CREATE TABLE postings (
    entry_id text NOT NULL,
    account_id bigint NOT NULL,
    points bigint NOT NULL CONSTRAINT ck_postings_points CHECK (points <> 0),
    CONSTRAINT pk_postings PRIMARY KEY (entry_id, account_id)
);
--;;
CREATE TABLE lots (
    id text CONSTRAINT pk_lots PRIMARY KEY,
    account_id bigint NOT NULL CONSTRAINT fk_lots_account_id_accounts REFERENCES accounts (id),
    entry_id text NOT NULL,
    granted bigint NOT NULL CONSTRAINT ck_lots_granted CHECK (granted > 0),
    remaining bigint NOT NULL,
    earned_at timestamptz NOT NULL,
    CONSTRAINT ck_lots_remaining CHECK (remaining BETWEEN 0 AND granted)
);
--;;
CREATE INDEX ix_lots_open ON lots (account_id, earned_at) INCLUDE (remaining) WHERE remaining > 0;
--;;
CREATE TABLE lot_draws (
    entry_id text NOT NULL,
    lot_id text NOT NULL,
    points bigint NOT NULL CONSTRAINT ck_lot_draws_points CHECK (points > 0),
    CONSTRAINT pk_lot_draws PRIMARY KEY (entry_id, lot_id)
);
--;;
CREATE TABLE orders (
    order_id text CONSTRAINT pk_orders PRIMARY KEY,
    customer_id text NOT NULL CONSTRAINT fk_orders_customer_id_members REFERENCES members (customer_id),
    programme_id text NOT NULL,
    rate_version integer NOT NULL,
    placed_at timestamptz NOT NULL,
    amount_minor bigint NOT NULL,
    returned_minor bigint NOT NULL DEFAULT 0,
    lot_id text
);
--;;
CREATE TABLE order_returns (
    return_id text CONSTRAINT pk_order_returns PRIMARY KEY,
    order_id text NOT NULL CONSTRAINT fk_order_returns_order_id_orders REFERENCES orders (order_id),
    amount_minor bigint NOT NULL CONSTRAINT ck_order_returns_amount_minor CHECK (amount_minor >= 0),
    returned_at timestamptz NOT NULL
);
--;;
CREATE INDEX ix_order_returns_order_id ON order_returns (order_id);
--;;
-- One point for each whole unit of money of a hundred minor ones, since ever.
INSERT INTO programmes (id, name) VALUES ('prg_00000000000000000000000001', 'Regulars');
--;;
INSERT INTO programme_rates (programme_id, version, numerator, denominator, effective_from)
VALUES ('prg_00000000000000000000000001', 1, 1, 100, '0001-01-01 00:00:00+00');

DROP TRIGGER refuse_lots_of_nobody ON lots;
--;;
DROP TRIGGER refuse_orders_of_nobody ON orders;
--;;
DROP FUNCTION refuse_lots_of_nobody;
--;;
DROP FUNCTION refuse_orders_of_nobody;
--;;
ALTER TABLE lots ADD CONSTRAINT fk_lots_account_id_accounts FOREIGN KEY (account_id) REFERENCES accounts (id);
--;;
ALTER TABLE orders ADD CONSTRAINT fk_orders_customer_id_members FOREIGN KEY (customer_id) REFERENCES members (customer_id);
--;;
ALTER TABLE accounts
    DROP CONSTRAINT ck_accounts_kind,
    ADD CONSTRAINT ck_accounts_kind CHECK (kind IN ('issuance', 'member')),
    ADD CONSTRAINT uq_accounts_customer_id_programme_id UNIQUE (customer_id, programme_id),
    RESET (fillfactor);
--;;
CREATE UNIQUE INDEX ix_accounts_issuance ON accounts (programme_id) WHERE kind = 'issuance';
--;;
ALTER TABLE entries
    DROP CONSTRAINT ck_entries_points,
    ALTER recorded_at SET DEFAULT now(),
    ADD CONSTRAINT ck_entries_kind CHECK (kind IN ('accrual', 'reversal')),
    ADD CONSTRAINT ck_entries_points CHECK (points <> 0 AND (points > 0) = (kind = 'accrual')),
    ADD CONSTRAINT uq_entries_source_id_kind UNIQUE (source_id, kind);
--;;
DROP INDEX ix_entries_recorded_at;
--;;
ALTER TABLE lots
    ADD CONSTRAINT ck_lots_granted CHECK (granted > 0),
    ADD CONSTRAINT ck_lots_remaining CHECK (remaining BETWEEN 0 AND granted);
--;;
CREATE INDEX ix_lots_open ON lots (account_id, earned_at) INCLUDE (remaining) WHERE remaining > 0;
--;;
DROP INDEX ix_lots_entry_id;
--;;
DROP INDEX ix_lot_draws_lot_id;
--;;
ALTER TABLE lot_draws DROP CONSTRAINT ck_lot_draws_points, ADD CONSTRAINT ck_lot_draws_points CHECK (points > 0);

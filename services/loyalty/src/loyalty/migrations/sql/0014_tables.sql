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
-- Who live together spend together, in every programme.
ALTER TABLE households DROP programme_id;

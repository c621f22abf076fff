DROP TABLE point_payments;
--;;
ALTER TABLE households
    ADD programme_id text NOT NULL DEFAULT 'prg_00000000000000000000000001'
        CONSTRAINT fk_households_programme_id_programmes REFERENCES programmes (id);
--;;
ALTER TABLE households ALTER programme_id DROP DEFAULT;
--;;
DROP INDEX ix_rewards_programme_id_sort_rank_id;
--;;
CREATE INDEX ix_rewards_sort_rank_id ON rewards (sort_rank, id);
--;;
DROP INDEX ix_offer_campaigns_programme_id_created_at_id;
--;;
CREATE INDEX ix_offer_campaigns_created_at_id ON offer_campaigns (created_at, id);
--;;
ALTER TABLE voucher_batches
    DROP programme_id, DROP skus, DROP categories, DROP excluded_skus, DROP weekdays, DROP daily_from, DROP daily_until, DROP combinable;
--;;
CREATE INDEX ix_voucher_batches_created_at_id ON voucher_batches (created_at, id);

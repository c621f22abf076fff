-- Since when the tier, or none, has been what it is; with it a late order is told from one that comes after the last change.
ALTER TABLE tier_standings ADD steady_since timestamptz;
--;;
-- Of who has much: what counted after a moment and until another by all news that were taken, and when last something of it came back.
ALTER TABLE tier_standings ADD counted bigint, ADD counted_after timestamptz, ADD counted_upto timestamptz, ADD moved_at timestamptz;
--;;
-- What happened to a customer that his standing does not know of yet: from which instant on it may not be true therefore, and by how much what
-- counts at `counts_at` has changed, where that is known.
CREATE TABLE tier_news (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_tier_news PRIMARY KEY,
    programme_id text NOT NULL CONSTRAINT fk_tier_news_programme_id_programmes REFERENCES programmes (id),
    customer_id text NOT NULL,
    moment timestamptz NOT NULL,
    is_less boolean NOT NULL,
    counts_at timestamptz,
    delta bigint
);
--;;
CREATE INDEX ix_tier_news_customer_id ON tier_news (customer_id, programme_id);
--;;
-- Sums over a window read nothing but the index.
DROP INDEX ix_orders_customer_id_placed_at;
--;;
CREATE INDEX ix_orders_customer_id_placed_at ON orders (customer_id, placed_at)
    INCLUDE (order_id, amount_minor, returned_minor, cancelled_at);
--;;
DROP INDEX ix_entries_of_member;
--;;
CREATE INDEX ix_entries_of_member ON entries (customer_id, occurred_at, id) INCLUDE (kind, points, account_id);
--;;
CREATE INDEX ix_entries_reversals_of_member ON entries (customer_id, occurred_at) WHERE kind = 'reversal';

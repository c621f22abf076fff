-- What the database refuses whoever asks: a changed past, and an entry whose postings do not sum to zero.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
--;;
-- Scalar subqueries look each row up by its key; a join could be planned as a scan of the whole ledger.
CREATE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM added GROUP BY entry_id
        HAVING sum(points) <> 0 OR (SELECT id FROM entries WHERE entries.id = added.entry_id) IS NULL
    ) THEN
        RAISE EXCEPTION 'the postings of an entry do not sum to zero' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (
        SELECT FROM added GROUP BY account_id HAVING (SELECT id FROM accounts WHERE accounts.id = added.account_id) IS NULL
    ) THEN
        RAISE EXCEPTION 'a posting names no account' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
--;;
CREATE TRIGGER refuse_unbalanced AFTER INSERT ON postings REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_unbalanced();
--;;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--;;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON postings FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--;;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON lot_draws FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--;;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON order_returns FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--;;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON programme_rates FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--;;
-- The role owns its tables; an owner's rights can be taken away as anybody's.
REVOKE UPDATE, DELETE, TRUNCATE ON entries, postings, lot_draws, order_returns, programme_rates, lots, orders FROM CURRENT_USER;
--;;
GRANT UPDATE (remaining) ON lots TO CURRENT_USER;
--;;
GRANT UPDATE (returned_minor) ON orders TO CURRENT_USER;

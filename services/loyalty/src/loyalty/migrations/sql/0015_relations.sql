CREATE TABLE relations (
    id text CONSTRAINT pk_relations PRIMARY KEY,
    customer_id text NOT NULL,
    other_id text NOT NULL,
    score smallint,
    is_rejected boolean NOT NULL,
    shared text[] NOT NULL,
    sequence bigint NOT NULL,
    CONSTRAINT ck_relations_score CHECK (score BETWEEN 0 AND 100),
    CONSTRAINT ck_relations_rejected CHECK (score IS NULL OR NOT is_rejected),
    CONSTRAINT ck_relations_two CHECK (customer_id <> other_id)
);
--;;
CREATE INDEX ix_relations_customer_id ON relations (customer_id);
--;;
CREATE INDEX ix_relations_other_id ON relations (other_id);
--;;
-- How two families relate: how sure it is that they are one person, unless somebody said of any of them that they are not; what they share.
CREATE FUNCTION relation_of(one text[], other text[]) RETURNS TABLE (score smallint, shared text[]) LANGUAGE sql STABLE AS $$
    WITH told AS (
        SELECT r.score, r.is_rejected, r.shared FROM relations AS r WHERE r.customer_id = ANY (one) AND r.other_id = ANY (other)
        UNION ALL
        SELECT r.score, r.is_rejected, r.shared FROM relations AS r WHERE r.customer_id = ANY (other) AND r.other_id = ANY (one)
    )
    SELECT CASE WHEN NOT bool_or(told.is_rejected) THEN max(told.score) END,
           ARRAY(SELECT DISTINCT kind FROM told, unnest(told.shared) AS kind ORDER BY kind)
    FROM told
$$;
--;;
-- Which suspicions somebody looked at and found nothing, instead of whether he did: others may come.
ALTER TABLE referrals DROP COLUMN is_cleared, ADD COLUMN cleared text[] NOT NULL DEFAULT '{}';
--;;
UPDATE referral_schemes SET terms = '{"on_shared_identity": "review", "suspected_from_score": 60}' || terms;

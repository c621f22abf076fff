CREATE TABLE segment_memberships (
    customer_id text NOT NULL,
    segment text COLLATE "C" NOT NULL,
    entered_at timestamptz NOT NULL,
    left_at timestamptz,
    CONSTRAINT pk_segment_memberships PRIMARY KEY (customer_id, segment, entered_at),
    CONSTRAINT ck_segment_memberships_left_at CHECK (left_at > entered_at)
);
--;;
-- The segments that a customer's family belonged to at a moment, each once, by code.
CREATE FUNCTION segments_at(customer text, moment timestamptz) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY(
        SELECT DISTINCT segment FROM segment_memberships
        WHERE customer_id = ANY (family_of(customer)) AND entered_at <= moment AND (left_at IS NULL OR moment < left_at) ORDER BY segment
    )
$$;

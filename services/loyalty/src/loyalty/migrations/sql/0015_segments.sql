CREATE TABLE segment_memberships (
    customer_id text NOT NULL,
    segment text COLLATE "C" NOT NULL,
    entered_at timestamptz NOT NULL,
    left_at timestamptz,
    CONSTRAINT pk_segment_memberships PRIMARY KEY (customer_id, segment, entered_at),
    CONSTRAINT ck_segment_memberships_left_at CHECK (left_at > entered_at)
);
--;;
-- The segments that a customer's family belonged to at a moment, each once, by code. Postgres puts it into the statement that asks for
-- many, where a function by the row would cost ten times as much; so it looks for the family by itself.
CREATE FUNCTION segments_of(customer text, moment timestamptz) RETURNS TABLE (segments text[]) LANGUAGE sql STABLE AS $$
    SELECT ARRAY(
        SELECT DISTINCT s.segment
        FROM (SELECT coalesce((SELECT l.root_id FROM customer_links AS l WHERE l.customer_id = customer), customer) AS root) AS own
        CROSS JOIN LATERAL (
            SELECT own.root AS id
            UNION ALL SELECT l.customer_id FROM customer_links AS l WHERE l.root_id = own.root AND l.root_id <> l.customer_id
        ) AS record
        JOIN segment_memberships AS s ON s.customer_id = record.id
        WHERE s.entered_at <= moment AND (s.left_at IS NULL OR moment < s.left_at)
        ORDER BY 1
    )
$$;
--;;
-- The same for one.
CREATE FUNCTION segments_at(customer text, moment timestamptz) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT segments FROM segments_of(customer, moment)
$$;

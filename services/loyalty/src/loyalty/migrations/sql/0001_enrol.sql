-- Enrols a batch of customers. Returns those who were not enrolled yet, with the number of the event that tells of it.
CREATE FUNCTION enrol(programme text, customers text[], moments timestamptz[])
RETURNS TABLE (customer_id text, enrolled_at timestamptz, sequence bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM ensure_members(programme, customers);
    RETURN QUERY
    UPDATE members SET enrolled_at = told.enrolled_at, version = members.version + 1
    FROM unnest(customers, moments) AS told (customer_id, enrolled_at)
    WHERE members.customer_id = told.customer_id AND members.enrolled_at IS NULL
    RETURNING members.customer_id, members.enrolled_at, members.version;
END $$;

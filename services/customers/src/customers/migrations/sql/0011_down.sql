CREATE OR REPLACE FUNCTION customer_document(search_name text, email text, phone text, external_id text, birth_date date)
RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    array_to_tsvector(array_remove(array_remove(
        string_to_array(search_name, ' ') || ARRAY[
            '@' || lower(email),
            CASE WHEN email LIKE '%+%' OR lower(email) LIKE '%mail.com' THEN '@' || customer_email_key(email) END,
            phone, '-' || reverse(substr(phone, 2)),
            '!' || lower(external_id), '^' || (birth_date - '2000-01-01'::date)::text
        ], NULL), ''))
--;;
CREATE OR REPLACE FUNCTION name_word_keys(word text) RETURNS integer[] LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT RETURN
    ARRAY(SELECT DISTINCT hashtext(overlay(word PLACING '' FROM place FOR 1)) FROM generate_series(1, length(word) + 1) AS g (place))
--;;
CREATE OR REPLACE FUNCTION remember_name_words(names text[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO name_words (word)
    SELECT found.word FROM (
        SELECT DISTINCT t.word COLLATE "C" AS word
        FROM unnest(names) AS n (search_name), unnest(string_to_array(split_part(n.search_name, ' *', 1), ' ')) AS t (word)
        WHERE length(t.word) >= 3 AND t.word COLLATE "C" >= 'a' AND t.word COLLATE "C" < '{'
    ) AS found
    WHERE NOT EXISTS (SELECT FROM name_words AS known WHERE known.word = found.word)
$$
--;;
CREATE OR REPLACE FUNCTION refuse_erased_arrivals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM suppressions) AND EXISTS (
        SELECT FROM added AS a
        CROSS JOIN LATERAL (VALUES ('email', a.email), ('phone', a.phone), ('external_id', a.external_id)) AS i (kind, value)
        JOIN suppressions AS s ON s.digest = identity_digest(i.kind, i.value)
    ) THEN
        RAISE EXCEPTION 'this identity was erased' USING ERRCODE = 'check_violation', CONSTRAINT = 'identity_erased', TABLE = 'customers';
    END IF;
    RETURN NULL;
END $$

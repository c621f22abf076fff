-- In plpgsql, which plans an expression once a connection. What is written in SQL is read and planned anew by each statement: the
-- expression of a stored column before its first row, that of an index at its first entry.
DO $outer$ BEGIN EXECUTE format($text$
CREATE OR REPLACE FUNCTION customer_document(search_name text, email text, phone text, external_id text, birth_date date)
RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN array_to_tsvector(array_remove(array_remove(
        string_to_array(search_name, ' ') || ARRAY[
            '@' || lower(email),
            -- Named with its schema: a restored backup computes the column anew, with no schema to look in.
            CASE WHEN email LIKE '%%+%%' OR lower(email) LIKE '%%mail.com' THEN '@' || %I.customer_email_key(email) END,
            phone, '-' || reverse(substr(phone, 2)),
            '!' || lower(external_id), '^' || (birth_date - '2000-01-01'::date)::text
        ], NULL), ''));
END $$
$text$, current_schema()); END $outer$
--;;
CREATE OR REPLACE FUNCTION name_word_keys(word text) RETURNS integer[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
    keys integer[] := '{}';
BEGIN
    FOR place IN 1 .. length(word) + 1 LOOP
        keys := keys || hashtext(overlay(word PLACING '' FROM place FOR 1));
    END LOOP;
    RETURN keys;
END $$
--;;
-- Most words are known: only who brings a new one opens the dictionary and its indexes for writing. One plan for any number of names,
-- for planning anew takes longer than the whole rest.
CREATE OR REPLACE FUNCTION remember_name_words(names text[]) RETURNS void LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    unknown text[] := ARRAY(
        SELECT t.word
        FROM unnest(names) AS n (search_name), unnest(string_to_array(split_part(n.search_name, ' *', 1), ' ')) AS t (word)
        WHERE length(t.word) >= 3 AND t.word COLLATE "C" >= 'a' AND t.word COLLATE "C" < '{'
            AND NOT EXISTS (SELECT FROM name_words AS known WHERE known.word = t.word COLLATE "C")
    );
BEGIN
    IF unknown <> '{}' THEN
        INSERT INTO name_words (word) SELECT DISTINCT t.word COLLATE "C" FROM unnest(unknown) AS t (word);
    END IF;
END $$
--;;
-- The second question is not even planned where nobody is kept out.
CREATE OR REPLACE FUNCTION refuse_erased_arrivals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM suppressions) THEN
        IF EXISTS (
            SELECT FROM added AS a
            CROSS JOIN LATERAL (VALUES ('email', a.email), ('phone', a.phone), ('external_id', a.external_id)) AS i (kind, value)
            JOIN suppressions AS s ON s.digest = identity_digest(i.kind, i.value)
        ) THEN
            RAISE EXCEPTION 'this identity was erased' USING ERRCODE = 'check_violation', CONSTRAINT = 'identity_erased', TABLE = 'customers';
        END IF;
    END IF;
    RETURN NULL;
END $$

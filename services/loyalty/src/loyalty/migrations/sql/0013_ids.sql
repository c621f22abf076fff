DROP FUNCTION new_id;
--;;
-- `ent_` and 26 characters, ordered by time: a UUID of version 7 in the alphabet of Crockford, as shared.ids makes them.
CREATE FUNCTION new_id(prefix text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    bits bit(130) := B'00' || ('x' || replace(uuidv7()::text, '-', ''))::bit(128);
    made text := prefix || '_';
BEGIN
    FOR place IN 0..25 LOOP
        made := made || substr('0123456789abcdefghjkmnpqrstvwxyz', substring(bits FROM place * 5 + 1 FOR 5)::integer + 1, 1);
    END LOOP;
    RETURN made;
END $$;

ALTER TABLE programmes
    ADD title jsonb,
    ADD starts_at timestamptz,
    ADD ends_at timestamptz,
    ADD published_at timestamptz,
    ADD CONSTRAINT ck_programmes_period CHECK (ends_at > starts_at);
--;;
-- The first programme has run since ever.
UPDATE programmes SET published_at = recorded_at;
--;;
ALTER TABLE programme_rates ADD currencies text[];
--;;
-- What a programme was, version by version.
CREATE TABLE programme_versions (
    programme_id text NOT NULL CONSTRAINT fk_programme_versions_programme_id_programmes REFERENCES programmes (id),
    version bigint NOT NULL,
    terms jsonb NOT NULL,
    changed_by text,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_programme_versions PRIMARY KEY (programme_id, version)
);
--;;
INSERT INTO programme_versions (programme_id, version, terms, changed_at)
SELECT id, version, jsonb_build_object(
    'name', name, 'title', NULL, 'zone', zone, 'refund_policy', refund_policy, 'discount', discount_scale, 'starts_at', NULL,
    'ends_at', NULL, 'published_at', published_at
), recorded_at FROM programmes;
--;;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON programme_versions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--;;
REVOKE UPDATE, DELETE, TRUNCATE ON programme_versions FROM CURRENT_USER;
--;;
-- Who took no part in a programme, and from when to when.
CREATE TABLE programme_absences (
    programme_id text NOT NULL CONSTRAINT fk_programme_absences_programme_id_programmes REFERENCES programmes (id),
    customer_id text NOT NULL CONSTRAINT fk_programme_absences_customer_id_members REFERENCES members (customer_id),
    left_at timestamptz NOT NULL,
    back_at timestamptz,
    CONSTRAINT pk_programme_absences PRIMARY KEY (customer_id, programme_id, left_at),
    CONSTRAINT ck_programme_absences_back_at CHECK (back_at >= left_at)
);
--;;
CREATE UNIQUE INDEX ix_programme_absences_present ON programme_absences (customer_id, programme_id) WHERE back_at IS NULL;
--;;
-- Each programme sees an occasion for itself: by its own clock, and with its own rules.
ALTER TABLE occasions ADD programme_id text NOT NULL DEFAULT 'prg_00000000000000000000000001';
--;;
ALTER TABLE awards ADD programme_id text NOT NULL DEFAULT 'prg_00000000000000000000000001', DROP CONSTRAINT fk_awards_trigger_occasions;
--;;
ALTER TABLE occasions DROP CONSTRAINT pk_occasions, ADD CONSTRAINT pk_occasions PRIMARY KEY (trigger, source_id, programme_id);
--;;
ALTER TABLE awards ADD CONSTRAINT fk_awards_trigger_occasions
    FOREIGN KEY (trigger, source_id, programme_id) REFERENCES occasions (trigger, source_id, programme_id);
--;;
ALTER TABLE customer_traits ADD stages jsonb NOT NULL DEFAULT '{}';
--;;
ALTER TABLE occasions ALTER programme_id DROP DEFAULT;
--;;
ALTER TABLE awards ALTER programme_id DROP DEFAULT;

DELETE FROM awards WHERE programme_id <> 'prg_00000000000000000000000001';
--;;
DELETE FROM occasions WHERE programme_id <> 'prg_00000000000000000000000001';
--;;
ALTER TABLE awards DROP CONSTRAINT fk_awards_trigger_occasions;
--;;
ALTER TABLE occasions DROP CONSTRAINT pk_occasions, DROP COLUMN programme_id, ADD CONSTRAINT pk_occasions PRIMARY KEY (trigger, source_id);
--;;
ALTER TABLE awards DROP COLUMN programme_id,
    ADD CONSTRAINT fk_awards_trigger_occasions FOREIGN KEY (trigger, source_id) REFERENCES occasions (trigger, source_id);
--;;
ALTER TABLE customer_traits DROP COLUMN stages;
--;;
DROP TABLE programme_absences;
--;;
DROP TABLE programme_versions;
--;;
ALTER TABLE programme_rates DROP COLUMN currencies;
--;;
ALTER TABLE programmes
    DROP CONSTRAINT ck_programmes_period,
    DROP COLUMN title, DROP COLUMN starts_at, DROP COLUMN ends_at, DROP COLUMN published_at;

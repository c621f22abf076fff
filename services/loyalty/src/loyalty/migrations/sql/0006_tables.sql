-- Which reminders of points that expire were given, so that each is given once.
CREATE TABLE expiry_reminders (
    customer_id text NOT NULL,
    account_id bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    days integer NOT NULL,
    reminded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_expiry_reminders PRIMARY KEY (account_id, expires_at, days)
);
--;;
CREATE INDEX ix_expiry_reminders_customer_id ON expiry_reminders (customer_id);
--;;
-- How far reminders have come: of each lead time what expires up to here was looked at.
CREATE TABLE expiry_reminder_marks (
    programme_id text NOT NULL CONSTRAINT fk_expiry_reminder_marks_programme_id_programmes REFERENCES programmes (id),
    days integer NOT NULL,
    expires_at timestamptz NOT NULL,
    account_id bigint NOT NULL,
    CONSTRAINT pk_expiry_reminder_marks PRIMARY KEY (programme_id, days)
);
--;;
-- What a point costs, from a moment on.
CREATE TABLE point_values (
    programme_id text NOT NULL CONSTRAINT fk_point_values_programme_id_programmes REFERENCES programmes (id),
    version integer NOT NULL,
    amount_minor bigint NOT NULL,
    points bigint NOT NULL,
    currency text NOT NULL,
    effective_from timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_point_values PRIMARY KEY (programme_id, version),
    CONSTRAINT uq_point_values_programme_id_effective_from UNIQUE (programme_id, effective_from),
    CONSTRAINT ck_point_values_bounds CHECK (
        version > 0 AND amount_minor BETWEEN 0 AND 1000000000 AND points BETWEEN 1 AND 1000000000
    )
);
--;;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON point_values FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--;;
REVOKE UPDATE, DELETE, TRUNCATE ON point_values FROM CURRENT_USER;

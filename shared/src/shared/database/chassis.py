"""The tables that every service owns for the chassis, as SQLAlchemy describes them and as migrations create them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, UUID

_NOW = sa.text("now()")

# Names of constraints are part of the schema: Alembic compares them.
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def chassis_metadata() -> sa.MetaData:
    """Return the metadata of a service with the chassis tables in it; the service adds its own."""
    metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)
    _messaging_tables(metadata)
    _http_tables(metadata)
    return metadata


def _messaging_tables(metadata: sa.MetaData) -> None:
    _outbox_tables(metadata)
    _inbox_tables(metadata)


def _outbox_tables(metadata: sa.MetaData) -> None:
    positions = sa.Sequence("event_log_position", metadata=metadata, data_type=sa.BigInteger)
    sa.Table(
        "event_log",
        metadata,
        sa.Column("id", UUID(as_uuid=True), nullable=False),
        sa.Column("aggregatetype", sa.Text, nullable=False),
        sa.Column("aggregateid", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("traceparent", sa.Text),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        # The order in which events are sent, the first time and at every replay.
        sa.Column("position", sa.BigInteger, positions, nullable=False, server_default=positions.next_value()),
        sa.Column("bucket", sa.SmallInteger, nullable=False),
        # The relay joins by both columns, the second of which prunes to one day.
        sa.PrimaryKeyConstraint("position", "recorded_at"),
        sa.CheckConstraint("sequence > 0", name="sequence"),
        postgresql_partition_by="RANGE (recorded_at)",
    )
    sa.Table(
        "outbox_pending",
        metadata,
        sa.Column("bucket", sa.SmallInteger, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        # Set while the broker refuses the event or an earlier one of its key.
        sa.Column("held_at", sa.DateTime(timezone=True)),
        # The relay reads the lowest positions of its buckets.
        sa.PrimaryKeyConstraint("bucket", "position"),
        # The few that are held.
        sa.Index("ix_outbox_pending_held", "position", postgresql_where=sa.text("held_at IS NOT NULL")),
    )
    # A record of each partition that the broker must still have; when it has not, it has lost events.
    sa.Table(
        "broker_anchors",
        metadata,
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("event_id", UUID(as_uuid=True), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition"),
    )
    # One row, with a number that grows each time all events are sent again: a relay that counts on acknowledgements of an earlier
    # time must not clear the outbox.
    sa.Table(
        "relay_epoch",
        metadata,
        sa.Column("is_only", sa.Boolean, server_default=sa.true(), primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.CheckConstraint("is_only", name="is_only"),
    )


def _inbox_tables(metadata: sa.MetaData) -> None:
    sa.Table(
        "inbox",
        metadata,
        sa.Column("consumer", sa.Text, nullable=False),
        sa.Column("event_id", UUID(as_uuid=True), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.PrimaryKeyConstraint("consumer", "event_id"),
    )
    sa.Table(
        "aggregate_versions",
        metadata,
        sa.Column("consumer", sa.Text, nullable=False),
        # Whose story it is: producer, kind and id of the aggregate, such as `customers/order/ord_…`.
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("consumer", "stream"),
    )
    sa.Table(
        "parked_events",
        metadata,
        sa.Column("consumer", sa.Text, nullable=False),
        sa.Column("event_id", UUID(as_uuid=True), nullable=False),
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), nullable=False),
        # early: an earlier event of the aggregate is missing; dead: its handler refuses it; behind: waits for a dead one.
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("aggregate_id", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("traceparent", sa.Text),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.PrimaryKeyConstraint("consumer", "event_id"),
        sa.CheckConstraint("reason IN ('early', 'dead', 'behind')", name="reason"),
        # What waits for a key, in the order it came.
        sa.Index(None, "consumer", "key", "position"),
        # What waits for the next event of an aggregate.
        sa.Index("ix_parked_events_stream", "consumer", "stream", "sequence"),
    )
    sa.Table(
        "dead_letters",
        metadata,
        sa.Column("consumer", sa.Text, nullable=False),
        sa.Column("event_id", UUID(as_uuid=True), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        # Class of the error and the place it was raised; never its message, which can hold values.
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("status", sa.Text, nullable=False, server_default=sa.text("'dead'")),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("resolved_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("consumer", "event_id"),
        sa.CheckConstraint("status IN ('dead', 'redriven', 'discarded')", name="status"),
        # Dead letters of a group of alike failures, newest first.
        sa.Index(None, "consumer", "status", "fingerprint"),
    )


def _http_tables(metadata: sa.MetaData) -> None:
    sa.Table(
        "idempotency_answers",
        metadata,
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        # SHA-256 of method, path and body: the same key with another request is refused.
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("headers", JSONB, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.PrimaryKeyConstraint("caller", "key"),
        # Retention deletes the oldest answers.
        sa.Index(None, "recorded_at"),
    )
    sa.Table(
        "access_keys",
        metadata,
        sa.Column("key_id", sa.Text, primary_key=True),
        sa.Column("secret_sha256", sa.LargeBinary, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    )
    sa.Table(
        "signing_keys",
        metadata,
        sa.Column("kid", sa.Text, primary_key=True),
        sa.Column("jwk", JSONB, nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
    )
    sa.Table(
        "jobs",
        metadata,
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False, server_default=sa.text("'queued'")),
        sa.Column("arguments", JSONB, nullable=False),
        sa.Column("result", JSONB),
        sa.Column("done", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("total", sa.BigInteger),
        sa.Column("error_code", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="status"),
        # The oldest job that waits or whose worker died.
        sa.Index(None, "created_at", postgresql_where=sa.text("status IN ('queued', 'running')")),
    )


# Day partitions are made ahead by the worker; the default partition catches what a sleeping worker missed.
_PARTITIONS = """
CREATE TABLE event_log_default PARTITION OF event_log DEFAULT;
CREATE FUNCTION ensure_event_log_partitions(days_ahead integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    day date;
    made integer := 0;
BEGIN
    FOR day IN SELECT generate_series(current_date, current_date + days_ahead, interval '1 day')::date LOOP
        IF to_regclass(format('event_log_%s', to_char(day, 'YYYYMMDD'))) IS NULL
           AND NOT EXISTS (SELECT FROM event_log_default WHERE recorded_at >= day AND recorded_at < day + 1) THEN
            EXECUTE format('CREATE TABLE event_log_%s PARTITION OF event_log FOR VALUES FROM (%L) TO (%L)',
                           to_char(day, 'YYYYMMDD'), day, day + 1);
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$;
SELECT ensure_event_log_partitions(7);
INSERT INTO relay_epoch (epoch) VALUES (1);
"""


def create_chassis() -> None:
    """Create the chassis tables; each service's first migration calls it."""
    bind = op.get_bind()
    chassis_metadata().create_all(bind, checkfirst=False)
    for statement in _split(_PARTITIONS):
        op.execute(statement)


def drop_chassis() -> None:
    """Drop what `create_chassis` made."""
    op.execute("DROP FUNCTION ensure_event_log_partitions(integer)")
    chassis_metadata().drop_all(op.get_bind(), checkfirst=False)


def _split(script: str) -> list[str]:
    """Return the statements of the partition script; only the function's body holds inner semicolons."""
    before, rest = script.split("CREATE FUNCTION", 1)
    body, after = rest.split("END $$;", 1)
    return [before, f"CREATE FUNCTION{body}END $$", *filter(str.strip, after.split(";"))]

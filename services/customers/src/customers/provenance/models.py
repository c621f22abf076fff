"""Who told what of a customer, and which source is believed."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from customers.tables import metadata

# Orders changes, merges and their undoing: drawn under the lock of the family's root, it never runs against what was seen.
history_numbers = sa.Sequence("history_numbers", metadata=metadata)

profile_changes = sa.Table(
    "profile_changes",
    metadata,
    # The record that the fields were told of, whoever it was merged into. No foreign key: the row is written with the customer's own.
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False, server_default=sa.text("nextval('history_numbers')")),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    # When it was true, where the source knows.
    sa.Column("observed_at", sa.DateTime(timezone=True)),
    sa.Column("source", sa.Text, nullable=False),
    # The principal of the caller; and the import, merge or event behind the change.
    sa.Column("actor", sa.Text),
    sa.Column("cause", sa.Text),
    # The rules that it was decided by; 0 before there were any.
    sa.Column("rules_version", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    # Value after the change by field, null where it was emptied; each attribute is a field `attributes.<name>`.
    sa.Column("fields", JSONB, nullable=False),
    # The import whose word of the record is taken back: it counts no more, and the fields tell what was said last without it.
    sa.Column("withdraws", sa.Text),
    # Also serves the fold over a record's changes and its history, newest first.
    sa.PrimaryKeyConstraint("customer_id", "number"),
    sa.CheckConstraint("jsonb_typeof(fields) = 'object'", name="fields"),
    # What an import did.
    sa.Index("ix_profile_changes_cause", "cause", "customer_id", postgresql_where=sa.text("cause IS NOT NULL")),
)

survivorship_rules = sa.Table(
    "survivorship_rules",
    metadata,
    # Never overwritten: a past profile is decided by the rules of its time.
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    # Sources by field, the most believed first.
    sa.Column("rules", JSONB, nullable=False),
    sa.Column("set_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
    sa.Column("set_by", sa.Text),
    sa.CheckConstraint("version > 0", name="version"),
    sa.CheckConstraint("jsonb_typeof(rules) = 'object'", name="rules"),
)

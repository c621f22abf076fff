"""When points end: the policies of a programme, and when to look at wallets whose points activity puts off."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from loyalty.metadata import metadata

# Append-only: points keep the policy of the day on which they were earned.
expiry_policies = sa.Table(
    "expiry_policies",
    metadata,
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    # never; rolling: so long after they were earned; calendar: at the end of a month, quarter or year; activity: so long after the last.
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("unit", sa.Text),
    sa.Column("units", sa.Integer),
    # By which days begin; the programme's when the policy was made.
    sa.Column("zone", sa.Text, nullable=False),
    # Tiers in which nothing expires that activity puts off.
    sa.Column("exempt_tiers", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    # So many days before points expire it is told.
    sa.Column("reminder_days", ARRAY(sa.Integer), nullable=False, server_default=sa.text("'{}'")),
    sa.Column("effective_from", sa.DateTime(timezone=True), nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.PrimaryKeyConstraint("programme_id", "version"),
    # The policy at a moment: the latest that had begun.
    sa.UniqueConstraint("programme_id", "effective_from"),
    sa.CheckConstraint("version > 0", name="version"),
    sa.CheckConstraint("kind IN ('never', 'rolling', 'calendar', 'activity')", name="kind"),
    sa.CheckConstraint("unit IN ('day', 'month', 'quarter', 'year')", name="unit"),
    sa.CheckConstraint("units BETWEEN 0 AND 3660", name="units"),
    sa.CheckConstraint(
        "CASE kind WHEN 'never' THEN unit IS NULL AND units IS NULL ELSE unit IS NOT NULL AND units IS NOT NULL END", name="term"
    ),
)

# A timetable, no fact: balances do not look at it.
expiry_watches = sa.Table(
    "expiry_watches",
    metadata,
    sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
    # Never later than the next of its lots lapses.
    sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
    # Whose turn it is.
    sa.Index("ix_expiry_watches_due_at", "due_at"),
)

# Which reminders were given, so that each is given once.
expiry_reminders = sa.Table(
    "expiry_reminders",
    metadata,
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("account_id", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    # So many days before.
    sa.Column("days", sa.Integer, nullable=False),
    sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
    sa.PrimaryKeyConstraint("account_id", "expires_at", "days"),
    # What a customer was told.
    sa.Index("ix_expiry_reminders_customer_id", "customer_id"),
)

# How far reminders have come: of each lead time what expires up to here was looked at.
expiry_reminder_marks = sa.Table(
    "expiry_reminder_marks",
    metadata,
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    sa.Column("days", sa.Integer, nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("account_id", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("programme_id", "days"),
)

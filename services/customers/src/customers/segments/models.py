"""Segments, and which customers belong to them."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from customers.tables import metadata

_NOW = sa.text("clock_timestamp()")

segments = sa.Table(
    "segments",
    metadata,
    sa.Column("code", sa.Text(collation="C"), primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    # Who decides who belongs to it: of a static one people do.
    sa.Column("kind", sa.Text, nullable=False, server_default=sa.text("'static'")),
    # By language: en, ru, zh, lv.
    sa.Column("names", JSONB, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.CheckConstraint("kind IN ('static')", name="kind"),
    sa.CheckConstraint("code ~ '^[a-z][a-z0-9_]{0,39}$'", name="code"),
    sa.CheckConstraint("jsonb_typeof(names) = 'object'", name="names"),
)

segment_memberships = sa.Table(
    "segment_memberships",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("segment", sa.Text(collation="C"), sa.ForeignKey("segments.code"), nullable=False),
    # The record that was named; his family belongs to the segment with him.
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("is_member", sa.Boolean, nullable=False),
    # The number of the last event that told of it; drawn under the row's lock.
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    # Of the last stay; earlier ones stand on the timeline.
    sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
    # When he entered, or left.
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("version > 0", name="version"),
    sa.CheckConstraint("CASE WHEN is_member THEN changed_at = entered_at ELSE changed_at > entered_at END", name="stay"),
    # One a customer and segment, however often he enters; the segments of a customer.
    sa.UniqueConstraint("customer_id", "segment"),
    # The members of a segment.
    sa.Index("ix_segment_memberships_members", "segment", "customer_id", postgresql_where=sa.text("is_member")),
)

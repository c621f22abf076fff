"""Every touch between a customer and the company, in one stream."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from customers.tables import metadata

touches = sa.Table(
    "touches",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    # The record that it was made for. No foreign key: a touch that another service tells of must not wait for a customer.
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("channel", sa.Text),
    sa.Column("journey_stage", sa.Text),
    sa.Column("sentiment", sa.Text),
    sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
    # What it was, within its kind: an order, an interaction, a response.
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("summary", JSONB, nullable=False, server_default=sa.text("'{}'")),
    # The transaction that wrote it: live views go on from it without missing what was committed late.
    sa.Column("written_in", sa.BigInteger, nullable=False, server_default=sa.text("pg_current_xact_id()::text::bigint")),
    sa.CheckConstraint("kind ~ '^[a-z][a-z0-9_]{0,39}$'", name="kind"),
    sa.CheckConstraint(
        "journey_stage IN ('attention', 'consideration', 'decision', 'purchase', 'service', 'advocacy')", name="journey_stage"
    ),
    sa.CheckConstraint("sentiment IN ('negative', 'neutral', 'positive')", name="sentiment"),
    sa.CheckConstraint("jsonb_typeof(summary) = 'object'", name="summary"),
    # A touch told twice is one.
    sa.UniqueConstraint("kind", "source_id"),
    # A customer's timeline, newest first; what it is filtered by stands in the index, so that rows that are not asked for are not read.
    sa.Index("ix_touches_timeline", "customer_id", "occurred_at", "id", "kind", "channel", "journey_stage", "sentiment"),
    # What was committed since a live view last looked; always grows at its end.
    sa.Index(None, "written_in"),
    # Pain points: the touches of a period that tell how the customer felt.
    sa.Index(
        "ix_touches_felt",
        "occurred_at",
        postgresql_include=["journey_stage", "channel", "sentiment", "kind", "id"],
        postgresql_where=sa.text("sentiment IS NOT NULL AND journey_stage IS NOT NULL"),
    ),
)

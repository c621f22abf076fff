"""Answers of customers to a question."""

import sqlalchemy as sa

from feedback.metadata import METADATA

responses = sa.Table(
    "responses",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("external_id", sa.Text),
    # No foreign key: a response may come before the news of its customer.
    sa.Column("customer_id", sa.Text),
    sa.Column("question", sa.Text, nullable=False),
    # The scale stays with each answer: a later change of the question does not change what was said.
    sa.Column("scale_min", sa.SmallInteger, nullable=False),
    sa.Column("scale_max", sa.SmallInteger, nullable=False),
    sa.Column("score", sa.SmallInteger, nullable=False),
    sa.Column("channel", sa.Text),
    sa.Column("comment", sa.Text),
    sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.CheckConstraint("question IN ('nps')", name="question"),
    sa.CheckConstraint("score BETWEEN scale_min AND scale_max", name="score"),
    sa.CheckConstraint("question <> 'nps' OR (scale_min = 0 AND scale_max = 10)", name="scale"),
    sa.CheckConstraint("channel <> ''", name="channel"),
    sa.CheckConstraint("comment <> ''", name="comment"),
    # The same response imported again.
    sa.Index("uq_responses_external_id", "external_id", unique=True, postgresql_where=sa.text("external_id IS NOT NULL")),
    # The list, newest first; of one customer; of one channel.
    sa.Index(None, "answered_at", "id"),
    sa.Index(None, "customer_id", "answered_at", "id", postgresql_where=sa.text("customer_id IS NOT NULL")),
    sa.Index(None, "channel", "answered_at", "id", postgresql_where=sa.text("channel IS NOT NULL")),
)

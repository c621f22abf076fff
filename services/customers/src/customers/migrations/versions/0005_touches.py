"""Interactions, the timeline, the life of orders, and holdings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    _create_touches()


def _create_touches() -> None:
    op.create_table(
        "touches",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("channel", sa.Text),
        sa.Column("journey_stage", sa.Text),
        sa.Column("sentiment", sa.Text),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("summary", JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("written_in", sa.BigInteger, nullable=False, server_default=sa.text("pg_current_xact_id()::text::bigint")),
        sa.CheckConstraint("kind ~ '^[a-z][a-z0-9_]{0,39}$'", name="kind"),
        sa.CheckConstraint(
            "journey_stage IN ('attention', 'consideration', 'decision', 'purchase', 'service', 'advocacy')", name="journey_stage"
        ),
        sa.CheckConstraint("sentiment IN ('negative', 'neutral', 'positive')", name="sentiment"),
        sa.CheckConstraint("jsonb_typeof(summary) = 'object'", name="summary"),
        sa.UniqueConstraint("kind", "source_id", name="uq_touches_kind_source_id"),
    )
    op.create_index("ix_touches_customer_id_occurred_at_id", "touches", ["customer_id", "occurred_at", "id"])
    op.create_index("ix_touches_written_in", "touches", ["written_in"])
    op.create_index(
        "ix_touches_felt",
        "touches",
        ["occurred_at"],
        postgresql_include=["journey_stage", "channel", "sentiment", "kind", "id"],
        postgresql_where=sa.text("sentiment IS NOT NULL AND journey_stage IS NOT NULL"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_table("touches")

"""Segments, what is told of pairs who may be one person, and what customers share."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0013"
down_revision = "0012"

_NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    op.create_table(
        "segments",
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
        sa.Column("kind", sa.Text, nullable=False, server_default=sa.text("'static'")),
        sa.Column("names", JSONB, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.PrimaryKeyConstraint("code"),
        sa.CheckConstraint("kind IN ('static')", name="kind"),
        sa.CheckConstraint("code ~ '^[a-z][a-z0-9_]{0,39}$'", name="code"),
        sa.CheckConstraint("jsonb_typeof(names) = 'object'", name="names"),
    )
    op.create_table(
        "segment_memberships",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("segment", sa.Text(collation="C"), sa.ForeignKey("segments.code"), nullable=False),
        sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
        sa.Column("is_member", sa.Boolean, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("version > 0", name="version"),
        sa.CheckConstraint("CASE WHEN is_member THEN changed_at = entered_at ELSE changed_at > entered_at END", name="stay"),
        sa.UniqueConstraint("customer_id", "segment"),
    )
    op.create_index(
        "ix_segment_memberships_members", "segment_memberships", ["segment", "customer_id"], postgresql_where=sa.text("is_member")
    )
    op.create_table(
        "identity_sharings",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("first_id", sa.Text, nullable=False),
        sa.Column("second_id", sa.Text, nullable=False),
        sa.Column("kinds", ARRAY(sa.Text), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint('first_id COLLATE "C" < second_id COLLATE "C"', name="order"),
        sa.UniqueConstraint("first_id", "second_id"),
    )
    op.create_index("ix_identity_sharings_second_id", "identity_sharings", ["second_id"])
    op.add_column("duplicate_pairs", sa.Column("told", sa.BigInteger, nullable=False, server_default=sa.text("0")))


def downgrade() -> None:
    op.drop_column("duplicate_pairs", "told")
    op.drop_table("identity_sharings")
    op.drop_table("segment_memberships")
    op.drop_table("segments")

"""What the programme promises: how much money earns how many points, and since when."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from loyalty.metadata import metadata

_NOW = sa.text("now()")

programmes = sa.Table(
    "programmes",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    # What a return does about points that are gone: leave them, take what is there, or let the member owe them.
    sa.Column("refund_policy", sa.Text, nullable=False, server_default=sa.text("'allow_negative'")),
    # By which days, weeks and months are told apart.
    sa.Column("zone", sa.Text, nullable=False, server_default=sa.text("'UTC'")),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    # The accumulating discount: a window and its steps.
    sa.Column("discount_scale", JSONB),
    # What members see, in their languages.
    sa.Column("title", JSONB),
    # It runs from then on, since ever when empty, until then; a draft runs never.
    sa.Column("starts_at", sa.DateTime(timezone=True)),
    sa.Column("ends_at", sa.DateTime(timezone=True)),
    sa.Column("published_at", sa.DateTime(timezone=True)),
    # Until when the anniversaries of members were looked at.
    sa.Column("celebrated_at", sa.DateTime(timezone=True)),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.CheckConstraint("refund_policy IN ('only_pending', 'within_balance', 'allow_negative')", name="refund_policy"),
    sa.CheckConstraint("ends_at > starts_at", name="period"),
)

# Append-only: what a programme was, version by version.
programme_versions = sa.Table(
    "programme_versions",
    metadata,
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("terms", JSONB, nullable=False),
    sa.Column("changed_by", sa.Text),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
    sa.PrimaryKeyConstraint("programme_id", "version"),
)

# Append-only: a new rate is a new version from a moment on, so that an old order keeps its own.
programme_rates = sa.Table(
    "programme_rates",
    metadata,
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("numerator", sa.BigInteger, nullable=False),
    sa.Column("denominator", sa.BigInteger, nullable=False),
    # Only orders in these currencies, all when empty.
    sa.Column("currencies", ARRAY(sa.Text)),
    sa.Column("effective_from", sa.DateTime(timezone=True), nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.PrimaryKeyConstraint("programme_id", "version"),
    # The rate at a moment: the latest that had begun.
    sa.UniqueConstraint("programme_id", "effective_from"),
    sa.CheckConstraint("version > 0", name="version"),
    # Within these limits the greatest order times the numerator fits 64 bits.
    sa.CheckConstraint("numerator BETWEEN 0 AND 1000", name="numerator"),
    sa.CheckConstraint("denominator BETWEEN 1 AND 1000000000", name="denominator"),
)

"""What a point costs."""

import sqlalchemy as sa

from loyalty.metadata import metadata

# Append-only: what was valued before keeps the value of its time.
point_values = sa.Table(
    "point_values",
    metadata,
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    # So many minor units of money for so many points.
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("effective_from", sa.DateTime(timezone=True), nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.PrimaryKeyConstraint("programme_id", "version"),
    # The value at a moment: the latest that had begun.
    sa.UniqueConstraint("programme_id", "effective_from"),
    sa.CheckConstraint("version > 0 AND amount_minor BETWEEN 0 AND 1000000000 AND points BETWEEN 1 AND 1000000000", name="bounds"),
)

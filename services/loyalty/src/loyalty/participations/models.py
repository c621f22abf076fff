"""Who took no part in a programme: everybody takes part in all that run unless he said otherwise."""

import sqlalchemy as sa

from loyalty.metadata import metadata

programme_absences = sa.Table(
    "programme_absences",
    metadata,
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("members.customer_id"), nullable=False),
    sa.Column("left_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("back_at", sa.DateTime(timezone=True)),
    sa.PrimaryKeyConstraint("customer_id", "programme_id", "left_at"),
    sa.CheckConstraint("back_at >= left_at", name="back_at"),
    # He leaves once before he is back.
    sa.Index(
        "ix_programme_absences_present",
        *("customer_id", "programme_id"),
        unique=True,
        postgresql_where=sa.text("back_at IS NULL"),
    ),
)

"""Who belonged to which segment when, as the customers service tells it."""

import sqlalchemy as sa

from loyalty.metadata import metadata

segment_memberships = sa.Table(
    "segment_memberships",
    metadata,
    # Whom it was told of; a family belongs to the segments of all in it.
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("segment", sa.Text(collation="C"), nullable=False),
    sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
    # Absent as long as he belongs to it.
    sa.Column("left_at", sa.DateTime(timezone=True)),
    # A stay is told when it begins and when it ends; the segments of a customer at a moment.
    sa.PrimaryKeyConstraint("customer_id", "segment", "entered_at"),
    sa.CheckConstraint("left_at > entered_at", name="left_at"),
)

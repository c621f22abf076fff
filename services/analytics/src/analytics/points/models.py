"""Movements of points by day."""

import sqlalchemy as sa

from analytics.metadata import METADATA

points_days = sa.Table(
    "points_days",
    METADATA,
    # The day on which points were earned or taken back, or a member enrolled, UTC.
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("enrolled", sa.BigInteger, nullable=False),
    sa.Column("issued", sa.BigInteger, nullable=False),
    sa.Column("reversed", sa.BigInteger, nullable=False),
    sa.Column("movements", sa.BigInteger, nullable=False),
)

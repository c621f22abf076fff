"""Exact counts from which the figures are served."""

import sqlalchemy as sa

from feedback.metadata import METADATA
from shared.statistics import NPS_SCORES

# A row a channel and day, a counter a score: three years of four channels are 4,400 rows, so any window is a short scan.
nps_days = sa.Table(
    "nps_days",
    METADATA,
    # Empty when unknown.
    sa.Column("channel", sa.Text, nullable=False),
    # The day of the answer, UTC.
    sa.Column("day", sa.Date, nullable=False),
    *(sa.Column(f"score_{number}", sa.BigInteger, nullable=False) for number in range(NPS_SCORES)),
    sa.PrimaryKeyConstraint("channel", "day"),
    sa.CheckConstraint(" AND ".join(f"score_{number} >= 0" for number in range(NPS_SCORES)), name="counts"),
)

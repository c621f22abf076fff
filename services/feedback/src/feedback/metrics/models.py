"""Exact counts from which the figures are served."""

import sqlalchemy as sa

from feedback.metadata import METADATA
from shared.statistics import NPS_SCORES


def _counts_by(period: str) -> sa.Table:
    """Describe the answers of a period by channel: a counter a score.

    Connections add to rows of their own, so that answers do not queue for one row; readers add up. Counters of 32 bits add up
    to 64; those of 64 would add up to numerics, which are slow.
    """
    return sa.Table(
        f"nps_{period}s",
        METADATA,
        # UTC; the first day of a month.
        sa.Column(period, sa.Date, nullable=False),
        # Empty when unknown.
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("shard", sa.SmallInteger, nullable=False),
        *(sa.Column(f"score_{number}", sa.Integer, nullable=False) for number in range(NPS_SCORES)),
        # Windows are ranges of days or months.
        sa.PrimaryKeyConstraint(period, "channel", "shard"),
        sa.CheckConstraint(" AND ".join(f"score_{number} >= 0" for number in range(NPS_SCORES)), name="counts"),
    )


# Whole months of a window are read from the one, the days at its ends from the other.
nps_months = _counts_by("month")
nps_days = _counts_by("day")

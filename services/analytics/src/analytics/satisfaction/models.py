"""Answers to the recommendation question by day, channel and score."""

import sqlalchemy as sa

from analytics.metadata import METADATA

nps_days = sa.Table(
    "nps_days",
    METADATA,
    # The day of the answer, UTC.
    sa.Column("day", sa.Date, nullable=False),
    # Empty when unknown.
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("score", sa.SmallInteger, nullable=False),
    sa.Column("answers", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("day", "channel", "score"),
)

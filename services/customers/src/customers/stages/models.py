"""Where each customer is on the two tracks, how he came there, and the rules that move him."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from customers.tables import metadata

_LIFECYCLE = "('identified', 'attracted', 'converted', 'retained', 'grown')"
_JOURNEY = "('attention', 'consideration', 'decision', 'purchase', 'service', 'advocacy')"

customer_stages = sa.Table(
    "customer_stages",
    metadata,
    # The record that the events were of. No foreign key: the row is only written for customers who exist.
    sa.Column("customer_id", sa.Text, primary_key=True),
    # Number of the last move, on either track: the sequence of its event.
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    *(
        sa.Column(f"{track}{suffix}", kind)
        for track in ("lifecycle", "journey")
        for suffix, kind in (("", sa.Text), ("_entered_at", sa.DateTime(timezone=True)), ("_reason", sa.Text))
    ),
    # Where the customer is over all of his records; of merged records nothing. Follows merges through their events.
    sa.Column("shown_lifecycle", sa.Text),
    sa.Column("shown_journey", sa.Text),
    sa.CheckConstraint("version >= 0", name="version"),
    sa.CheckConstraint(f"lifecycle IN {_LIFECYCLE}", name="lifecycle"),
    sa.CheckConstraint(f"journey IN {_JOURNEY}", name="journey"),
    *(
        sa.CheckConstraint(f"({track} IS NULL) = ({track}_entered_at IS NULL)", name=f"{track}_entered")
        for track in ("lifecycle", "journey")
    ),
    # Who is in a stage: lists and counts.
    sa.Index(None, "shown_lifecycle", "customer_id"),
    sa.Index(None, "shown_journey", "customer_id"),
)

stage_moves = sa.Table(
    "stage_moves",
    metadata,
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("track", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("previous", sa.Text),
    sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("left_at", sa.DateTime(timezone=True)),
    # The name of the rule, or manual; then who, and why.
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("actor", sa.Text),
    sa.Column("explanation", sa.Text),
    sa.PrimaryKeyConstraint("customer_id", "number"),
    sa.CheckConstraint("track IN ('lifecycle', 'journey')", name="track"),
    sa.CheckConstraint("left_at >= entered_at", name="period"),
    # A customer is in one stage of a track at a time; whoever moves him closes it.
    sa.Index("uq_stage_moves_open", "customer_id", "track", unique=True, postgresql_where=sa.text("left_at IS NULL")),
    # A customer's history, newest first.
    sa.Index(None, "customer_id", "entered_at", "number"),
    # The moves of a period, and how long the stages that ended in it had lasted.
    sa.Index("ix_stage_moves_entered", "track", "entered_at", postgresql_include=["stage", "previous"]),
    sa.Index(
        "ix_stage_moves_left",
        "track",
        "left_at",
        postgresql_include=["stage", "entered_at"],
        postgresql_where=sa.text("left_at IS NOT NULL"),
    ),
)

# How far each story of events was heard before a rebuild: who is moved by hand, or by rules that are others now, is not moved again.
stages_heard = sa.Table(
    "stages_heard",
    metadata,
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
)

stage_rules = sa.Table(
    "stage_rules",
    metadata,
    # Never overwritten: a move of the past names a rule of its time.
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("rules", JSONB, nullable=False),
    sa.Column("set_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("set_by", sa.Text),
    sa.CheckConstraint("version > 0", name="version"),
    sa.CheckConstraint("jsonb_typeof(rules) = 'array'", name="rules"),
)

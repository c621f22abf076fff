"""Seals over the chains of entries: append-only, each covers the one before it."""

import sqlalchemy as sa

from loyalty.metadata import metadata

seals = sa.Table(
    "seals",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
    # How many chains had grown since the seal before.
    sa.Column("chains", sa.BigInteger, nullable=False),
    # The root of the tree over its leaves and the root before: who keeps it can prove the past.
    sa.Column("root", sa.LargeBinary, nullable=False),
    sa.CheckConstraint("number > 0", name="number"),
)

seal_leaves = sa.Table(
    "seal_leaves",
    metadata,
    sa.Column("seal_number", sa.BigInteger, nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    # The number of the last event about him at that time, and the hash of the last entry of his chain.
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.PrimaryKeyConstraint("seal_number", "customer_id"),
    # The last seal of a member's chain.
    sa.Index("ix_seal_leaves_customer_id", "customer_id", "sequence"),
)

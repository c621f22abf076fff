"""How customers relate to each other besides merges and households, as the customers service tells it."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from loyalty.metadata import metadata

relations = sa.Table(
    "relations",
    metadata,
    # A pair who may be one person, or what two share.
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("other_id", sa.Text, nullable=False),
    # How sure it is that they are one person, 0 to 100; absent once that is settled.
    sa.Column("score", sa.SmallInteger),
    # Somebody said that they are two persons, which holds for their families.
    sa.Column("is_rejected", sa.Boolean, nullable=False),
    # Kinds of identities that both use, such as device.
    sa.Column("shared", ARRAY(sa.Text), nullable=False),
    # Of the last event that was heard of it: an older one changes nothing.
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.CheckConstraint("score BETWEEN 0 AND 100", name="score"),
    sa.CheckConstraint("score IS NULL OR NOT is_rejected", name="rejected"),
    sa.CheckConstraint("customer_id <> other_id", name="two"),
    # How two families relate, from either side; what is kept of a customer.
    sa.Index("ix_relations_customer_id", "customer_id"),
    sa.Index("ix_relations_other_id", "other_id"),
)

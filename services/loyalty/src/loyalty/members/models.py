"""Who takes part: one row a customer, made by whatever is heard of him first."""

import sqlalchemy as sa

from loyalty.metadata import metadata

members = sa.Table(
    "members",
    metadata,
    sa.Column("customer_id", sa.Text, primary_key=True),
    # Empty as long as an order was heard of but not the registration.
    sa.Column("enrolled_at", sa.DateTime(timezone=True)),
    # The number of the last event about the member; drawn under the row's lock.
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    # The hash of the last entry of his chain.
    sa.Column("chain_hash", sa.LargeBinary, nullable=False, server_default=sa.text("'\\x'")),
    # When he was erased: nothing is posted for him any more.
    sa.Column("closed_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint("version >= 0", name="version"),
)

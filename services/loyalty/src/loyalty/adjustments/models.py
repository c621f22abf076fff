"""Points that somebody gave or took by hand, and who approved it."""

import sqlalchemy as sa

from loyalty.metadata import metadata

adjustments = sa.Table(
    "adjustments",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("programme_id", sa.Text, nullable=False),
    sa.Column("wallet", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("members.customer_id"), nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False),
    # Blank once the member is erased.
    sa.Column("reason", sa.Text),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
    sa.Column("decided_by", sa.Text),
    sa.Column("decided_at", sa.DateTime(timezone=True)),
    sa.Column("expires_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint("points <> 0", name="points"),
    sa.CheckConstraint("state IN ('pending', 'posted', 'rejected')", name="state"),
    sa.CheckConstraint("(state = 'pending') = (decided_at IS NULL)", name="decided"),
    sa.CheckConstraint("decided_by <> requested_by", name="four_eyes"),
    sa.ForeignKeyConstraint(
        ["programme_id", "wallet"], ["wallets.programme_id", "wallets.code"], name="fk_adjustments_programme_id_wallets"
    ),
    # A member's adjustments, when he is erased or asks for his data.
    sa.Index("ix_adjustments_customer_id", "customer_id", "requested_at"),
)

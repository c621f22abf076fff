"""What was observed when, returned without goods, forgotten word by word."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("order_returns", sa.Column("kind", sa.Text, nullable=False, server_default=sa.text("'return'")))
    op.add_column("order_returns", sa.Column("reason", sa.Text))
    op.create_check_constraint("kind", "order_returns", "kind IN ('return', 'refund')")
    op.drop_constraint("lines", "order_returns", type_="check")
    op.create_check_constraint(
        "lines", "order_returns", "jsonb_typeof(lines) = 'array' AND (jsonb_array_length(lines) > 0 OR kind = 'refund')"
    )
    op.alter_column("orders", "customer_id", nullable=True)
    op.add_column("consent_decisions", sa.Column("quiet_until", sa.DateTime(timezone=True)))
    op.create_table(
        "stages_heard",
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("stream"),
    )
    op.create_index("ix_holding_alerts_holding_id_id", "holding_alerts", ["holding_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_holding_alerts_holding_id_id", "holding_alerts")
    op.drop_table("stages_heard")
    op.drop_column("consent_decisions", "quiet_until")
    # Orders of the erased have no place in the table as it was.
    op.execute("DELETE FROM order_returns WHERE order_id IN (SELECT id FROM orders WHERE customer_id IS NULL)")
    op.execute("DELETE FROM order_lines WHERE order_id IN (SELECT id FROM orders WHERE customer_id IS NULL)")
    op.execute("DELETE FROM orders WHERE customer_id IS NULL")
    op.alter_column("orders", "customer_id", nullable=False)
    op.drop_constraint("lines", "order_returns", type_="check")
    # Refunds of shipping have no lines, and no place in the table as it was.
    op.execute("DELETE FROM order_returns WHERE jsonb_array_length(lines) = 0")
    op.create_check_constraint("lines", "order_returns", "jsonb_typeof(lines) = 'array' AND jsonb_array_length(lines) > 0")
    op.drop_column("order_returns", "reason")
    op.drop_column("order_returns", "kind")

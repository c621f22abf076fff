"""What was observed when, returned without goods, forgotten word by word."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_index("ix_holding_alerts_holding_id_id", "holding_alerts", ["holding_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_holding_alerts_holding_id_id", "holding_alerts")

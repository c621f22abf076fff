"""The catalogue of rewards, redemptions and offers."""

from pathlib import Path

from alembic import op

from shared.database.sql_scripts import run_scripts

revision = "0008"
down_revision = "0007"

_SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    run_scripts(_SQL, ("0008_rewards", "0008_offers"))


def downgrade() -> None:
    for table in ("offers", "offer_campaigns", "purchase_lines", "redemptions", "rewards"):
        op.drop_table(table)
    op.drop_column("vouchers", "voided_at")

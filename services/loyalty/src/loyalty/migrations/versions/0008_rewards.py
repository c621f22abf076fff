"""The catalogue of rewards, redemptions and offers."""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"

_SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for script in ("rewards", "offers"):
        for statement in (_SQL / f"0008_{script}.sql").read_text().split("--;;"):
            op.execute(statement)


def downgrade() -> None:
    for table in ("offers", "offer_campaigns", "purchase_lines", "redemptions", "rewards"):
        op.drop_table(table)
    op.drop_column("vouchers", "voided_at")

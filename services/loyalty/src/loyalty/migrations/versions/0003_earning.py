"""Earning rules with their versions, what they were applied to, and their limits."""

from pathlib import Path

from alembic import op

from shared.database.sql_scripts import run_scripts

revision = "0003"
down_revision = "0002"

_SQL = Path(__file__).parents[1] / "sql"
_FUNCTIONS = ("take_points_back", "remember_orders", "allot_points")
# Those that others refer to come last.
_TABLES = ("rule_usage", "occasion_returns", "awards", "occasions", "customer_traits", "rule_versions", "rules")


def upgrade() -> None:
    run_scripts(_SQL, ("0003_tables", "0003_functions"))


def downgrade() -> None:
    op.execute("DROP INDEX ix_orders_customer_id_placed_at")
    for function in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    for table in _TABLES:
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION refuse_new_terms")
    for column in ("zone", "version", "discount_scale", "celebrated_at"):
        op.execute(f"ALTER TABLE programmes DROP COLUMN {column}")

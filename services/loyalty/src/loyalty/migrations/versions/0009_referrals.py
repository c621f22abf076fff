"""Referrals, partners and the review queue."""

from pathlib import Path

from alembic import op

from shared.database.sql_scripts import run_scripts

revision = "0009"
down_revision = "0008"

_SQL = Path(__file__).parents[1] / "sql"
_SCRIPTS = ("abuse", "partners", "referrals")
_FUNCTIONS = ("referrers_above", "use_allowance", "guard_action")
# Those that others refer to come last.
_TABLES = (
    *("referral_rewards", "referral_orders", "referrals", "referral_codes", "referral_schemes"),
    *("partner_settlements", "partner_usage", "partner_transactions", "partner_keys", "partners"),
    *("withheld_events", "reviews", "member_freezes", "activities", "velocity_limits"),
)


def upgrade() -> None:
    run_scripts(_SQL, (f"0009_{script}" for script in _SCRIPTS))


def downgrade() -> None:
    for function in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    for table in _TABLES:
        op.execute(f"DROP TABLE {table}")

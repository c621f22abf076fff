"""Segments that customers belonged to, and how they relate to each other."""

from pathlib import Path

from alembic import op

from shared.database.sql_scripts import run_scripts

revision = "0015"
down_revision = "0014"

_SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    run_scripts(_SQL, ("0015_segments", "0015_relations"))


def downgrade() -> None:
    op.execute("UPDATE referral_schemes SET terms = terms - 'on_shared_identity' - 'suspected_from_score'")
    op.execute("ALTER TABLE referrals DROP COLUMN cleared, ADD COLUMN is_cleared boolean NOT NULL DEFAULT false")
    op.execute("DROP FUNCTION relation_of")
    op.execute("DROP TABLE relations")
    op.execute("DROP FUNCTION segments_at")
    op.execute("DROP FUNCTION segments_of")
    op.execute("DROP TABLE segment_memberships")

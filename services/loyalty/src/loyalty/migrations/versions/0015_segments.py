"""Segments that customers belonged to, and how they relate to each other."""

from pathlib import Path

from alembic import op

from shared.database.sql_scripts import run_scripts

revision = "0015"
down_revision = "0014"

_SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    run_scripts(_SQL, ["0015_segments"])


def downgrade() -> None:
    op.execute("DROP FUNCTION segments_at")
    op.execute("DROP TABLE segment_memberships")

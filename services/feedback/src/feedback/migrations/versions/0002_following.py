"""Merged and erased customers."""

from shared.following.tables import create_following, drop_following

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_following()


def downgrade() -> None:
    drop_following()

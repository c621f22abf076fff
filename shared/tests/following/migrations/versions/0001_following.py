from shared.database.chassis import create_chassis, drop_chassis
from shared.following.tables import create_following, drop_following

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_chassis()
    create_following()


def downgrade() -> None:
    drop_following()
    drop_chassis()

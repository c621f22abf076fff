from shared.database.chassis import create_chassis, drop_chassis

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_chassis()


def downgrade() -> None:
    drop_chassis()

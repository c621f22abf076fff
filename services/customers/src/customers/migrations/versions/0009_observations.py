"""What was observed when, returned without goods, forgotten word by word."""

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass

import sqlalchemy as sa
from alembic import op

from shared.database.chassis import create_chassis, drop_chassis

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_chassis()
    op.create_table(
        "notes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False, unique=True),
        sa.Column("stars", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("remark", sa.Text),
        sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.CheckConstraint("stars <= 5", name="ck_notes_stars"),
    )


def downgrade() -> None:
    op.drop_table("notes")
    drop_chassis()

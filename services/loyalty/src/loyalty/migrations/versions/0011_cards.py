"""Member cards."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "member_cards",
        sa.Column("number", sa.Text(collation="C"), nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("number", name="pk_member_cards"),
        sa.ForeignKeyConstraint(["customer_id"], ["members.customer_id"], name="fk_member_cards_customer_id_members"),
        sa.CheckConstraint("number ~ '^[0-9]{16}$'", name="ck_member_cards_number"),
    )
    op.create_index("ix_member_cards_current", "member_cards", ["customer_id"], unique=True, postgresql_where=sa.text("ended_at IS NULL"))
    op.create_index("ix_member_cards_customer_id", "member_cards", ["customer_id", "issued_at"])


def downgrade() -> None:
    op.drop_table("member_cards")

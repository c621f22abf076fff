"""Which birthdays were told."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "birthdays",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("celebrated_on", sa.Date, nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        sa.UniqueConstraint("customer_id", "celebrated_on"),
    )
    op.execute(
        "CREATE INDEX ix_customers_day_of_birth ON customers"
        " (((extract(month FROM birth_date) * 100 + extract(day FROM birth_date))::int)) WHERE birth_date IS NOT NULL"
    )


def downgrade() -> None:
    op.drop_index("ix_customers_day_of_birth", "customers")
    op.drop_table("birthdays")

"""The table with the key that signs a service's receipts, as SQLAlchemy describes it and as migrations create it."""

import sqlalchemy as sa
from alembic import op


def describe_receipt_keys(metadata: sa.MetaData) -> sa.Table:
    """Add the table to a service's metadata; its `models.py` calls it."""
    return sa.Table("receipt_keys", metadata, *_columns())


def create_receipt_keys() -> None:
    """Create the table; one migration of each service that signs receipts calls it."""
    op.create_table("receipt_keys", *_columns())


def drop_receipt_keys() -> None:
    """Drop the table."""
    op.drop_table("receipt_keys")


def _columns() -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("kid", sa.Text, nullable=False),
        sa.Column("private_key", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        # One key a service: who verifies pins it.
        sa.Column("is_only", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.PrimaryKeyConstraint("is_only", name="pk_receipt_keys"),
        sa.CheckConstraint("is_only", name="is_only"),
    )

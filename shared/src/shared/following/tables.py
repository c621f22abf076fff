"""The tables of a service that follows customers, as SQLAlchemy describes them and as its migration creates them.

Links, tombstones, the requests that were answered, and the key that signs receipts.
Only `metadata.py` or `models.py` and the migrations import this: the serving process does without SQLAlchemy.
"""

import sqlalchemy as sa
from alembic import op

from shared.database.chassis import NAMING_CONVENTION
from shared.following.receipt_keys import describe_receipt_keys

_NOW = sa.text("now()")


def describe_following(metadata: sa.MetaData) -> None:
    """Add the tables to the metadata of a service."""
    _links(metadata)
    describe_receipt_keys(metadata)
    sa.Table(
        "erased_customers",
        metadata,
        sa.Column("customer_id", sa.Text, primary_key=True),
        sa.Column("erasure_id", sa.Text, nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    )
    # A rebuild hears of erasures and access requests again; they are answered once.
    sa.Table(
        "answered_requests",
        metadata,
        sa.Column("request_id", sa.Text, primary_key=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    )


def _links(metadata: sa.MetaData) -> None:
    sa.Table(
        "customer_links",
        metadata,
        # Each customer who was ever merged; everybody else is his own root and has no row.
        sa.Column("customer_id", sa.Text, primary_key=True),
        # Whom he belongs to; absent once the merge is undone.
        sa.Column("survivor_id", sa.Text),
        # Where the way over survivors ends: himself when he belongs to nobody.
        sa.Column("root_id", sa.Text, nullable=False),
        sa.Column("merge_id", sa.Text, nullable=False),
        # Of the last event that was heard of him: an older one changes nothing.
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.CheckConstraint("survivor_id <> customer_id", name="survivor"),
        # Who belongs to a customer, step by step.
        sa.Index(None, "survivor_id", postgresql_where=sa.text("survivor_id IS NOT NULL")),
        # All of a family.
        sa.Index(None, "root_id", postgresql_where=sa.text("root_id <> customer_id")),
    )


def create_following() -> None:
    """Create the tables; a migration of the service calls it."""
    _own_metadata().create_all(op.get_bind(), checkfirst=False)


def drop_following() -> None:
    """Drop what `create_following` made."""
    _own_metadata().drop_all(op.get_bind(), checkfirst=False)


def _own_metadata() -> sa.MetaData:
    metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)
    describe_following(metadata)
    return metadata

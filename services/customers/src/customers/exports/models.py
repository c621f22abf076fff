"""Exports and their files."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from customers.tables import metadata

_NOW = sa.text("now()")

exports = sa.Table(
    "exports",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("job_id", sa.Text),
    sa.Column("caller", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default=sa.text("'queued'")),
    sa.Column("format", sa.Text, nullable=False),
    sa.Column("filter", JSONB, nullable=False),
    sa.Column("fields", sa.ARRAY(sa.Text), nullable=False),
    # Whoever may not see contact data gets it masked.
    sa.Column("masked", sa.Boolean, nullable=False),
    # How often its file was begun, or void: only whoever began it last writes it.
    sa.Column("runs", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("rows", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("file_bytes", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("error_code", sa.Text),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Column("finished_at", sa.DateTime(timezone=True)),
    # When the file is deleted; null once it is.
    sa.Column("expires_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint("status IN ('queued', 'running', 'succeeded', 'failed', 'expired')", name="status"),
    sa.CheckConstraint("format IN ('csv', 'ndjson')", name="format"),
    sa.Index(None, "expires_at"),
)

export_files = sa.Table(
    "export_files",
    metadata,
    sa.Column("export_id", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.PrimaryKeyConstraint("export_id", "number"),
    sa.CheckConstraint("number >= 0", name="number"),
)

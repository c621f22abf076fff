"""Imports, exports and what undoes them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"

_NOW = sa.text("now()")
_NONE = sa.text("0")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    _create_imports()
    _create_files()
    _create_details()
    _create_exports()


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default=_NONE)


def _create_imports() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("job_id", sa.Text),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False, server_default=sa.text("'queued'")),
        sa.Column("dry_run", sa.Boolean, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("match", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("reading", JSONB, nullable=False),
        sa.Column("file_bytes", sa.BigInteger, nullable=False),
        sa.Column("file_sha256", sa.LargeBinary, nullable=False),
        *(_count(name) for name in ("position", "next_row", "rows_read", "created", "updated", "unchanged", "merged", "refused")),
        sa.Column("samples", JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("preview", JSONB),
        sa.Column("undone_to", sa.Text),
        *(_count(name) for name in ("removed", "restored", "kept")),
        sa.Column("error_code", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "status IN ('queued', 'previewing', 'previewed', 'running', 'succeeded', 'failed', 'cancelled', 'undoing', 'undone')",
            name="status",
        ),
        sa.CheckConstraint("mode IN ('create', 'update', 'upsert')", name="mode"),
        sa.CheckConstraint("jsonb_typeof(reading) = 'object'", name="reading"),
        sa.CheckConstraint("position BETWEEN 0 AND file_bytes", name="position"),
        sa.CheckConstraint("rows_read = created + updated + unchanged + merged + refused", name="counts"),
    )
    op.create_index("ix_imports_created_at_id", "imports", ["created_at", "id"])
    op.create_index("ix_imports_expires_at", "imports", ["expires_at"])


def _create_files() -> None:
    op.create_table(
        "import_files",
        sa.Column("import_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.PrimaryKeyConstraint("import_id", "number"),
        sa.CheckConstraint("number >= 0", name="number"),
    )
    # Compressing a file that lives for minutes costs more than its bytes.
    op.execute("ALTER TABLE import_files ALTER COLUMN content SET STORAGE EXTERNAL")


def _create_details() -> None:
    op.create_table(
        "import_keys",
        sa.Column("import_id", sa.Text, nullable=False),
        sa.Column("key", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("import_id", "key"),
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "import_errors",
        sa.Column("import_id", sa.Text, nullable=False),
        sa.Column("row", sa.BigInteger, nullable=False),
        sa.Column("place", sa.SmallInteger, nullable=False),
        sa.Column("pointer", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("import_id", "row", "place"),
    )


def _create_exports() -> None:
    op.create_table(
        "exports",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("job_id", sa.Text),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False, server_default=sa.text("'queued'")),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("filter", JSONB, nullable=False),
        sa.Column("fields", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("masked", sa.Boolean, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False, server_default=_NONE),
        sa.Column("file_bytes", sa.BigInteger, nullable=False, server_default=_NONE),
        sa.Column("error_code", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("status IN ('queued', 'running', 'succeeded', 'failed', 'expired')", name="status"),
        sa.CheckConstraint("format IN ('csv', 'ndjson')", name="format"),
    )
    op.create_index("ix_exports_expires_at", "exports", ["expires_at"])
    op.create_table(
        "export_files",
        sa.Column("export_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("export_id", "number"),
        sa.CheckConstraint("number >= 0", name="number"),
    )
    op.execute("ALTER TABLE export_files ALTER COLUMN content SET STORAGE EXTERNAL")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for table in ("export_files", "exports", "import_errors", "import_keys", "import_files", "imports"):
        op.drop_table(table)

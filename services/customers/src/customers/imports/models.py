"""Uploaded files, what is done with their rows, and whom they touched."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from customers.tables import metadata

_NOW = sa.text("now()")
_NONE = sa.text("0")


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default=_NONE)


imports = sa.Table(
    "imports",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("job_id", sa.Text),
    sa.Column("caller", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default=sa.text("'queued'")),
    # A dry run writes nothing but counts and samples; applying it makes this false and starts at the file's beginning.
    sa.Column("dry_run", sa.Boolean, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    # The identities that rows are matched by, with commas between them.
    sa.Column("match", sa.Text, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    # How the file is read: format, encoding, delimiter, columns and mapping.
    sa.Column("reading", JSONB, nullable=False),
    sa.Column("file_bytes", sa.BigInteger, nullable=False),
    sa.Column("file_sha256", sa.LargeBinary, nullable=False),
    # The first byte that is not read yet; moves in the transaction of the rows before it.
    _count("position"),
    # The number of the row that begins there, as a spreadsheet numbers rows.
    _count("next_row"),
    _count("rows_read"),
    _count("created"),
    _count("updated"),
    _count("unchanged"),
    _count("merged"),
    _count("refused"),
    # Some rows of each outcome, by number: no values.
    sa.Column("samples", JSONB, nullable=False, server_default=sa.text("'{}'")),
    # Rows by the identities that they were recognised by.
    sa.Column("matched", JSONB, nullable=False, server_default=sa.text("'{}'")),
    # The counts of the dry run, once it is applied.
    sa.Column("preview", JSONB),
    # The last customer whom the undoing has done with, and what came of it.
    sa.Column("undone_to", sa.Text),
    _count("removed"),
    _count("restored"),
    _count("kept"),
    sa.Column("error_code", sa.Text),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Column("finished_at", sa.DateTime(timezone=True)),
    # When the file and the list of errors are deleted; null once they are.
    sa.Column("expires_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint(
        "status IN ('queued', 'previewing', 'previewed', 'running', 'succeeded', 'failed', 'cancelled', 'undoing', 'undone')",
        name="status",
    ),
    sa.CheckConstraint("mode IN ('create', 'update', 'upsert')", name="mode"),
    sa.CheckConstraint("jsonb_typeof(reading) = 'object'", name="reading"),
    sa.CheckConstraint("position BETWEEN 0 AND file_bytes", name="position"),
    # Every row has one outcome.
    sa.CheckConstraint("rows_read = created + updated + unchanged + merged + refused", name="counts"),
    # The list, newest first; and what has outlived its time.
    sa.Index(None, "created_at", "id"),
    sa.Index(None, "expires_at"),
)

# The file in pieces of one size, so that a position leads to its piece.
import_files = sa.Table(
    "import_files",
    metadata,
    sa.Column("import_id", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.PrimaryKeyConstraint("import_id", "number"),
    sa.CheckConstraint("number >= 0", name="number"),
)

# Hashes of those of whom a dry run would have told something so far: what tells a row that merges into an earlier one. Not logged, for a
# crash of the server costs no more than some counts. What is done in earnest is seen in the change sets.
import_keys = sa.Table(
    "import_keys",
    metadata,
    sa.Column("import_id", sa.Text, nullable=False),
    sa.Column("key", sa.BigInteger, nullable=False),
    # Whose it is: a customer, or the hash that stands for somebody new.
    sa.Column("owner", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("import_id", "key"),
    prefixes=["UNLOGGED"],
)

import_errors = sa.Table(
    "import_errors",
    metadata,
    sa.Column("import_id", sa.Text, nullable=False),
    # As a spreadsheet numbers rows: the header is 1.
    sa.Column("row", sa.BigInteger, nullable=False),
    sa.Column("place", sa.SmallInteger, nullable=False),
    sa.Column("pointer", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("import_id", "row", "place"),
)

"""Merges: links between customers, done and undone."""

import sqlalchemy as sa

from customers.tables import metadata

merges = sa.Table(
    "merges",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    # Its place among the changes of both families.
    sa.Column("number", sa.BigInteger, nullable=False, server_default=sa.text("nextval('history_numbers')")),
    sa.Column("survivor_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("merged_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("rules_version", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("merged_by", sa.Text),
    sa.Column("undone_at", sa.DateTime(timezone=True)),
    sa.Column("undone_by", sa.Text),
    sa.CheckConstraint("survivor_id <> merged_id", name="two"),
    sa.CheckConstraint("undone_at >= merged_at", name="undone"),
    # Nobody belongs to two.
    sa.Index("uq_merges_live", "merged_id", unique=True, postgresql_where=sa.text("undone_at IS NULL")),
    # The links of a record at a moment, upwards and downwards; the list.
    sa.Index(None, "merged_id"),
    sa.Index(None, "survivor_id"),
    sa.Index(None, "merged_at", "id"),
)

"""Definitions of attributes, and the values that must be unique or are compared."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from customers.tables import metadata

_NOW = sa.text("now()")

attribute_definitions = sa.Table(
    "attribute_definitions",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("type", sa.Text, nullable=False),
    # By language: en, ru, zh, lv.
    sa.Column("titles", JSONB, nullable=False, server_default=sa.text("'{}'")),
    # Each with its code and titles, in the order in which they are shown.
    sa.Column("options", JSONB, nullable=False, server_default=sa.text("'[]'")),
    sa.Column("limits", JSONB, nullable=False, server_default=sa.text("'{}'")),
    sa.Column("is_required", sa.Boolean, nullable=False),
    sa.Column("is_unique", sa.Boolean, nullable=False),
    sa.Column("is_filterable", sa.Boolean, nullable=False),
    sa.Column("is_personal", sa.Boolean, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Column("archived_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint("version > 0", name="version"),
    sa.CheckConstraint(
        "type IN ('text', 'number', 'integer', 'boolean', 'date', 'moment', 'option', 'options', 'money', 'url')", name="type"
    ),
    sa.CheckConstraint("jsonb_typeof(options) = 'array' AND jsonb_typeof(limits) = 'object'", name="shape"),
    sa.CheckConstraint("NOT is_unique OR type IN ('text', 'number', 'integer', 'date', 'moment', 'url')", name="unique"),
)

attribute_settings = sa.Table(
    "attribute_settings",
    metadata,
    # Rises with each change of a definition or of a setting: caches compare it.
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("is_strict", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("is_only", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.PrimaryKeyConstraint("is_only"),
    sa.CheckConstraint("is_only", name="is_only"),
)

# Kept by a trigger on `customers`, so that no way of writing a customer, and no stale cache, gets past it.
attribute_values = sa.Table(
    "attribute_values",
    metadata,
    sa.Column("name", sa.Text, nullable=False),
    # JSON numbers compare as numbers, dates and moments as text in UTC.
    sa.Column("value", JSONB, nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("is_unique", sa.Boolean, nullable=False),
    # Filters that compare.
    sa.PrimaryKeyConstraint("name", "value", "customer_id"),
    # What an index entry holds, with room for its neighbours.
    sa.CheckConstraint("pg_column_size(value) <= 2000", name="size"),
    # Nobody has the unique value of somebody else.
    sa.Index("uq_attribute_values_name_value", "name", "value", unique=True, postgresql_where=sa.text("is_unique")),
    # The values of a customer, when they change.
    sa.Index(None, "customer_id", "name"),
)

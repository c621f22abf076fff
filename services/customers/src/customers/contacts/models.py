"""Who stands for an organisation, what it is in the chain of trade, and to which other it belongs."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from customers.tables import metadata

_NOW = sa.text("now()")

contacts = sa.Table(
    "contacts",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    # The records that it was made for, whomever they were merged into since.
    sa.Column("organisation_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("person_id", sa.Text, sa.ForeignKey("customers.id")),
    # Of a person without a record of his own.
    sa.Column("name", sa.Text),
    sa.Column("email", sa.Text),
    sa.Column("phone", sa.Text),
    sa.Column("title", sa.Text),
    sa.Column("roles", JSONB, nullable=False, server_default=sa.text("'[]'")),
    sa.Column("is_primary", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("valid_from", sa.Date),
    sa.Column("valid_to", sa.Date),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.CheckConstraint("version > 0", name="version"),
    sa.CheckConstraint("(person_id IS NULL) = (name IS NOT NULL)", name="who"),
    sa.CheckConstraint("person_id IS NULL OR (email IS NULL AND phone IS NULL)", name="own_record"),
    sa.CheckConstraint("person_id <> organisation_id", name="two"),
    sa.CheckConstraint("valid_to >= valid_from", name="period"),
    sa.CheckConstraint("jsonb_typeof(roles) = 'array'", name="roles"),
    # The contacts of an organisation; at most one of a record is the first to ask.
    sa.Index(None, "organisation_id", "created_at", "id"),
    sa.Index("uq_contacts_primary", "organisation_id", unique=True, postgresql_where=sa.text("is_primary")),
    # A person is one contact of a record; and the other way round, his organisations.
    sa.UniqueConstraint("person_id", "organisation_id"),
)

organisations = sa.Table(
    "organisations",
    metadata,
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    # Its place in the chain of trade.
    sa.Column("channel_kind", sa.Text),
    sa.Column("parent_id", sa.Text, sa.ForeignKey("customers.id")),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.CheckConstraint("version > 0", name="version"),
    sa.CheckConstraint("channel_kind IN ('manufacturer', 'wholesaler', 'retailer', 'other')", name="channel_kind"),
    sa.CheckConstraint("parent_id <> customer_id", name="two"),
    # The organisations that belong to one.
    sa.Index(None, "parent_id", "customer_id", postgresql_where=sa.text("parent_id IS NOT NULL")),
)

"""The customers table."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

from customers.tables import metadata

DOCUMENT = "customer_document(search_name, email, phone, external_id, birth_date)"
LISTS = ("addresses", "interests", "values", "lifestyle", "tags")

customers = sa.Table(
    "customers",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    # Number of the last event of this customer, and his ETag.
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("external_id", sa.Text),
    sa.Column("name", sa.Text),
    sa.Column("email", sa.Text),
    sa.Column("phone", sa.Text),
    sa.Column("language", sa.Text),
    sa.Column("country", sa.Text),
    sa.Column("city", sa.Text),
    sa.Column("birth_date", sa.Date),
    sa.Column("sex", sa.Text),
    sa.Column("attributes", JSONB, nullable=False, server_default=sa.text("'{}'")),
    sa.Column("preferences", JSONB, nullable=False, server_default=sa.text("'{}'")),
    sa.Column("owner", sa.Text),
    sa.Column("occupation", sa.Text),
    sa.Column("education", sa.Text),
    sa.Column("income_band", sa.Text),
    sa.Column("marital_status", sa.Text),
    *(sa.Column(name, JSONB, nullable=False, server_default=sa.text("'[]'")) for name in LISTS),
    # The record that this one was merged into, and the last of that chain: himself while he is his own. Nobody once he is erased.
    # No foreign key on the last: each customer's row would pay for what only merges and erasures write.
    sa.Column("merged_into", sa.Text, sa.ForeignKey("customers.id")),
    sa.Column("root_id", sa.Text),
    # Records of the family, himself included, while he is its root.
    sa.Column("family_size", sa.Integer, nullable=False, server_default=sa.text("1")),
    # Number of the last event of his link to others.
    sa.Column("link_version", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("erased_at", sa.DateTime(timezone=True)),
    # ASCII form of the name by `search.fold`: words in Latin letters, further spellings, keys of their sound.
    sa.Column("search_name", sa.Text(collation="C"), nullable=False, server_default=sa.text("''")),
    # All that a customer is found by; the first character of a lexeme tells what it is, words have none.
    sa.Column("search_document", TSVECTOR, sa.Computed(DOCUMENT, persisted=True)),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.CheckConstraint("version > 0", name="version"),
    sa.CheckConstraint("kind IN ('individual', 'organisation')", name="kind"),
    sa.CheckConstraint("sex IN ('female', 'male', 'other', 'unknown')", name="sex"),
    sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name="country"),
    sa.CheckConstraint("jsonb_typeof(attributes) = 'object'", name="attributes"),
    sa.CheckConstraint("jsonb_typeof(preferences) = 'object'", name="preferences"),
    *(sa.CheckConstraint(f"jsonb_typeof({name}) = 'array'", name=name) for name in LISTS),
    sa.CheckConstraint("family_size > 0", name="family_size"),
    sa.CheckConstraint("merged_into <> id AND (merged_into IS NULL OR erased_at IS NULL)", name="merged_into"),
    sa.CheckConstraint("(root_id IS NULL) = (erased_at IS NOT NULL)", name="root"),
    sa.CheckConstraint("(root_id = id) = (merged_into IS NULL)", name="own_root"),
    # An external id belongs to one customer; upserts and orders find him by it.
    sa.UniqueConstraint("external_id"),
    # Lists: everything by age or by name, and the filters that select few.
    sa.Index(None, "created_at", "id"),
    sa.Index(None, "search_name", "id"),
    sa.Index("ix_customers_email", sa.text("lower(email)"), postgresql_where=sa.text("email IS NOT NULL")),
    sa.Index(None, "phone", postgresql_where=sa.text("phone IS NOT NULL")),
    sa.Index(None, "country", "created_at", "id", postgresql_where=sa.text("country IS NOT NULL")),
    sa.Index(None, "language", "created_at", "id", postgresql_where=sa.text("language IS NOT NULL")),
    sa.Index(None, "city", "created_at", "id", postgresql_where=sa.text("city IS NOT NULL")),
    # Search, and candidates for duplicates.
    sa.Index("ix_customers_search_document", "search_document", postgresql_using="gin"),
    # Whose birthday it is.
    sa.Index(
        "ix_customers_day_of_birth",
        sa.text("((extract(month FROM birth_date) * 100 + extract(day FROM birth_date))::int)"),
        postgresql_where=sa.text("birth_date IS NOT NULL"),
    ),
    sa.Index(None, "owner", "created_at", "id", postgresql_where=sa.text("owner IS NOT NULL")),
    *(
        sa.Index(
            f"ix_customers_{name}",
            name,
            postgresql_using="gin",
            postgresql_ops={name: "jsonb_path_ops"},
            postgresql_where=sa.text(f"{name} <> '[]'"),
        )
        for name in ("tags", "interests")
    ),
    # Filters by attribute.
    sa.Index(
        "ix_customers_attributes",
        "attributes",
        postgresql_using="gin",
        postgresql_ops={"attributes": "jsonb_path_ops"},
        postgresql_where=sa.text("attributes <> '{}'"),
    ),
    # The members of a family, and the children of one of them.
    sa.Index(None, "root_id", "id", postgresql_where=sa.text("merged_into IS NOT NULL")),
    sa.Index(None, "merged_into", postgresql_where=sa.text("merged_into IS NOT NULL")),
)

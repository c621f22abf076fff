"""Where every field comes from, and who belongs to whom."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"

_NOW = sa.text("now()")
_TEXTS = ("owner", "occupation", "education", "income_band", "marital_status")
_LISTS = ("addresses", "interests", "values", "lifestyle", "tags")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    _add_fields()
    _add_links()
    op.execute("CREATE SEQUENCE history_numbers AS bigint")
    _create_survivorship_rules()
    _create_profile_changes()
    _create_merges()


def _add_fields() -> None:
    for column in _TEXTS:
        op.add_column("customers", sa.Column(column, sa.Text))
    op.add_column("customers", sa.Column("preferences", JSONB, nullable=False, server_default=sa.text("'{}'")))
    for column in _LISTS:
        op.add_column("customers", sa.Column(column, JSONB, nullable=False, server_default=sa.text("'[]'")))
        op.create_check_constraint(column, "customers", sa.text(f"jsonb_typeof({column}) = 'array'"))
    op.create_check_constraint("preferences", "customers", sa.text("jsonb_typeof(preferences) = 'object'"))
    op.create_index(
        "ix_customers_owner_created_at_id", "customers", ["owner", "created_at", "id"], postgresql_where=sa.text("owner IS NOT NULL")
    )
    for column in ("tags", "interests"):
        op.create_index(
            f"ix_customers_{column}",
            "customers",
            [column],
            postgresql_using="gin",
            postgresql_ops={column: "jsonb_path_ops"},
            postgresql_where=sa.text(f"{column} <> '[]'"),
        )


def _add_links() -> None:
    op.add_column("customers", sa.Column("merged_into", sa.Text))
    op.add_column("customers", sa.Column("root_id", sa.Text))
    op.add_column("customers", sa.Column("family_size", sa.Integer, nullable=False, server_default=sa.text("1")))
    op.add_column("customers", sa.Column("link_version", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    op.add_column("customers", sa.Column("erased_at", sa.DateTime(timezone=True)))
    op.execute("UPDATE customers SET root_id = id")
    op.create_foreign_key("fk_customers_merged_into_customers", "customers", "customers", ["merged_into"], ["id"])
    op.create_check_constraint("family_size", "customers", sa.text("family_size > 0"))
    op.create_check_constraint("merged_into", "customers", sa.text("merged_into <> id AND (merged_into IS NULL OR erased_at IS NULL)"))
    op.create_check_constraint("root", "customers", sa.text("(root_id IS NULL) = (erased_at IS NOT NULL)"))
    op.create_check_constraint("own_root", "customers", sa.text("(root_id = id) = (merged_into IS NULL)"))
    op.create_index("ix_customers_root_id_id", "customers", ["root_id", "id"], postgresql_where=sa.text("merged_into IS NOT NULL"))
    op.create_index("ix_customers_merged_into", "customers", ["merged_into"], postgresql_where=sa.text("merged_into IS NOT NULL"))


def _create_survivorship_rules() -> None:
    op.create_table(
        "survivorship_rules",
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("rules", JSONB, nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
        sa.Column("set_by", sa.Text),
        sa.CheckConstraint("version > 0", name="version"),
        sa.CheckConstraint("jsonb_typeof(rules) = 'object'", name="rules"),
    )


def _create_profile_changes() -> None:
    op.create_table(
        "profile_changes",
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False, server_default=sa.text("nextval('history_numbers')")),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("observed_at", sa.DateTime(timezone=True)),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("actor", sa.Text),
        sa.Column("cause", sa.Text),
        sa.Column("rules_version", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("fields", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "number", name="pk_profile_changes"),
        sa.CheckConstraint("jsonb_typeof(fields) = 'object'", name="fields"),
    )
    op.create_index("ix_profile_changes_cause", "profile_changes", ["cause", "customer_id"], postgresql_where=sa.text("cause IS NOT NULL"))


def _create_merges() -> None:
    op.create_table(
        "merges",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False, server_default=sa.text("nextval('history_numbers')")),
        sa.Column("survivor_id", sa.Text, sa.ForeignKey("customers.id", name="fk_merges_survivor_id_customers"), nullable=False),
        sa.Column("merged_id", sa.Text, sa.ForeignKey("customers.id", name="fk_merges_merged_id_customers"), nullable=False),
        sa.Column("rules_version", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merged_by", sa.Text),
        sa.Column("undone_at", sa.DateTime(timezone=True)),
        sa.Column("undone_by", sa.Text),
        sa.CheckConstraint("survivor_id <> merged_id", name="two"),
        sa.CheckConstraint("undone_at >= merged_at", name="undone"),
    )
    op.create_index("uq_merges_live", "merges", ["merged_id"], unique=True, postgresql_where=sa.text("undone_at IS NULL"))
    op.create_index("ix_merges_merged_id", "merges", ["merged_id"])
    op.create_index("ix_merges_survivor_id", "merges", ["survivor_id"])
    op.create_index("ix_merges_merged_at_id", "merges", ["merged_at", "id"])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for table in ("merges", "profile_changes", "survivorship_rules"):
        op.drop_table(table)
    op.execute("DROP SEQUENCE history_numbers")
    for column in ("merged_into", "root_id", "family_size", "link_version", "erased_at", "preferences", *_TEXTS, *_LISTS):
        op.drop_column("customers", column)

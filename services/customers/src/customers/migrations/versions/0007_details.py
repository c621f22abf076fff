"""Definitions of attributes, contacts, notes, stages and learning material."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"

_NOW = sa.text("now()")
_ONE = sa.text("1")
_OBJECT, _ARRAY = sa.text("'{}'"), sa.text("'[]'")
_STAGES = {
    "lifecycle": "('identified', 'attracted', 'converted', 'retained', 'grown')",
    "journey": "('attention', 'consideration', 'decision', 'purchase', 'service', 'advocacy')",
}
_TABLES = (
    *("material_progress", "materials", "stage_rules", "stage_moves", "customer_stages", "notes", "organisations", "contacts"),
    *("attribute_values", "attribute_settings", "attribute_definitions"),
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    _create_attribute_definitions()
    _create_attribute_values()
    _create_contacts()
    _create_organisations()
    _create_notes()
    _create_customer_stages()
    _create_stage_moves()
    _create_stage_rules()
    _create_materials()


def _moment(name: str, *, required: bool = True, default: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=not required, server_default=_NOW if default else None)


def _version() -> tuple[sa.schema.SchemaItem, sa.schema.SchemaItem]:
    return (
        sa.Column("version", sa.BigInteger, nullable=False, server_default=_ONE),
        sa.CheckConstraint("version > 0", name="version"),
    )


def _create_attribute_definitions() -> None:
    flags = (sa.Column(name, sa.Boolean, nullable=False) for name in ("is_required", "is_unique", "is_filterable", "is_personal"))
    op.create_table(
        "attribute_definitions",
        sa.Column("name", sa.Text, primary_key=True),
        *_version(),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("titles", JSONB, nullable=False, server_default=_OBJECT),
        sa.Column("options", JSONB, nullable=False, server_default=_ARRAY),
        sa.Column("limits", JSONB, nullable=False, server_default=_OBJECT),
        *flags,
        _moment("created_at", default=True),
        _moment("updated_at", default=True),
        _moment("archived_at", required=False),
        sa.CheckConstraint(
            "type IN ('text', 'number', 'integer', 'boolean', 'date', 'moment', 'option', 'options', 'money', 'url')", name="type"
        ),
        sa.CheckConstraint("jsonb_typeof(options) = 'array' AND jsonb_typeof(limits) = 'object'", name="shape"),
        sa.CheckConstraint("NOT is_unique OR type IN ('text', 'number', 'integer', 'date', 'moment', 'url')", name="unique"),
    )
    op.create_table(
        "attribute_settings",
        sa.Column("version", sa.BigInteger, nullable=False, server_default=_ONE),
        sa.Column("is_strict", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("is_only", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.PrimaryKeyConstraint("is_only", name="pk_attribute_settings"),
        sa.CheckConstraint("is_only", name="is_only"),
    )
    op.execute("INSERT INTO attribute_settings DEFAULT VALUES")


# The definitions are read under a lock that whoever changes them takes alone: neither misses the other.
_KEEP_VALUES = """
CREATE FUNCTION keep_attribute_values() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := CASE WHEN TG_OP = 'UPDATE' THEN OLD.attributes ELSE '{}' END;
    kept record;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7205107, hashtext(current_schema()));
    FOR kept IN
        SELECT d.name, d.is_unique, NEW.attributes -> d.name AS value
        FROM attribute_definitions AS d
        WHERE (d.is_unique OR (d.is_filterable AND d.type IN ('number', 'integer', 'date', 'moment'))) AND d.archived_at IS NULL
            AND NEW.attributes -> d.name IS DISTINCT FROM before -> d.name
        ORDER BY d.name
    LOOP
        IF before ? kept.name THEN
            DELETE FROM attribute_values WHERE name = kept.name AND value = before -> kept.name AND customer_id = NEW.id;
            -- A record of the same customer that has the value too holds it from now on.
            IF FOUND AND kept.is_unique THEN
                INSERT INTO attribute_values (name, value, customer_id, is_unique)
                SELECT kept.name, before -> kept.name, c.id, true FROM customers AS c
                WHERE c.root_id = NEW.root_id AND c.id <> NEW.id AND c.attributes @> jsonb_build_object(kept.name, before -> kept.name)
                LIMIT 1
                ON CONFLICT DO NOTHING;
            END IF;
        END IF;
        CONTINUE WHEN jsonb_typeof(kept.value) IS NULL OR jsonb_typeof(kept.value) IN ('null', 'object', 'array');
        INSERT INTO attribute_values (name, value, customer_id, is_unique)
        VALUES (kept.name, kept.value, NEW.id, kept.is_unique)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND AND kept.is_unique AND NOT EXISTS (
            SELECT FROM attribute_values AS v JOIN customers AS c ON c.id = v.customer_id
            WHERE v.name = kept.name AND v.value = kept.value AND v.is_unique AND c.root_id = NEW.root_id
        ) THEN
            RAISE unique_violation USING MESSAGE = 'another customer has this value', TABLE = 'attribute_values',
                CONSTRAINT = 'uq_attribute_values_name_value', COLUMN = kept.name;
        END IF;
    END LOOP;
    RETURN NULL;
END $$
"""


def _create_attribute_values() -> None:
    op.create_table(
        "attribute_values",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", JSONB, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("is_unique", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("name", "value", "customer_id", name="pk_attribute_values"),
        sa.CheckConstraint("pg_column_size(value) <= 2000", name="size"),
    )
    op.create_index(
        "uq_attribute_values_name_value", "attribute_values", ["name", "value"], unique=True, postgresql_where=sa.text("is_unique")
    )
    op.create_index("ix_attribute_values_customer_id_name", "attribute_values", ["customer_id", "name"])
    op.create_index(
        "ix_customers_attributes",
        "customers",
        ["attributes"],
        postgresql_using="gin",
        postgresql_ops={"attributes": "jsonb_path_ops"},
        postgresql_where=sa.text("attributes <> '{}'"),
    )
    op.execute(_KEEP_VALUES)
    op.execute("""
        CREATE TRIGGER keep_attribute_values_of_new AFTER INSERT ON customers FOR EACH ROW
        WHEN (NEW.attributes <> '{}') EXECUTE FUNCTION keep_attribute_values()
    """)
    op.execute("""
        CREATE TRIGGER keep_attribute_values AFTER UPDATE OF attributes ON customers FOR EACH ROW
        WHEN (NEW.attributes <> OLD.attributes) EXECUTE FUNCTION keep_attribute_values()
    """)


def _create_contacts() -> None:
    op.create_table(
        "contacts",
        sa.Column("id", sa.Text, primary_key=True),
        *_version(),
        sa.Column("organisation_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
        sa.Column("person_id", sa.Text, sa.ForeignKey("customers.id")),
        *(sa.Column(name, sa.Text) for name in ("name", "email", "phone", "title")),
        sa.Column("roles", JSONB, nullable=False, server_default=_ARRAY),
        sa.Column("is_primary", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("valid_from", sa.Date),
        sa.Column("valid_to", sa.Date),
        _moment("created_at", default=True),
        _moment("updated_at", default=True),
        sa.CheckConstraint("(person_id IS NULL) = (name IS NOT NULL)", name="who"),
        sa.CheckConstraint("person_id IS NULL OR (email IS NULL AND phone IS NULL)", name="own_record"),
        sa.CheckConstraint("person_id <> organisation_id", name="two"),
        sa.CheckConstraint("valid_to >= valid_from", name="period"),
        sa.CheckConstraint("jsonb_typeof(roles) = 'array'", name="roles"),
        sa.UniqueConstraint("person_id", "organisation_id"),
    )
    op.create_index("ix_contacts_organisation_id_created_at_id", "contacts", ["organisation_id", "created_at", "id"])
    op.create_index("uq_contacts_primary", "contacts", ["organisation_id"], unique=True, postgresql_where=sa.text("is_primary"))


def _create_organisations() -> None:
    op.create_table(
        "organisations",
        sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), primary_key=True),
        *_version(),
        sa.Column("channel_kind", sa.Text),
        sa.Column("parent_id", sa.Text, sa.ForeignKey("customers.id")),
        _moment("updated_at", default=True),
        sa.CheckConstraint("channel_kind IN ('manufacturer', 'wholesaler', 'retailer', 'other')", name="channel_kind"),
        sa.CheckConstraint("parent_id <> customer_id", name="two"),
    )
    op.create_index(
        "ix_organisations_parent_id_customer_id",
        "organisations",
        ["parent_id", "customer_id"],
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )


def _create_notes() -> None:
    op.create_table(
        "notes",
        sa.Column("id", sa.Text, primary_key=True),
        *_version(),
        sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("is_pinned", sa.Boolean, nullable=False, server_default=sa.false()),
        _moment("created_at", default=True),
        _moment("updated_at", default=True),
    )
    columns = ["customer_id", "created_at", "id"]
    op.create_index("ix_notes_customer_id_created_at_id", "notes", columns)
    op.create_index("ix_notes_pinned", "notes", columns, postgresql_where=sa.text("is_pinned"))


def _create_customer_stages() -> None:
    columns: list[sa.schema.SchemaItem] = []
    for track, stages in _STAGES.items():
        columns += [sa.Column(track, sa.Text), _moment(f"{track}_entered_at", required=False)]
        columns.append(sa.Column(f"{track}_reason", sa.Text))
        columns.append(sa.CheckConstraint(f"{track} IN {stages}", name=track))
        columns.append(sa.CheckConstraint(f"({track} IS NULL) = ({track}_entered_at IS NULL)", name=f"{track}_entered"))
    op.create_table(
        "customer_stages",
        sa.Column("customer_id", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        *columns,
        sa.Column("shown_lifecycle", sa.Text),
        sa.Column("shown_journey", sa.Text),
        sa.CheckConstraint("version >= 0", name="version"),
    )
    for track in _STAGES:
        op.create_index(f"ix_customer_stages_shown_{track}_customer_id", "customer_stages", [f"shown_{track}", "customer_id"])


def _create_stage_moves() -> None:
    op.create_table(
        "stage_moves",
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("track", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("previous", sa.Text),
        _moment("entered_at"),
        _moment("left_at", required=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text),
        sa.Column("explanation", sa.Text),
        sa.PrimaryKeyConstraint("customer_id", "number", name="pk_stage_moves"),
        sa.CheckConstraint("track IN ('lifecycle', 'journey')", name="track"),
        sa.CheckConstraint("left_at >= entered_at", name="period"),
    )
    op.create_index(
        "uq_stage_moves_open", "stage_moves", ["customer_id", "track"], unique=True, postgresql_where=sa.text("left_at IS NULL")
    )
    op.create_index("ix_stage_moves_customer_id_entered_at_number", "stage_moves", ["customer_id", "entered_at", "number"])
    op.create_index("ix_stage_moves_entered", "stage_moves", ["track", "entered_at"], postgresql_include=["stage", "previous"])
    op.create_index(
        "ix_stage_moves_left",
        "stage_moves",
        ["track", "left_at"],
        postgresql_include=["stage", "entered_at"],
        postgresql_where=sa.text("left_at IS NOT NULL"),
    )


def _create_stage_rules() -> None:
    op.create_table(
        "stage_rules",
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("rules", JSONB, nullable=False),
        _moment("set_at", default=True),
        sa.Column("set_by", sa.Text),
        sa.CheckConstraint("version > 0", name="version"),
        sa.CheckConstraint("jsonb_typeof(rules) = 'array'", name="rules"),
    )


def _create_materials() -> None:
    op.create_table(
        "materials",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("titles", JSONB, nullable=False),
        sa.Column("texts", JSONB, nullable=False, server_default=_OBJECT),
        sa.Column("links", JSONB, nullable=False, server_default=_OBJECT),
        sa.Column("journey_stage", sa.Text, nullable=False),
        _moment("created_at", default=True),
        sa.CheckConstraint(f"journey_stage IN {_STAGES['journey']}", name="journey_stage"),
        sa.CheckConstraint(
            "jsonb_typeof(titles) = 'object' AND jsonb_typeof(texts) = 'object' AND jsonb_typeof(links) = 'object'", name="shape"
        ),
    )
    op.create_index("ix_materials_created_at_id", "materials", ["created_at", "id"])
    op.create_index("ix_materials_journey_stage_created_at_id", "materials", ["journey_stage", "created_at", "id"])
    op.create_table(
        "material_progress",
        sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
        sa.Column("material_id", sa.Text, sa.ForeignKey("materials.id"), nullable=False),
        _moment("opened_at"),
        _moment("completed_at", required=False),
        sa.PrimaryKeyConstraint("customer_id", "material_id", name="pk_material_progress"),
        sa.CheckConstraint("completed_at >= opened_at", name="order"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("DROP TRIGGER keep_attribute_values ON customers")
    op.execute("DROP TRIGGER keep_attribute_values_of_new ON customers")
    op.execute("DROP FUNCTION keep_attribute_values()")
    op.drop_index("ix_customers_attributes", "customers")
    for table in _TABLES:
        op.drop_table(table)

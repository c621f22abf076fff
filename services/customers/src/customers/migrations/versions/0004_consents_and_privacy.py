"""Consents, erasures, access exports, restrictions and the audit log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from shared.following.receipt_keys import create_receipt_keys, drop_receipt_keys

revision = "0004"
down_revision = "0003"

_NOW = sa.text("now()")
_TABLES = (
    *("audit_chain", "audit_entries"),
    *("access_export_parts", "access_exports"),
    *("suppressions", "suppression_keys", "pinned_keys", "erasure_receipts", "erasures", "restrictions"),
    *("consent_decisions", "consent_history", "consents", "consent_texts", "consent_purposes"),
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    _create_purposes()
    _create_consents()
    _create_consent_decisions()
    _create_restrictions()
    _create_erasures()
    create_receipt_keys()
    _create_suppressions()
    _create_access_exports()
    _create_audit()
    _audit_consents()
    _make_append_only()
    _guard_identities()


def _create_purposes() -> None:
    op.create_table(
        "consent_purposes",
        sa.Column("purpose", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
        sa.Column("legal_basis", sa.Text, nullable=False),
        sa.Column("double_opt_in", sa.Boolean, nullable=False),
        sa.Column("channels", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("text_version", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.CheckConstraint("version > 0", name="version"),
        sa.CheckConstraint(
            "legal_basis IN ('consent', 'contract', 'legal_obligation', 'vital_interest', 'public_task', 'legitimate_interest')",
            name="legal_basis",
        ),
    )
    op.create_table(
        "consent_texts",
        sa.Column("purpose", sa.Text, sa.ForeignKey("consent_purposes.purpose", name="fk_consent_texts_purpose_consent_purposes")),
        sa.Column("text_version", sa.Text),
        sa.Column("texts", JSONB, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.PrimaryKeyConstraint("purpose", "text_version", name="pk_consent_texts"),
        sa.CheckConstraint("jsonb_typeof(texts) = 'object'", name="texts"),
    )


def _create_consents() -> None:
    op.create_table(
        "consents",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
        sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id", name="fk_consents_customer_id_customers"), nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("text_version", sa.Text),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False, server_default=sa.text("nextval('history_numbers')")),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.CheckConstraint("version > 0", name="version"),
        sa.CheckConstraint("state IN ('granted', 'pending', 'withdrawn')", name="state"),
        sa.UniqueConstraint("customer_id", "purpose", "channel", name="uq_consents_customer_id_purpose_channel"),
    )
    op.create_table(
        "consent_history",
        sa.Column("consent_id", sa.Text),
        sa.Column("version", sa.BigInteger),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("text_version", sa.Text),
        sa.Column("text_sha256", sa.Text),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("actor", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("consent_id", "version", name="pk_consent_history"),
        sa.CheckConstraint("state IN ('granted', 'pending', 'withdrawn')", name="state"),
    )
    op.create_index("ix_consent_history_customer_id_recorded_at", "consent_history", ["customer_id", "recorded_at"])


def _create_consent_decisions() -> None:
    op.create_table(
        "consent_decisions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("allowed", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("basis", JSONB, nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("actor", sa.Text, nullable=False),
    )
    op.create_index("ix_consent_decisions_customer_id_decided_at", "consent_decisions", ["customer_id", "decided_at"])


def _create_restrictions() -> None:
    op.create_table(
        "restrictions",
        sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id", name="fk_restrictions_customer_id_customers"), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
        sa.Column("restricted", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("actor", sa.Text, nullable=False),
        sa.CheckConstraint("version > 0", name="version"),
    )


def _create_erasures() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("customer_ids", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("reimport", sa.Text, nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("certificate", sa.Text),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("reimport IN ('refuse', 'anew')", name="reimport"),
        sa.CheckConstraint("(certificate IS NULL) = (completed_at IS NULL)", name="complete"),
        sa.UniqueConstraint("customer_id", name="uq_erasures_customer_id"),
    )
    op.create_index("ix_erasures_requested_at_id", "erasures", ["requested_at", "id"])
    op.create_table(
        "erasure_receipts",
        sa.Column("erasure_id", sa.Text, sa.ForeignKey("erasures.id", name="fk_erasure_receipts_erasure_id_erasures")),
        sa.Column("service", sa.Text),
        sa.Column("receipt", sa.Text, nullable=False),
        sa.Column("kid", sa.Text, nullable=False),
        sa.Column("erased", JSONB, nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.PrimaryKeyConstraint("erasure_id", "service", name="pk_erasure_receipts"),
    )
    op.create_table(
        "pinned_keys",
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("kid", sa.Text, nullable=False),
        sa.Column("jwk", JSONB, nullable=False),
        sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    )


# HMAC-SHA256 (RFC 2104) of kind and value with a key that never leaves the database; both pads are kept ready.
_DIGEST = """
CREATE FUNCTION identity_digest(kind text, value text) RETURNS bytea LANGUAGE sql STABLE STRICT AS $$
    SELECT sha256(outer_pad || sha256(inner_pad || convert_to(
        kind || ':' || CASE kind WHEN 'email' THEN lower(value) ELSE value END, 'UTF8')))
    FROM suppression_keys
$$
"""
_SUPPRESSION_KEY = """
INSERT INTO suppression_keys (inner_pad, outer_pad)
SELECT xor_pad(key, 54), xor_pad(key, 92)
FROM (SELECT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) AS key) AS drawn
"""
_XOR_PAD = """
CREATE FUNCTION xor_pad(key bytea, pad integer) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    padded bytea := key || decode(repeat('00', 64 - length(key)), 'hex');
BEGIN
    FOR place IN 0..63 LOOP
        padded := set_byte(padded, place, get_byte(padded, place) # pad);
    END LOOP;
    RETURN padded;
END $$
"""


def _create_suppressions() -> None:
    op.create_table(
        "suppression_keys",
        sa.Column("is_only", sa.Boolean, server_default=sa.true(), primary_key=True),
        sa.Column("inner_pad", sa.LargeBinary, nullable=False),
        sa.Column("outer_pad", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("is_only", name="is_only"),
    )
    op.create_table(
        "suppressions",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("erasure_id", sa.Text, sa.ForeignKey("erasures.id", name="fk_suppressions_erasure_id_erasures"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    )
    op.create_index("ix_suppressions_erasure_id", "suppressions", ["erasure_id"])
    op.execute(_XOR_PAD)
    op.execute(_DIGEST)
    op.execute(_SUPPRESSION_KEY)
    op.execute("DROP FUNCTION xor_pad(bytea, integer)")


def _create_access_exports() -> None:
    op.create_table(
        "access_exports",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("customer_ids", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("public_key", sa.Text, nullable=False),
        sa.Column("private_key", sa.LargeBinary),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_access_exports_requested_at_id", "access_exports", ["requested_at", "id"])
    op.create_index("ix_access_exports_customer_id", "access_exports", ["customer_id"])
    op.create_index("ix_access_exports_expires_at", "access_exports", ["expires_at"], postgresql_where=sa.text("private_key IS NOT NULL"))
    op.create_table(
        "access_export_parts",
        sa.Column(
            "export_id",
            sa.Text,
            sa.ForeignKey("access_exports.id", name="fk_access_export_parts_export_id_access_exports", ondelete="CASCADE"),
        ),
        sa.Column("service", sa.Text),
        sa.Column("number", sa.Integer),
        sa.Column("of", sa.Integer, nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("provided_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("export_id", "service", "number", name="pk_access_export_parts"),
        sa.CheckConstraint('number BETWEEN 1 AND "of"', name="number"),
    )


def _create_audit() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text),
        sa.Column("subject_id", sa.Text),
        sa.Column("fields", sa.ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    )
    for column in ("customer_id", "actor", "action"):
        op.create_index(f"ix_audit_entries_{column}_id", "audit_entries", [column, "id"])
    op.create_index("ix_audit_entries_recorded_at", "audit_entries", ["recorded_at"], postgresql_using="brin")
    op.create_table(
        "audit_chain",
        sa.Column("link", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("entry_id", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("chained_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.UniqueConstraint("entry_id", name="uq_audit_chain_entry_id"),
        sa.CheckConstraint("link > 0", name="link"),
    )
    op.create_index("ix_audit_chain_chained_at", "audit_chain", ["chained_at"])


_REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""
# Whoever changes consents is written down by the database itself, in the same statement.
_AUDIT_CONSENTS = """
CREATE FUNCTION audit_consents() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_entries (actor, action, customer_id, subject_id, fields)
    SELECT actor, 'consent_' || state, customer_id, consent_id, ARRAY[purpose || '/' || channel] FROM added;
    RETURN NULL;
END $$
"""


def _audit_consents() -> None:
    op.execute(_AUDIT_CONSENTS)
    op.execute(
        "CREATE TRIGGER audited AFTER INSERT ON consent_history REFERENCING NEW TABLE AS added "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_consents()"
    )


def _make_append_only() -> None:
    op.execute(_REFUSE_CHANGE)
    for table in ("audit_entries", "audit_chain"):
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM CURRENT_USER")
    for table in ("consent_history", "consent_texts"):
        op.execute(f"CREATE TRIGGER append_only BEFORE UPDATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")
        op.execute(f"REVOKE UPDATE, TRUNCATE ON {table} FROM CURRENT_USER")
    # An erasure alone deletes proofs.
    op.execute(
        "CREATE TRIGGER kept BEFORE DELETE ON consent_history FOR EACH STATEMENT "
        "WHEN (current_setting('regulars.erasing', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION refuse_change()"
    )


# The last gate, whatever way a record is written: the slices refuse politely before it.
_REFUSE_ERASED = """
CREATE FUNCTION refuse_erased_identity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM suppressions) AND EXISTS (
        SELECT FROM suppressions WHERE digest IN (
            identity_digest('email', NEW.email), identity_digest('phone', NEW.phone), identity_digest('external_id', NEW.external_id)
        )
    ) THEN
        RAISE EXCEPTION 'this identity was erased' USING ERRCODE = 'check_violation', CONSTRAINT = 'identity_erased', TABLE = 'customers';
    END IF;
    RETURN NEW;
END $$
"""


# Once a statement, so that a batch and an import pay for one look.
_REFUSE_ERASED_ARRIVALS = """
CREATE FUNCTION refuse_erased_arrivals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM suppressions) AND EXISTS (
        SELECT FROM added AS a
        CROSS JOIN LATERAL (VALUES ('email', a.email), ('phone', a.phone), ('external_id', a.external_id)) AS i (kind, value)
        JOIN suppressions AS s ON s.digest = identity_digest(i.kind, i.value)
    ) THEN
        RAISE EXCEPTION 'this identity was erased' USING ERRCODE = 'check_violation', CONSTRAINT = 'identity_erased', TABLE = 'customers';
    END IF;
    RETURN NULL;
END $$
"""
_REFUSE_ERASED_MORE = """
CREATE FUNCTION refuse_erased_identities() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM suppressions) AND EXISTS (
        SELECT FROM added AS a
        JOIN suppressions AS s ON s.digest = identity_digest(CASE a.source WHEN '' THEN a.kind ELSE a.kind || '/' || a.source END, a.value)
    ) THEN
        RAISE EXCEPTION 'this identity was erased'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'identity_erased', TABLE = 'customer_identities';
    END IF;
    RETURN NULL;
END $$
"""


def _guard_identities() -> None:
    op.execute(_REFUSE_ERASED)
    op.execute(_REFUSE_ERASED_ARRIVALS)
    op.execute(_REFUSE_ERASED_MORE)
    op.execute(
        "CREATE TRIGGER identities_arrive AFTER INSERT ON customer_identities REFERENCING NEW TABLE AS added "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_erased_identities()"
    )
    op.execute(
        "CREATE TRIGGER identities_arrive AFTER INSERT ON customers REFERENCING NEW TABLE AS added "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_erased_arrivals()"
    )
    op.execute(
        "CREATE TRIGGER identities_change BEFORE UPDATE OF email, phone, external_id ON customers FOR EACH ROW "
        "WHEN ((NEW.email, NEW.phone, NEW.external_id) IS DISTINCT FROM (OLD.email, OLD.phone, OLD.external_id)) "
        "EXECUTE FUNCTION refuse_erased_identity()"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for trigger, table in (
        *(("identities_arrive", "customers"), ("identities_change", "customers"), ("identities_arrive", "customer_identities")),
    ):
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
    for table in _TABLES:
        op.drop_table(table)
    drop_receipt_keys()
    for function in (
        *("refuse_erased_identity()", "refuse_erased_arrivals()", "refuse_erased_identities()", "audit_consents()"),
        *("refuse_change()", "identity_digest(text, text)"),
    ):
        op.execute(f"DROP FUNCTION {function}")

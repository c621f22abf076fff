"""What customers are found by, their further identities, and who may be the same person."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

revision = "0003"
down_revision = "0002"

_NOW = sa.text("now()")
_DOCUMENT = "customer_document(search_name, email, phone, external_id, birth_date)"

# Of immutable parts of pg_catalog only: the generated column stores what this returns.
_FUNCTIONS = (
    r"""
    CREATE FUNCTION customer_email_key(email text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT RETURN
        CASE
            WHEN lower(email) LIKE '%@gmail.com' OR lower(email) LIKE '%@googlemail.com'
                THEN replace(split_part(split_part(lower(email), '@', 1), '+', 1), '.', '') || '@gmail.com'
            WHEN email LIKE '_%+%@%' AND email NOT LIKE '"%'
                THEN split_part(split_part(lower(email), '@', 1), '+', 1) || '@' || split_part(lower(email), '@', 2)
            ELSE lower(email)
        END
    """,
    """
    CREATE FUNCTION customer_document(search_name text, email text, phone text, external_id text, birth_date date)
    RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
        array_to_tsvector(array_remove(array_remove(
            string_to_array(search_name, ' ') || ARRAY[
                '@' || lower(email),
                CASE WHEN email LIKE '%+%' OR lower(email) LIKE '%mail.com' THEN '@' || customer_email_key(email) END,
                phone, '-' || reverse(substr(phone, 2)),
                '!' || lower(external_id), '^' || (birth_date - '2000-01-01'::date)::text
            ], NULL), ''))
    """,
    """
    CREATE FUNCTION remember_name_words(names text[]) RETURNS void LANGUAGE sql AS $$
        INSERT INTO name_words (word)
        SELECT found.word FROM (
            SELECT DISTINCT t.word COLLATE "C" AS word
            FROM unnest(names) AS n (search_name), unnest(string_to_array(split_part(n.search_name, ' *', 1), ' ')) AS t (word)
            WHERE length(t.word) BETWEEN 3 AND 40 AND t.word COLLATE "C" BETWEEN 'a' AND 'zzz'
        ) AS found
        WHERE NOT EXISTS (SELECT FROM name_words AS known WHERE known.word = found.word)
    $$
    """,
    # Through the trigrams only: the planner believes that comparing every word costs next to nothing.
    """
    CREATE FUNCTION similar_words(typed text[], most integer) RETURNS TABLE (typed_word text, similar_word text)
    LANGUAGE sql STABLE SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off AS $$
        SELECT asked.word, found.word
        FROM unnest(typed) AS asked (word)
        CROSS JOIN LATERAL (
            SELECT known.word FROM name_words AS known
            WHERE known.word % asked.word OR known.word LIKE '%' || asked.word || '%'
            GROUP BY known.word ORDER BY similarity(known.word, asked.word) DESC, known.word LIMIT most
        ) AS found
    $$
    """,
    """
    CREATE FUNCTION remember_added_names() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM remember_name_words((SELECT array_agg(search_name) FROM added WHERE search_name <> ''));
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION remember_changed_name() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM remember_name_words(ARRAY[NEW.search_name]);
        RETURN NULL;
    END $$
    """,
)
_TRIGGERS = (
    """
    CREATE TRIGGER remember_added_names AFTER INSERT ON customers
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION remember_added_names()
    """,
    """
    CREATE TRIGGER remember_changed_name AFTER UPDATE OF search_name ON customers
    FOR EACH ROW WHEN (NEW.search_name <> OLD.search_name) EXECUTE FUNCTION remember_changed_name()
    """,
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    _create_name_words()
    for statement in _FUNCTIONS + _TRIGGERS:
        op.execute(statement)
    _add_documents()
    _create_identities()
    _create_duplicates()


def _customer(name: str) -> sa.ForeignKey:
    return sa.ForeignKey("customers.id", name=name)


def _create_name_words() -> None:
    # Without a unique constraint: writers of names must not wait for each other; a word that two of them add at once is there twice.
    op.create_table("name_words", sa.Column("word", sa.Text(collation="C"), nullable=False))
    op.create_index("ix_name_words_word", "name_words", ["word"])
    op.create_index("ix_name_words_trigrams", "name_words", ["word"], postgresql_using="gin", postgresql_ops={"word": "gin_trgm_ops"})


def _add_documents() -> None:
    op.drop_index("ix_customers_search_name_trigrams", "customers")
    op.add_column("customers", sa.Column("search_document", TSVECTOR, sa.Computed(_DOCUMENT, persisted=True)))
    op.create_index("ix_customers_search_document", "customers", ["search_document"], postgresql_using="gin")


def _create_identities() -> None:
    op.create_table(
        "customer_identities",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "customer_id", sa.Text, sa.ForeignKey("customers.id", name="fk_customer_identities_customer_id_customers"), nullable=False
        ),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.CheckConstraint("kind IN ('email', 'phone', 'external_id', 'device', 'card', 'account')", name="kind"),
        sa.CheckConstraint("first_seen_at <= last_seen_at", name="seen"),
        sa.UniqueConstraint("customer_id", "kind", "value", "source", name="uq_customer_identities_customer_id_kind_value_source"),
    )
    op.create_index("ix_customer_identities_kind_value", "customer_identities", ["kind", "value"])
    op.create_table(
        "identity_rules",
        sa.Column("id", sa.Boolean, primary_key=True, server_default=sa.text("true")),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("rules", JSONB, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.CheckConstraint("id", name="single"),
    )


def _create_duplicates() -> None:
    op.create_table(
        "duplicate_pairs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("first_id", sa.Text, _customer("fk_duplicate_pairs_first_id_customers"), nullable=False),
        sa.Column("second_id", sa.Text, _customer("fk_duplicate_pairs_second_id_customers"), nullable=False),
        sa.Column("score", sa.SmallInteger, nullable=False),
        sa.Column("reasons", JSONB, nullable=False),
        sa.Column("status", sa.Text, nullable=False, server_default=sa.text("'open'")),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("decided_by", sa.Text),
        sa.Column("merge_id", sa.Text),
        sa.CheckConstraint('first_id COLLATE "C" < second_id COLLATE "C"', name="order"),
        sa.CheckConstraint("score BETWEEN 0 AND 100", name="score"),
        sa.CheckConstraint("status IN ('open', 'rejected', 'confirmed')", name="status"),
        sa.CheckConstraint("(status = 'open') = (decided_at IS NULL)", name="decided"),
        sa.CheckConstraint("merge_id IS NULL OR status = 'confirmed'", name="merge"),
        sa.UniqueConstraint("first_id", "second_id", name="uq_duplicate_pairs_first_id_second_id"),
    )
    op.create_index("ix_duplicate_pairs_second_id", "duplicate_pairs", ["second_id"])
    op.create_index("ix_duplicate_pairs_status_score_id", "duplicate_pairs", ["status", "score", "id"])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for table in ("duplicate_pairs", "identity_rules", "customer_identities"):
        op.drop_table(table)
    op.drop_column("customers", "search_document")
    for trigger in ("remember_added_names", "remember_changed_name"):
        op.execute(f"DROP TRIGGER {trigger} ON customers")
    for function in (
        "remember_added_names()",
        "remember_changed_name()",
        "remember_name_words",
        "similar_words",
        "customer_document",
        "customer_email_key",
    ):
        op.execute(f"DROP FUNCTION {function}")
    op.drop_table("name_words")
    op.create_index(
        "ix_customers_search_name_trigrams",
        "customers",
        ["search_name"],
        postgresql_using="gin",
        postgresql_ops={"search_name": "gin_trgm_ops"},
    )

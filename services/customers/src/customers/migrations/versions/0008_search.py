"""Search and duplicates at a million."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

# A word and what is left of it without one of its letters, as numbers: two words that share one differ by a letter too many, missing,
# wrong, or by two that changed places. The index holds what this returns.
_KEYS = """
CREATE FUNCTION name_word_keys(word text) RETURNS integer[] LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT RETURN
    ARRAY(SELECT DISTINCT hashtext(overlay(word PLACING '' FROM place FOR 1)) FROM generate_series(1, length(word) + 1) AS g (place))
"""
# Words of any length: whoever types the beginning of one finds its bearers through them.
_REMEMBER = """
CREATE OR REPLACE FUNCTION remember_name_words(names text[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO name_words (word)
    SELECT found.word FROM (
        SELECT DISTINCT t.word COLLATE "C" AS word
        FROM unnest(names) AS n (search_name), unnest(string_to_array(split_part(n.search_name, ' *', 1), ' ')) AS t (word)
        WHERE length(t.word) >= 3 AND t.word COLLATE "C" >= 'a' AND t.word COLLATE "C" < '{'
    ) AS found
    WHERE NOT EXISTS (SELECT FROM name_words AS known WHERE known.word = found.word)
$$
"""
# Words one slip away, itself among them; where there is none, words that hold the typed one; where there is none of these either,
# words two slips away, by the trigrams, which are dearer the more words there are. By index only: the planner believes that comparing
# every word costs next to nothing.
_SIMILAR = """
CREATE FUNCTION similar_words(typed text[], most integer) RETURNS TABLE (typed_word text, similar_word text)
LANGUAGE sql STABLE SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off AS $$
    WITH asked AS MATERIALIZED (SELECT DISTINCT t.word FROM unnest(typed) AS t (word)),
    slips AS MATERIALIZED (
        SELECT asked.word AS typed, found.word FROM asked CROSS JOIN LATERAL (
            SELECT known.word FROM name_words AS known WHERE name_word_keys(known.word) && name_word_keys(asked.word)
            GROUP BY known.word ORDER BY similarity(known.word, asked.word) DESC, known.word LIMIT most
        ) AS found
    ),
    holders AS MATERIALIZED (
        SELECT asked.word AS typed, found.word FROM asked CROSS JOIN LATERAL (
            SELECT known.word FROM name_words AS known WHERE known.word LIKE '%' || asked.word || '%'
            GROUP BY known.word ORDER BY similarity(known.word, asked.word) DESC, known.word LIMIT most
        ) AS found
        WHERE NOT EXISTS (SELECT FROM slips WHERE slips.typed = asked.word)
    )
    SELECT slips.typed, slips.word FROM slips
    UNION ALL SELECT holders.typed, holders.word FROM holders
    UNION ALL SELECT asked.word, found.word FROM asked CROSS JOIN LATERAL (
        SELECT known.word FROM name_words AS known WHERE known.word % asked.word
        GROUP BY known.word ORDER BY similarity(known.word, asked.word) DESC, known.word LIMIT most
    ) AS found
    WHERE length(asked.word) >= 7 AND NOT EXISTS (SELECT FROM slips WHERE slips.typed = asked.word)
        AND NOT EXISTS (SELECT FROM holders WHERE holders.typed = asked.word)
$$
"""
_TIMELINE = ["customer_id", "occurred_at", "id", "kind", "channel", "journey_stage", "sentiment"]
_REMEMBER_BEFORE = _REMEMBER.replace("length(t.word) >= 3", "length(t.word) BETWEEN 3 AND 40").replace(
    """t.word COLLATE "C" >= 'a' AND t.word COLLATE "C" < '{'""", """t.word COLLATE "C" BETWEEN 'a' AND 'zzz'"""
)
_SIMILAR_BEFORE = """
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
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(_KEYS)
    op.create_index("ix_name_words_keys", "name_words", [sa.text("name_word_keys(word)")], postgresql_using="gin")
    op.execute("DROP FUNCTION similar_words")
    op.execute(_SIMILAR)
    op.execute(_REMEMBER)
    _create_duplicate_checks()
    op.drop_index("ix_touches_customer_id_occurred_at_id", "touches")
    op.create_index("ix_touches_timeline", "touches", _TIMELINE)


def _create_duplicate_checks() -> None:
    op.create_table(
        "duplicate_checks",
        sa.Column(
            "customer_id", sa.Text, sa.ForeignKey("customers.id", name="fk_duplicate_checks_customer_id_customers"), primary_key=True
        ),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    )
    op.create_index("ix_duplicate_checks_marked_at_customer_id", "duplicate_checks", ["marked_at", "customer_id"])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_index("ix_touches_timeline", "touches")
    op.create_index("ix_touches_customer_id_occurred_at_id", "touches", _TIMELINE[:3])
    op.drop_table("duplicate_checks")
    op.execute("DROP FUNCTION similar_words")
    op.execute(_SIMILAR_BEFORE)
    op.execute(_REMEMBER_BEFORE)
    op.drop_index("ix_name_words_keys", "name_words")
    op.execute("DROP FUNCTION name_word_keys")

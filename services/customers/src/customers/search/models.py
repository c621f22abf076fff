"""The words of all names, which typing errors are corrected by; the searchable documents stand in the customers' own rows."""

import sqlalchemy as sa

from customers.tables import metadata

# Kept by triggers on `customers`. A word that two writers add at once is there twice: nobody waits for anybody.
name_words = sa.Table(
    "name_words",
    metadata,
    sa.Column("word", sa.Text(collation="C"), nullable=False),
    # Whether a word is known, and the words that begin with what somebody typed.
    sa.Index(None, "word"),
    # Words one slip of a finger away.
    sa.Index("ix_name_words_keys", sa.text("name_word_keys(word)"), postgresql_using="gin"),
    # Words that hold what somebody typed, or resemble it otherwise.
    sa.Index("ix_name_words_trigrams", "word", postgresql_using="gin", postgresql_ops={"word": "gin_trgm_ops"}),
)

"""The catalogue: what members can get for their points, and how much of it is left."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from loyalty.metadata import metadata

_NOW = sa.text("now()")
_NONE = sa.text("'{}'")

rewards = sa.Table(
    "rewards",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("name", JSONB, nullable=False),
    sa.Column("description", JSONB),
    sa.Column("images", ARRAY(sa.Text), nullable=False, server_default=_NONE),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("wallet", sa.Text, nullable=False),
    # Ways to pay: points alone, or points and money.
    sa.Column("prices", JSONB, nullable=False),
    sa.Column("voucher_batch_id", sa.Text, sa.ForeignKey("voucher_batches.id")),
    # Pieces that there ever were; endless when null. Of endless ones nobody counts what is taken, so that they are no hot row.
    sa.Column("stock", sa.BigInteger),
    sa.Column("taken", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("valid_from", sa.DateTime(timezone=True)),
    sa.Column("valid_to", sa.DateTime(timezone=True)),
    sa.Column("eligibility", JSONB, nullable=False, server_default=_NONE),
    sa.Column("limits", JSONB, nullable=False, server_default=sa.text("'[]'")),
    sa.Column("fulfil_within_days", sa.Integer, nullable=False),
    sa.Column("categories", ARRAY(sa.Text), nullable=False, server_default=_NONE),
    sa.Column("tags", ARRAY(sa.Text), nullable=False, server_default=_NONE),
    sa.Column("sort_rank", sa.Integer, nullable=False, server_default=sa.text("100")),
    sa.Column("archived_at", sa.DateTime(timezone=True)),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.ForeignKeyConstraint(["programme_id", "wallet"], ["wallets.programme_id", "wallets.code"], name="fk_rewards_programme_id_wallets"),
    sa.CheckConstraint("kind IN ('goods', 'voucher', 'discount', 'experience')", name="kind"),
    sa.CheckConstraint("taken >= 0 AND (stock IS NULL OR taken <= stock)", name="stock"),
    sa.CheckConstraint("(kind IN ('voucher', 'discount')) = (voucher_batch_id IS NOT NULL)", name="voucher"),
    sa.CheckConstraint("valid_to > valid_from", name="validity"),
    sa.CheckConstraint("fulfil_within_days BETWEEN 1 AND 31", name="fulfil"),
    # The catalogue as people see it, with and without what is archived.
    sa.Index(None, "programme_id", "sort_rank", "id"),
    sa.Index("ix_rewards_open", "programme_id", "sort_rank", "id", postgresql_where=sa.text("archived_at IS NULL")),
)

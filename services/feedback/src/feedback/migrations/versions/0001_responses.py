"""Responses, the customers that were heard of, and the counts of the net promoter score."""

import sqlalchemy as sa
from alembic import op

from shared.database.chassis import create_chassis, drop_chassis

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCORES = range(11)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    create_chassis()
    op.create_table(
        "customers",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("country", sa.Text),
        sa.Column("language", sa.Text),
        sa.Column("registered_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_customers"),
        sa.CheckConstraint("kind IN ('individual', 'organisation')", name="ck_customers_kind"),
    )
    _create_responses()
    for period in ("month", "day"):
        _create_counts(period)


def _create_counts(period: str) -> None:
    op.create_table(
        f"nps_{period}s",
        sa.Column(period, sa.Date, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("shard", sa.SmallInteger, nullable=False),
        *(sa.Column(f"score_{number}", sa.Integer, nullable=False) for number in SCORES),
        sa.PrimaryKeyConstraint(period, "channel", "shard", name=f"pk_nps_{period}s"),
        sa.CheckConstraint(" AND ".join(f"score_{number} >= 0" for number in SCORES), name=f"ck_nps_{period}s_counts"),
    )
    # Today's rows change at every response: room in the page keeps their versions there.
    op.execute(f"ALTER TABLE nps_{period}s SET (fillfactor = 70)")


def _create_responses() -> None:
    op.create_table(
        "responses",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("external_id", sa.Text),
        sa.Column("customer_id", sa.Text),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("scale_min", sa.SmallInteger, nullable=False),
        sa.Column("scale_max", sa.SmallInteger, nullable=False),
        sa.Column("score", sa.SmallInteger, nullable=False),
        sa.Column("channel", sa.Text),
        sa.Column("comment", sa.Text),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
        sa.PrimaryKeyConstraint("id", name="pk_responses"),
        sa.CheckConstraint("question IN ('nps')", name="ck_responses_question"),
        sa.CheckConstraint("score BETWEEN scale_min AND scale_max", name="ck_responses_score"),
        sa.CheckConstraint("question <> 'nps' OR (scale_min = 0 AND scale_max = 10)", name="ck_responses_scale"),
        sa.CheckConstraint("channel <> ''", name="ck_responses_channel"),
        sa.CheckConstraint("comment <> ''", name="ck_responses_comment"),
    )
    op.create_index(
        "uq_responses_external_id", "responses", ["external_id"], unique=True, postgresql_where=sa.text("external_id IS NOT NULL")
    )
    op.create_index("ix_responses_answered_at_id", "responses", ["answered_at", "id"])
    for column in ("customer_id", "channel"):
        op.create_index(
            f"ix_responses_{column}_answered_at_id",
            "responses",
            [column, "answered_at", "id"],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for table in ("nps_days", "nps_months", "responses", "customers"):
        op.drop_table(table)
    drop_chassis()

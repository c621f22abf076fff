"""The customers that feedback has heard of."""

import sqlalchemy as sa

from feedback.metadata import METADATA

customers = sa.Table(
    "customers",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("country", sa.Text),
    sa.Column("language", sa.Text),
    sa.Column("registered_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint("kind IN ('individual', 'organisation')", name="kind"),
)

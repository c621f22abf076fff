"""What customers are taught with, and how far each has come."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from customers.tables import metadata

_NOW = sa.text("now()")

materials = sa.Table(
    "materials",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    # By language: en, ru, zh, lv.
    sa.Column("titles", JSONB, nullable=False),
    sa.Column("texts", JSONB, nullable=False, server_default=sa.text("'{}'")),
    sa.Column("links", JSONB, nullable=False, server_default=sa.text("'{}'")),
    sa.Column("journey_stage", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.CheckConstraint(
        "journey_stage IN ('attention', 'consideration', 'decision', 'purchase', 'service', 'advocacy')", name="journey_stage"
    ),
    sa.CheckConstraint(
        "jsonb_typeof(titles) = 'object' AND jsonb_typeof(texts) = 'object' AND jsonb_typeof(links) = 'object'", name="shape"
    ),
    # Lists: all, and those of a stage.
    sa.Index(None, "created_at", "id"),
    sa.Index(None, "journey_stage", "created_at", "id"),
)

material_progress = sa.Table(
    "material_progress",
    metadata,
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("material_id", sa.Text, sa.ForeignKey("materials.id"), nullable=False),
    sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("completed_at", sa.DateTime(timezone=True)),
    sa.PrimaryKeyConstraint("customer_id", "material_id"),
    sa.CheckConstraint("completed_at >= opened_at", name="order"),
)

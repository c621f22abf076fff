"""What may be done how often, who may spend nothing, and what waits for somebody to look at it."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from loyalty.metadata import metadata

_NOW = sa.text("clock_timestamp()")

velocity_limits = sa.Table(
    "velocity_limits",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    # Whose actions are counted together: a member's (with his family), a caller's, which is a till or a shop, or a partner's.
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("measure", sa.Text, nullable=False),
    # Each action by itself when there is none.
    sa.Column("window_seconds", sa.Integer),
    sa.Column("maximum", sa.BigInteger, nullable=False),
    sa.Column("on_exceed", sa.Text, nullable=False, server_default=sa.text("'refuse'")),
    sa.Column("is_active", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.CheckConstraint(
        "action IN ('earning', 'redemption', 'hold', 'transfer', 'voucher_redemption', 'voucher_failure', 'adjustment', 'referral',"
        " 'partner_accrual', 'partner_redemption')",
        name="action",
    ),
    sa.CheckConstraint("subject IN ('member', 'caller', 'partner')", name="subject"),
    sa.CheckConstraint("measure IN ('count', 'points')", name="measure"),
    sa.CheckConstraint("on_exceed IN ('refuse', 'review')", name="on_exceed"),
    # 31 days, after which activities are forgotten.
    sa.CheckConstraint("window_seconds BETWEEN 1 AND 2678400", name="window"),
    sa.CheckConstraint("maximum >= 0", name="maximum"),
    sa.CheckConstraint("window_seconds IS NOT NULL OR measure = 'points'", name="at_once"),
    # What is earned cannot be refused to an event: it waits.
    sa.CheckConstraint("action <> 'earning' OR (subject = 'member' AND on_exceed = 'review')", name="earning"),
    sa.CheckConstraint(r"subject <> 'partner' OR action LIKE 'partner\_%'", name="partner"),
    # The limits of an action.
    sa.Index("ix_velocity_limits_action", "action", "id", postgresql_where=sa.text("is_active")),
    # The list.
    sa.Index("ix_velocity_limits_created_at", "created_at", "id"),
)

activities = sa.Table(
    "activities",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("subject_id", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
    # What somebody did in a window.
    sa.Index("ix_activities_of_subject", "subject_id", "action", "occurred_at", postgresql_include=["points"]),
    # What no window reaches any more.
    sa.Index("ix_activities_occurred_at", "occurred_at", postgresql_using="brin"),
)

member_freezes = sa.Table(
    "member_freezes",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("members.customer_id"), nullable=False),
    # Whether what he earns meanwhile is posted, or waits.
    sa.Column("earning", sa.Text, nullable=False),
    # Blank once the member is erased.
    sa.Column("reason", sa.Text),
    sa.Column("frozen_by", sa.Text, nullable=False),
    sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Column("unfreeze_reason", sa.Text),
    sa.Column("unfrozen_by", sa.Text),
    sa.Column("unfrozen_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint("earning IN ('continues', 'waits')", name="earning"),
    sa.CheckConstraint("(unfrozen_at IS NULL) = (unfrozen_by IS NULL)", name="unfrozen"),
    # Who is frozen now; nobody is twice.
    sa.Index("uq_member_freezes_customer_id", "customer_id", unique=True, postgresql_where=sa.text("unfrozen_at IS NULL")),
    # When a member was frozen.
    sa.Index("ix_member_freezes_customer_id", "customer_id", "frozen_at", "id"),
)

reviews = sa.Table(
    "reviews",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("kind", sa.Text, nullable=False),
    # What waits: an order, a freeze, a referral, a partner's posting; of a velocity the limit and who exceeded it.
    sa.Column("subject_id", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text),
    sa.Column("partner_id", sa.Text),
    sa.Column("reasons", ARRAY(sa.Text), nullable=False),
    sa.Column("score", sa.Integer, nullable=False),
    sa.Column("points", sa.BigInteger),
    sa.Column("state", sa.Text, nullable=False, server_default=sa.text("'open'")),
    sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Column("decided_by", sa.Text),
    sa.Column("decided_at", sa.DateTime(timezone=True)),
    # Blank once the member is erased.
    sa.Column("decision_reason", sa.Text),
    sa.CheckConstraint("kind IN ('earning', 'frozen_earning', 'referral', 'partner_accrual', 'velocity')", name="kind"),
    sa.CheckConstraint("score BETWEEN 0 AND 100", name="score"),
    sa.CheckConstraint("state IN ('open', 'approved', 'rejected')", name="state"),
    sa.CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decided"),
    sa.CheckConstraint("(decided_at IS NULL) = (decided_by IS NULL)", name="decided_by"),
    # One thing waits once.
    sa.Index("uq_reviews_open", "kind", "subject_id", unique=True, postgresql_where=sa.text("state = 'open'")),
    # The queue, oldest first; the whole list; and a member's.
    sa.Index("ix_reviews_state", "state", "opened_at", "id"),
    sa.Index("ix_reviews_opened_at", "opened_at", "id"),
    sa.Index("ix_reviews_customer_id", "customer_id", "opened_at", "id", postgresql_where=sa.text("customer_id IS NOT NULL")),
)

withheld_events = sa.Table(
    "withheld_events",
    metadata,
    sa.Column("position", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("review_id", sa.Text, sa.ForeignKey("reviews.id"), nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("source_id", sa.Text, nullable=False),
    # Of an erased customer it is empty.
    sa.Column("payload", JSONB, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default=sa.text("'waiting'")),
    sa.CheckConstraint("state IN ('waiting', 'released', 'refused')", name="state"),
    # What is told again waits once.
    sa.UniqueConstraint("type", "source_id"),
    # What a review decides, in the order in which it was told.
    sa.Index("ix_withheld_events_review_id", "review_id", "position"),
    # Whether an order waits or was refused.
    sa.Index("ix_withheld_events_order_id", "order_id", postgresql_where=sa.text("state <> 'released'")),
    # What waits of a member.
    sa.Index("ix_withheld_events_customer_id", "customer_id"),
)

"""What customers are asked for, what they answered, and what was decided by it."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from customers.tables import metadata

_NOW = sa.text("now()")
_STATES = "state IN ('granted', 'pending', 'withdrawn')"

consent_purposes = sa.Table(
    "consent_purposes",
    metadata,
    sa.Column("purpose", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("legal_basis", sa.Text, nullable=False),
    sa.Column("double_opt_in", sa.Boolean, nullable=False),
    # Those that the preference page offers.
    sa.Column("channels", sa.ARRAY(sa.Text), nullable=False),
    # The text that is shown at present.
    sa.Column("text_version", sa.Text),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.CheckConstraint("version > 0", name="version"),
    # GDPR article 6(1).
    sa.CheckConstraint(
        "legal_basis IN ('consent', 'contract', 'legal_obligation', 'vital_interest', 'public_task', 'legitimate_interest')",
        name="legal_basis",
    ),
)
# Never changed: they are what a proof refers to.
consent_texts = sa.Table(
    "consent_texts",
    metadata,
    sa.Column("purpose", sa.Text, sa.ForeignKey("consent_purposes.purpose")),
    sa.Column("text_version", sa.Text),
    # By language: {"lv": {"title": …, "text": …}}.
    sa.Column("texts", JSONB, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.PrimaryKeyConstraint("purpose", "text_version"),
    sa.CheckConstraint("jsonb_typeof(texts) = 'object'", name="texts"),
)
consents = sa.Table(
    "consents",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    # Number of the last event, and of the last entry of the history.
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    # The record that it was given for; a family reads those of all its records.
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("text_version", sa.Text),
    sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
    # Its place among merges: what is decided after a merge is decided for all whom it joined.
    sa.Column("number", sa.BigInteger, nullable=False, server_default=sa.text("nextval('history_numbers')")),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.CheckConstraint("version > 0", name="version"),
    sa.CheckConstraint(_STATES, name="state"),
    # One consent for each purpose and channel; all of a record.
    sa.UniqueConstraint("customer_id", "purpose", "channel"),
)
# Append-only; an erasure alone deletes.
consent_history = sa.Table(
    "consent_history",
    metadata,
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
    sa.PrimaryKeyConstraint("consent_id", "version"),
    sa.CheckConstraint(_STATES, name="state"),
    # The history of a customer, newest first.
    sa.Index(None, "customer_id", "recorded_at"),
)
consent_decisions = sa.Table(
    "consent_decisions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("allowed", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    # Which versions of which consents it rests on: {"con_…": 3}.
    sa.Column("basis", JSONB, nullable=False),
    # When his quiet hours ended that held then.
    sa.Column("quiet_until", sa.DateTime(timezone=True)),
    sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Column("actor", sa.Text, nullable=False),
    # Those of a customer: for his access export and his erasure.
    sa.Index(None, "customer_id", "decided_at"),
)

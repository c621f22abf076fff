"""Restrictions, erasures with their receipts, suppressed identities, and access exports."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from customers.tables import metadata
from shared.following.receipt_keys import describe_receipt_keys

_NOW = sa.text("now()")

receipt_keys = describe_receipt_keys(metadata)

restrictions = sa.Table(
    "restrictions",
    metadata,
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("restricted", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Column("actor", sa.Text, nullable=False),
    sa.CheckConstraint("version > 0", name="version"),
)
erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("customer_ids", sa.ARRAY(sa.Text), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("reimport", sa.Text, nullable=False),
    sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Column("requested_by", sa.Text, nullable=False),
    # A compact JWS, once every service has answered.
    sa.Column("certificate", sa.Text),
    sa.Column("completed_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint("reimport IN ('refuse', 'anew')", name="reimport"),
    sa.CheckConstraint("(certificate IS NULL) = (completed_at IS NULL)", name="complete"),
    # Nobody is erased twice.
    sa.UniqueConstraint("customer_id"),
    # The list, newest first.
    sa.Index(None, "requested_at", "id"),
)
erasure_receipts = sa.Table(
    "erasure_receipts",
    metadata,
    sa.Column("erasure_id", sa.Text, sa.ForeignKey("erasures.id")),
    sa.Column("service", sa.Text),
    # A compact JWS; verified with the pinned key when it arrived.
    sa.Column("receipt", sa.Text, nullable=False),
    sa.Column("kid", sa.Text, nullable=False),
    sa.Column("erased", JSONB, nullable=False),
    sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.PrimaryKeyConstraint("erasure_id", "service"),
)
# The key of a service as it was seen first; no other is believed.
pinned_keys = sa.Table(
    "pinned_keys",
    metadata,
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("kid", sa.Text, nullable=False),
    sa.Column("jwk", JSONB, nullable=False),
    sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
)
# The key of the digests below, as the two pads of HMAC (RFC 2104).
suppression_keys = sa.Table(
    "suppression_keys",
    metadata,
    sa.Column("is_only", sa.Boolean, server_default=sa.true(), primary_key=True),
    sa.Column("inner_pad", sa.LargeBinary, nullable=False),
    sa.Column("outer_pad", sa.LargeBinary, nullable=False),
    sa.CheckConstraint("is_only", name="is_only"),
)
# Erased identities that may not come back, as digests by `identity_digest`.
suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("erasure_id", sa.Text, sa.ForeignKey("erasures.id"), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    # How many an erasure left.
    sa.Index(None, "erasure_id"),
)
access_exports = sa.Table(
    "access_exports",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("customer_ids", sa.ARRAY(sa.Text), nullable=False),
    sa.Column("public_key", sa.Text, nullable=False),
    # Gone once it is expired: what was sealed with it, here and in any log, opens no more.
    sa.Column("private_key", sa.LargeBinary),
    sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    # The list, newest first.
    sa.Index(None, "requested_at", "id"),
    # Those of a customer, for his erasure.
    sa.Index(None, "customer_id"),
    # Those whose time may be over.
    sa.Index(None, "expires_at", postgresql_where=sa.text("private_key IS NOT NULL")),
)
access_export_parts = sa.Table(
    "access_export_parts",
    metadata,
    sa.Column("export_id", sa.Text, sa.ForeignKey("access_exports.id", ondelete="CASCADE")),
    sa.Column("service", sa.Text),
    sa.Column("number", sa.Integer),
    sa.Column("of", sa.Integer, nullable=False),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("provided_at", sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint("export_id", "service", "number"),
    sa.CheckConstraint('number BETWEEN 1 AND "of"', name="number"),
)

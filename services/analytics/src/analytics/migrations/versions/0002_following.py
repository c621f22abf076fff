"""Merged and erased customers, cancelled orders."""

from alembic import op

from shared.following.tables import create_following, drop_following

revision = "0002"
down_revision = "0001"


_UP = """
ALTER TABLE orders ADD shop text, ADD corrects text, ADD is_cancelled boolean NOT NULL DEFAULT false;
ALTER TABLE returns ADD is_cancelled boolean NOT NULL DEFAULT false;
CREATE INDEX ix_returns_order_id ON returns (order_id);
CREATE INDEX ix_returns_customer_id ON returns (customer_id);
CREATE INDEX ix_responses_customer_id ON responses (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX ix_points_movements_customer_id ON points_movements (customer_id);
CREATE TABLE cancellations (
    order_id text NOT NULL CONSTRAINT pk_cancellations PRIMARY KEY,
    customer_id text NOT NULL,
    cancelled_at timestamptz NOT NULL,
    reason text NOT NULL,
    replaced_by text
);
CREATE INDEX ix_cancellations_customer_id ON cancellations (customer_id)
"""
_DOWN = """
DROP TABLE cancellations;
DROP INDEX ix_points_movements_customer_id;
DROP INDEX ix_responses_customer_id;
DROP INDEX ix_returns_customer_id;
DROP INDEX ix_returns_order_id;
ALTER TABLE returns DROP is_cancelled;
ALTER TABLE orders DROP is_cancelled, DROP corrects, DROP shop
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    create_following()
    for statement in _UP.split(";"):
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in _DOWN.split(";"):
        op.execute(statement)
    drop_following()

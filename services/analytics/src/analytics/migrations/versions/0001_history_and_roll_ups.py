"""The history of customers, orders, returns, responses, members and points, and its roll-ups.

Revision ID: 0001
Revises:
"""

from alembic import op

from shared.database.chassis import create_chassis, drop_chassis

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE customers (
    customer_id text NOT NULL CONSTRAINT pk_customers PRIMARY KEY,
    kind text NOT NULL,
    country text,
    language text,
    registered_at timestamptz,
    version bigint NOT NULL
);
CREATE TABLE orders (
    order_id text NOT NULL CONSTRAINT pk_orders PRIMARY KEY,
    customer_id text NOT NULL,
    placed_at timestamptz NOT NULL,
    currency text NOT NULL,
    amount_minor bigint NOT NULL,
    channel text,
    lines jsonb NOT NULL
);
CREATE INDEX ix_orders_customer_id_placed_at ON orders (customer_id, placed_at);
CREATE TABLE returns (
    return_id text NOT NULL CONSTRAINT pk_returns PRIMARY KEY,
    order_id text NOT NULL,
    customer_id text NOT NULL,
    placed_at timestamptz NOT NULL,
    returned_at timestamptz NOT NULL,
    currency text NOT NULL,
    amount_minor bigint NOT NULL,
    lines jsonb NOT NULL
);
CREATE TABLE responses (
    response_id text NOT NULL CONSTRAINT pk_responses PRIMARY KEY,
    customer_id text,
    question text NOT NULL,
    score smallint NOT NULL,
    channel text,
    has_comment boolean NOT NULL,
    answered_at timestamptz NOT NULL,
    CONSTRAINT ck_responses_score CHECK (question = 'nps' AND score BETWEEN 0 AND 10)
);
CREATE TABLE members (
    customer_id text NOT NULL CONSTRAINT pk_members PRIMARY KEY,
    enrolled_at timestamptz NOT NULL
);
CREATE TABLE points_movements (
    entry_id text NOT NULL CONSTRAINT pk_points_movements PRIMARY KEY,
    customer_id text NOT NULL,
    points bigint NOT NULL,
    reason text NOT NULL,
    order_id text,
    occurred_at timestamptz NOT NULL,
    CONSTRAINT ck_points_movements_points CHECK (points <> 0)
);
CREATE TABLE projection (
    id smallint NOT NULL DEFAULT 1 CONSTRAINT pk_projection PRIMARY KEY,
    version bigint NOT NULL DEFAULT 0,
    latest_order_at timestamptz,
    latest_response_at timestamptz,
    latest_movement_at timestamptz,
    CONSTRAINT ck_projection_single CHECK (id = 1)
) WITH (fillfactor = 10);
INSERT INTO projection DEFAULT VALUES;
CREATE TABLE customer_activity (
    customer_id text NOT NULL CONSTRAINT pk_customer_activity PRIMARY KEY,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    came_back_at timestamptz,
    orders integer NOT NULL,
    days integer NOT NULL,
    months integer[] NOT NULL,
    periods integer[] NOT NULL,
    CONSTRAINT ck_customer_activity_counts CHECK (orders >= days AND days >= 1),
    CONSTRAINT ck_customer_activity_moments CHECK (last_at >= first_at)
) WITH (fillfactor = 80);
CREATE TABLE activity_cells (
    cohort date NOT NULL,
    measure text NOT NULL,
    k integer NOT NULL,
    customers bigint NOT NULL,
    CONSTRAINT pk_activity_cells PRIMARY KEY (cohort, measure, k),
    CONSTRAINT ck_activity_cells_customers CHECK (customers >= 0)
) WITH (fillfactor = 50);
CREATE TABLE customer_money (
    customer_id text NOT NULL,
    currency text NOT NULL,
    orders integer NOT NULL,
    last_at timestamptz,
    gross_minor bigint NOT NULL,
    returned_minor bigint NOT NULL,
    CONSTRAINT pk_customer_money PRIMARY KEY (customer_id, currency)
) WITH (fillfactor = 80);
CREATE TABLE order_months (
    month date NOT NULL,
    currency text NOT NULL,
    orders bigint NOT NULL,
    gross_minor bigint NOT NULL,
    returned_minor bigint NOT NULL,
    CONSTRAINT pk_order_months PRIMARY KEY (month, currency)
) WITH (fillfactor = 50);
CREATE TABLE nps_days (
    day date NOT NULL,
    channel text NOT NULL,
    score smallint NOT NULL,
    answers bigint NOT NULL,
    CONSTRAINT pk_nps_days PRIMARY KEY (day, channel, score)
) WITH (fillfactor = 50);
CREATE TABLE points_days (
    day date NOT NULL CONSTRAINT pk_points_days PRIMARY KEY,
    enrolled bigint NOT NULL,
    issued bigint NOT NULL,
    reversed bigint NOT NULL,
    movements bigint NOT NULL
) WITH (fillfactor = 50);
"""

_NAMES = (
    "points_days",
    "nps_days",
    "order_months",
    "customer_money",
    "activity_cells",
    "customer_activity",
    "projection",
    "points_movements",
    "members",
    "responses",
    "returns",
    "orders",
    "customers",
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    create_chassis()
    for statement in filter(str.strip, _TABLES.split(";")):
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for name in _NAMES:
        op.execute(f"DROP TABLE {name}")
    drop_chassis()

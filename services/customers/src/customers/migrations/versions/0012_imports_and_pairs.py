"""What imports told can be withdrawn; rows are recognised by any identity."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.add_column("profile_changes", sa.Column("withdraws", sa.Text))
    op.add_column("exports", sa.Column("runs", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    op.add_column("customer_identities", sa.Column("told_by", sa.ARRAY(sa.Text)))
    op.add_column("imports", sa.Column("matched", JSONB, nullable=False, server_default=sa.text("'{}'")))
    # What dry runs remember helps them only.
    op.execute("TRUNCATE import_keys")
    op.add_column("import_keys", sa.Column("owner", sa.Text, nullable=False))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_column("import_keys", "owner")
    op.drop_column("imports", "matched")
    op.drop_column("customer_identities", "told_by")
    op.drop_column("exports", "runs")
    op.drop_column("profile_changes", "withdraws")

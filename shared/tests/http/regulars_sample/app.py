"""Composition of the sample service."""

from pathlib import Path

import sqlalchemy as sa

from regulars_sample.notes import failures, router
from shared.database.chassis import chassis_metadata
from shared.http.access_events import access_handlers
from shared.service import Service
from shared.settings import ServiceSettings

METADATA = chassis_metadata()
sa.Table(
    "notes",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False, unique=True),
    sa.Column("stars", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("remark", sa.Text),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("written_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.CheckConstraint("stars <= 5", name="stars"),
)

SERVICE = Service(
    name="sample",
    title="Sample",
    settings=ServiceSettings,
    routers=(router, failures),
    handlers=access_handlers,
    migrations=Path(__file__).parent / "migrations",
)

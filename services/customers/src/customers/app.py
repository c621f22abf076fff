"""The composition of the service."""

from pathlib import Path

from shared.service import Service

import customers.orders.models
import customers.profiles.models  # noqa: F401 (describes its tables)
from customers.handlers import HANDLERS
from customers.settings import CustomersSettings
from customers.tables import metadata

SERVICE = Service(
    name="customers",
    title="Regulars: customers",
    settings=CustomersSettings,
    routers=(),
    handlers=HANDLERS,
    metadata=metadata,
    migrations=Path(__file__).parent / "migrations",
)

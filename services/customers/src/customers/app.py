"""The composition of the service."""

from pathlib import Path

import customers.orders.models
import customers.profiles.models  # noqa: F401 (describes its tables)
from customers.access.router import router as access
from customers.access.service import prepare
from customers.handlers import HANDLERS
from customers.orders.router import router as orders
from customers.profiles.router import router as profiles
from customers.settings import CustomersSettings
from customers.tables import metadata
from shared.service import Service

SERVICE = Service(
    name="customers",
    title="Regulars: customers",
    settings=CustomersSettings,
    routers=(profiles, orders, access),
    handlers=HANDLERS,
    metadata=metadata,
    migrations=Path(__file__).parent / "migrations",
    on_start=(prepare,),
)

"""The composition of the service."""

from pathlib import Path

from customers.access.router import router as access
from customers.access.service import prepare
from customers.handlers import HANDLERS
from customers.identities.router import router as identities
from customers.orders.router import router as orders
from customers.profiles.router import router as profiles
from customers.settings import CustomersSettings
from customers.timeline.router import router as timeline
from shared.service import Service

SERVICE = Service(
    name="customers",
    title="Regulars: customers",
    settings=CustomersSettings,
    routers=(identities, profiles, orders, access, timeline),
    handlers=HANDLERS,
    migrations=Path(__file__).parent / "migrations",
    on_start=(prepare,),
)

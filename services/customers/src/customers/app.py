"""The composition of the service."""

from pathlib import Path

from customers.access.router import router as access
from customers.access.service import prepare
from customers.attributes.router import router as attributes
from customers.audit.router import router as audit
from customers.consents.preferences.router import router as preferences
from customers.consents.router import router as consents
from customers.duplicates import scan as scanning
from customers.duplicates.router import router as duplicates
from customers.handlers import HANDLERS
from customers.identities.router import router as identities
from customers.imports import job as importing
from customers.imports import undo as undoing
from customers.imports.router import router as imports
from customers.interactions.router import router as interactions
from customers.merges.router import router as merges
from customers.notes.router import router as notes
from customers.orders.router import router as orders
from customers.privacy.access_exports.router import router as access_exports
from customers.privacy.erasures.router import router as erasures
from customers.privacy.restrictions.router import router as restrictions
from customers.profiles.router import router as profiles
from customers.provenance.router import router as provenance
from customers.purchases.router import router as purchases
from customers.settings import CustomersSettings
from customers.timeline.router import router as timeline
from shared.service import Service

SERVICE = Service(
    name="customers",
    title="Regulars: customers",
    settings=CustomersSettings,
    routers=(
        identities,
        duplicates,
        profiles,
        orders,
        access,
        imports,
        attributes,
        notes,
        timeline,
        audit,
        preferences,
        consents,
        restrictions,
        interactions,
        merges,
        provenance,
        purchases,
        access_exports,
        erasures,
    ),
    handlers=HANDLERS,
    migrations=Path(__file__).parent / "migrations",
    on_start=(prepare,),
    jobs={scanning.KIND: scanning.run, importing.KIND: importing.run, undoing.KIND: undoing.run},
)

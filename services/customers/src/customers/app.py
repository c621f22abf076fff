"""The composition of the service."""

from pathlib import Path

from customers.access.router import router as access
from customers.access.service import prepare
from customers.attributes.router import router as attributes
from customers.audit.passes import chain_audit_log
from customers.audit.router import router as audit
from customers.birthdays.service import tell_birthdays
from customers.consents.preferences.router import router as preferences
from customers.consents.router import router as consents
from customers.contacts.router import router as contacts
from customers.duplicates import scan as scanning
from customers.duplicates.passes import compare_changed
from customers.duplicates.router import router as duplicates
from customers.exports import job as exporting
from customers.exports import service as exported
from customers.exports.router import router as exports
from customers.handlers import HANDLERS
from customers.holdings.router import router as holdings
from customers.holdings.service import notice_due
from customers.identification.router import router as identification
from customers.identities.router import router as identities
from customers.imports import job as importing
from customers.imports import service as imported
from customers.imports import undo as undoing
from customers.imports.router import router as imports
from customers.interactions.router import router as interactions
from customers.materials.router import router as materials
from customers.merges.router import router as merges
from customers.notes.router import router as notes
from customers.orders.router import router as orders
from customers.privacy.access_exports.router import router as access_exports
from customers.privacy.erasures.router import router as erasures
from customers.privacy.passes import shred_expired_exports
from customers.privacy.restrictions.router import router as restrictions
from customers.profiles.router import router as profiles
from customers.provenance.router import router as provenance
from customers.purchases.router import router as purchases
from customers.rebuilding import reset_projection
from customers.search.passes import tidy_name_words
from customers.segments.router import router as segments
from customers.settings import CustomersSettings
from customers.stages.router import router as stages
from customers.timeline.router import router as timeline
from shared.service import Service

SERVICE = Service(
    name="customers",
    title="Regulars: customers",
    settings=CustomersSettings,
    routers=(
        identification,
        identities,
        duplicates,
        profiles,
        orders,
        access,
        imports,
        exports,
        attributes,
        contacts,
        materials,
        notes,
        stages,
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
        holdings,
        segments,
    ),
    handlers=HANDLERS,
    migrations=Path(__file__).parent / "migrations",
    reset_projection=reset_projection,
    on_start=(prepare,),
    jobs={scanning.KIND: scanning.run, importing.KIND: importing.run, undoing.KIND: undoing.run, exporting.KIND: exporting.run},
    passes={
        "access_exports": shred_expired_exports,
        "audit_chain": chain_audit_log,
        "birthdays": tell_birthdays,
        "holdings": notice_due,
        "import_retention": imported.forget_expired,
        "export_retention": exported.forget_expired,
        "name_words": tidy_name_words,
        "duplicates": compare_changed,
    },
)

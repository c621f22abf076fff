# ruff: noqa: F401 - each describes its tables
import customers.attributes.models
import customers.audit.models
import customers.birthdays.models
import customers.consents.models
import customers.contacts.models
import customers.duplicates.models
import customers.exports.models
import customers.holdings.models
import customers.identities.models
import customers.imports.models
import customers.interactions.models
import customers.materials.models
import customers.merges.models
import customers.notes.models
import customers.orders.models
import customers.privacy.models
import customers.profiles.models
import customers.provenance.models
import customers.search.models
import customers.segments.models
import customers.stages.models
import customers.timeline.models
from customers.tables import metadata
from shared.database import alembic_env

alembic_env.run(metadata)

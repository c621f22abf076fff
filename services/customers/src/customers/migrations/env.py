# ruff: noqa: F401 - each describes its tables
import customers.orders.models
import customers.audit.models
import customers.consents.models
import customers.merges.models
import customers.privacy.models
import customers.profiles.models
import customers.timeline.models
import customers.provenance.models
from customers.tables import metadata
from shared.database import alembic_env

alembic_env.run(metadata)

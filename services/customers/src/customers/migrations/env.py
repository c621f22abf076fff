import customers.orders.models
import customers.profiles.models  # noqa: F401 (both describe their tables)
from customers.tables import metadata
from shared.database import alembic_env

alembic_env.run(metadata)

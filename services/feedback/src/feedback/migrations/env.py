import feedback.customers.models
import feedback.metrics.models
import feedback.responses.models  # noqa: F401 - the models describe their tables when they are imported
from feedback.metadata import METADATA
from shared.database import alembic_env

alembic_env.run(METADATA)

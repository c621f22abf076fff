import analytics.history.models
import analytics.points.models
import analytics.purchases.models
import analytics.satisfaction.models  # noqa: F401 - the models describe their tables when they are imported
from analytics.metadata import METADATA
from shared.database import alembic_env

alembic_env.run(METADATA)

from loyalty.models import metadata
from shared.database import alembic_env

alembic_env.run(metadata)

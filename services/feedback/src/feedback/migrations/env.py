from feedback.app import SERVICE
from shared.database import alembic_env

alembic_env.run(SERVICE.metadata)

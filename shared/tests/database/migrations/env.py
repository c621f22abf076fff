from shared.database import alembic_env
from shared.database.chassis import chassis_metadata

alembic_env.run(chassis_metadata())

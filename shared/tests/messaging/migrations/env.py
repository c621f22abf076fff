from messaging_sample import METADATA

from shared.database import alembic_env

alembic_env.run(METADATA)

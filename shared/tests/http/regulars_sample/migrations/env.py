from regulars_sample.app import METADATA

from shared.database.alembic_env import run

run(METADATA)

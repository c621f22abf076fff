from shared.database import alembic_env
from shared.database.chassis import chassis_metadata
from shared.following.tables import describe_following

METADATA = chassis_metadata()
describe_following(METADATA)
alembic_env.run(METADATA)

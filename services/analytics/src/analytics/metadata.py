"""The tables of the service: the chassis', those of following customers and, once the slices' `models` are imported, all of ours."""

from shared.database.chassis import chassis_metadata
from shared.following.tables import describe_following

METADATA = chassis_metadata()
describe_following(METADATA)

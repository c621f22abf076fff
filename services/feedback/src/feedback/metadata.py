"""The tables of the service: the chassis' and, once the slices' `models` are imported, all of ours."""

from shared.database.chassis import chassis_metadata

METADATA = chassis_metadata()

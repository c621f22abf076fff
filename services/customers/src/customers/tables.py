"""The metadata of the service's schema; each slice's `models.py` adds its tables."""

from shared.database.chassis import chassis_metadata

metadata = chassis_metadata()

"""The tables of the loyalty schema: the chassis', and those that each slice declares in its `models.py`."""

from shared.database.chassis import chassis_metadata

metadata = chassis_metadata()

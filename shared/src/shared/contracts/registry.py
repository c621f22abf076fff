"""Importing this module declares every event of the suite."""

from shared.contracts import analytics, customers, feedback, loyalty
from shared.contracts.base import Event, all_event_types, event_type

PRODUCERS = ("customers", "feedback", "loyalty", "analytics")
TOPICS = tuple(f"regulars.{producer}" for producer in PRODUCERS)

__all__ = ["PRODUCERS", "TOPICS", "Event", "all_event_types", "analytics", "customers", "event_type", "feedback", "loyalty"]

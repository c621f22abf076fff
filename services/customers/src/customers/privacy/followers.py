"""The services that keep something of customers beside this one, and the events with which they answer."""

from collections.abc import Mapping

from shared.contracts.analytics import AnalyticsDataProvided, AnalyticsErasureConfirmed
from shared.contracts.base import Event
from shared.contracts.feedback import FeedbackDataProvided, FeedbackErasureConfirmed
from shared.contracts.loyalty import LoyaltyDataProvided, LoyaltyErasureConfirmed

OWN = "customers"
ERASURE_CONFIRMED: tuple[type[Event], ...] = (AnalyticsErasureConfirmed, FeedbackErasureConfirmed, LoyaltyErasureConfirmed)
DATA_PROVIDED: tuple[type[Event], ...] = (AnalyticsDataProvided, FeedbackDataProvided, LoyaltyDataProvided)


def service_of(event: type[Event]) -> str:
    """Return the service that sends an event."""
    return event.topic.rpartition(".")[2]


# Whose answers make an erasure or an access export complete.
SERVICES: tuple[str, ...] = tuple(sorted({OWN, *(service_of(event) for event in ERASURE_CONFIRMED)}))
assert set(SERVICES) == {OWN, *(service_of(event) for event in DATA_PROVIDED)}


def missing(answered: Mapping[str, object] | set[str]) -> list[str]:
    """Return the services that have not answered yet."""
    return [service for service in SERVICES if service not in answered]

"""Every event that feedback listens to."""

from feedback.customers.service import on_customers_registered, on_customers_updated
from feedback.privacy.service import collect, erase
from shared.contracts.customers import CustomerRegistered, CustomerUpdated
from shared.contracts.feedback import FeedbackDataProvided, FeedbackErasureConfirmed
from shared.following.access import access_request_handlers
from shared.following.erasure import erasure_handlers
from shared.following.links import following_handlers
from shared.following.tombstones import unless_erased
from shared.http.access_events import access_handlers
from shared.messaging.handlers import HandlerTable

HANDLERS: HandlerTable = {
    **access_handlers,
    **erasure_handlers(erase, FeedbackErasureConfirmed),
    **following_handlers(),
    CustomerRegistered: unless_erased(on_customers_registered),
    CustomerUpdated: unless_erased(on_customers_updated),
    **access_request_handlers(collect, FeedbackDataProvided),
}

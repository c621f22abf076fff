"""Every event that feedback listens to."""

from feedback.customers.service import on_customers_registered, on_customers_updated
from shared.contracts.customers import CustomerRegistered, CustomerUpdated
from shared.http.access_events import access_handlers
from shared.messaging.handlers import HandlerTable

HANDLERS: HandlerTable = {
    **access_handlers,
    CustomerRegistered: on_customers_registered,
    CustomerUpdated: on_customers_updated,
}

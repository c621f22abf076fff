"""What other services answer to erasures and to customers who want to see their data."""

from customers.privacy.access_exports.service import on_data_provided
from customers.privacy.erasures.service import on_erasures_confirmed
from customers.privacy.followers import DATA_PROVIDED, ERASURE_CONFIRMED
from shared.messaging.handlers import HandlerTable

PRIVACY_HANDLERS: HandlerTable = {
    **dict.fromkeys(ERASURE_CONFIRMED, on_erasures_confirmed),
    **dict.fromkeys(DATA_PROVIDED, on_data_provided),
}

"""Every event that analytics listens to."""

from analytics.history.service import on_customers_registered, on_customers_updated
from analytics.points.service import on_members_enrolled, on_points_accrued, on_points_reversed
from analytics.purchases.service import on_orders_placed, on_orders_returned
from analytics.satisfaction.service import on_responses_recorded
from shared.contracts.customers import CustomerRegistered, CustomerUpdated, OrderPlaced, OrderReturned
from shared.contracts.feedback import ResponseRecorded
from shared.contracts.loyalty import MemberEnrolled, PointsAccrued, PointsReversed
from shared.http.access_events import access_handlers
from shared.messaging.handlers import HandlerTable

HANDLERS: HandlerTable = {
    **access_handlers,
    CustomerRegistered: on_customers_registered,
    CustomerUpdated: on_customers_updated,
    OrderPlaced: on_orders_placed,
    OrderReturned: on_orders_returned,
    ResponseRecorded: on_responses_recorded,
    MemberEnrolled: on_members_enrolled,
    PointsAccrued: on_points_accrued,
    PointsReversed: on_points_reversed,
}

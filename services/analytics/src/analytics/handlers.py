"""Every event that analytics listens to."""

from analytics.history.service import lock, on_customers_registered, on_customers_updated
from analytics.people.service import on_families_changed
from analytics.points.service import on_members_enrolled, on_points_accrued, on_points_reversed
from analytics.privacy.service import collect, erase
from analytics.purchases.service import on_orders_cancelled, on_orders_placed, on_orders_returned
from analytics.satisfaction.service import on_responses_recorded
from shared.contracts.analytics import AnalyticsDataProvided, AnalyticsErasureConfirmed
from shared.contracts.customers import CustomerRegistered, CustomerUpdated, OrderCancelled, OrderPlaced, OrderReturned
from shared.contracts.feedback import ResponseRecorded
from shared.contracts.loyalty import MemberEnrolled, PointsAccrued, PointsReversed
from shared.following.access import access_request_handlers
from shared.following.erasure import erasure_handlers
from shared.following.links import following_handlers
from shared.http.access_events import access_handlers
from shared.messaging.handlers import HandlerTable

HANDLERS: HandlerTable = {
    **access_handlers,
    **erasure_handlers(erase, AnalyticsErasureConfirmed, on_change=on_families_changed, lock=lock),
    **following_handlers(on_families_changed, lock=lock),
    CustomerRegistered: on_customers_registered,
    CustomerUpdated: on_customers_updated,
    OrderPlaced: on_orders_placed,
    OrderReturned: on_orders_returned,
    OrderCancelled: on_orders_cancelled,
    ResponseRecorded: on_responses_recorded,
    MemberEnrolled: on_members_enrolled,
    PointsAccrued: on_points_accrued,
    PointsReversed: on_points_reversed,
    **access_request_handlers(collect, AnalyticsDataProvided),
}

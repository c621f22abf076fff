"""What the analytics service tells."""

from shared.contracts.base import Event
from shared.contracts.privacy import DataProvided, ErasureConfirmed


class AnalyticsErasureConfirmed(
    ErasureConfirmed,
    Event,
    type="regulars.analytics.erasure_confirmed.v1",
    aggregate="erasure_receipt",
    aggregate_id="receipt_id",
    key="customer_id",
):
    """What analytics knew of a customer is erased."""


class AnalyticsDataProvided(
    DataProvided,
    Event,
    type="regulars.analytics.data_provided.v1",
    aggregate="access_export_part",
    aggregate_id="part_id",
    key="customer_id",
):
    """What analytics keeps of a customer, sealed for one request."""

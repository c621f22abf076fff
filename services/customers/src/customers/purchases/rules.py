"""When a customer is likely to buy again."""

from datetime import datetime, timedelta

from shared.statistics import round_half_away


def shown_interval(days: float | None) -> float | None:
    """Return the usual interval between purchases in days, rounded once; None where there was no second purchase."""
    return None if days is None else round_half_away(days)


def next_expected_at(last_at: datetime, days: float | None) -> datetime | None:
    """Return when the next purchase is due if the customer keeps to his usual interval; None where he has none.

    Args:
        last_at: of his last purchase.
        days: the median of the days between his purchases.
    """
    return None if days is None else last_at + timedelta(days=days)

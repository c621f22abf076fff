"""What counts as an interaction, and when it can have happened."""

from datetime import datetime, timedelta

from customers.interactions.errors import KindReserved, OccurredAtRefused

# Clocks and time zones of clients differ from ours.
CLOCK_MARGIN = timedelta(days=1)
# Touches that come of something else than an interaction.
RESERVED_KINDS = frozenset(
    {
        *("order", "order_cancelled", "return", "consent", "stage", "stage_changed", "note", "merge", "unmerge", "response"),
        *("member_enrolled", "points_accrued", "points_reversed", "holding_alert"),
    }
)


def check_kind(kind: str) -> None:
    """Refuse a kind that is not an interaction's.

    Raises:
        KindReserved: it is one.
    """
    if kind in RESERVED_KINDS:
        raise KindReserved(pointer="/kind")


def check_occurred_at(occurred_at: datetime, now: datetime) -> None:
    """Refuse a moment after tomorrow.

    Raises:
        OccurredAtRefused: it is one.
    """
    if occurred_at > now + CLOCK_MARGIN:
        raise OccurredAtRefused(pointer="/occurred_at")
